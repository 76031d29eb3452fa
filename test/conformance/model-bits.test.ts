/** A public model gives the same bits on the evaluator and on every fabric of this machine. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { RefusalError } from '../../src/base/refusal.ts'
import { FABRICS, isBuilt } from '../../src/compute/io/fabric-catalogue.ts'
import { openFabricDevice } from '../../src/compute/io/fabric-device.ts'
import { importOnnx } from '../../src/model/onnx/import.ts'
import { tensorDigest } from '../../src/program/digest.ts'
import { evaluate } from '../../src/program/evaluate.ts'
import { installNativeHash } from '../../src/runtime/io/native-hash.ts'
import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import { DIRECTION_SHAPE, directionModel } from '../vectors/models/direction.ts'

/** What a machine may lack; everything else is a failure. */
const ABSENT: readonly string[] = ['fabric_unusable', 'isa_unavailable']

describe('the text-direction classifier', () => {
  it('has the same 342 op outputs on every fabric', async function () {
    this.timeout(120_000)
    installNativeHash()
    const shapes = new Map([['x', DIRECTION_SHAPE]])
    const { program, weights } = importOnnx(directionModel(), { shapes }).emitted.named
    const rng = new SeededRng(1)
    const pixels = Float32Array.from({ length: 3 * 48 * 192 }, () => rng.u32() / 0x8000_0000 - 1)
    const given = [new Uint8Array(pixels.buffer), ...weights]
    const wanted = evaluate(program, given.slice(0, 1), weights).map(tensorDigest).map(toHex)
    check.equal(wanted.length, 342)
    const ran: string[] = []
    for (const entry of FABRICS.filter(isBuilt)) {
      for (const isa of entry.isas.length === 0 ? [undefined] : entry.isas) {
        const name = `${entry.name} ${isa ?? ''}`.trim()
        try {
          const device = await openFabricDevice({ entry, isa, threads: 1 })
          try {
            const { opDigests } = await device.run(program, given)
            check.deepEqual(opDigests.map(toHex), wanted, name)
            ran.push(name)
          } finally {
            await device.close()
          }
        } catch (error) {
          const code = error instanceof RefusalError ? error.refusal.code : ''
          if (!ABSENT.includes(code)) throw error
        }
      }
    }
    check.ok(ran.includes('cpu scalar'), ran.join(', '))
  })
})
