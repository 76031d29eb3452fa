/**
 * The provider that falsifies: an ordinary node whose courier changes one element of an integer
 * job's first op after an honest run, and passes the rest on as it came.
 *
 * It exists for the devnet and for tests; nothing of it is in the node.
 */

import '../src/p2p/io/polyfill.ts'

import { runNodeProcess } from '../src/cli/node-process.ts'
import type { Tamper } from '../src/compute/courier.ts'
import { outcomeWith, traceManifest } from '../src/compute/receipt-draft.ts'
import { valueTypes } from '../src/program/ir.ts'
import { S32 } from '../src/program/types.ts'
import { stopWithParent } from './parent.ts'

stopWithParent()
await runNodeProcess(process.argv[2] ?? '', {
  tamper:
    (blobs): Tamper =>
    (job, outcome, done) => {
      const { program } = job
      const first = valueTypes(program)[program.inputs.length + program.weights.length]
      const digest = outcome.opDigests[0]
      if (first?.dtype !== S32 || digest === undefined) {
        done(outcome)
        return
      }
      blobs.get(digest, (bytes) => {
        if (bytes === undefined) {
          done(outcome)
          return
        }
        const falsified = Uint8Array.from(bytes)
        falsified[0] = (falsified[0] as number) ^ 1
        blobs.put(falsified, (changed) => {
          const opDigests = [changed, ...outcome.opDigests.slice(1)]
          blobs.put(traceManifest(opDigests), () => done(outcomeWith(program, outcome, opDigests)))
        })
      })
    },
})
