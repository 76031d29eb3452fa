/**
 * What a finished run contributes to its receipt: the fields that come from the data alone.
 *
 * The ledger's receipt has more (job, attempt, payment, signature); whoever signs adds them.
 * Source: docs/reference/numerics.md, section 7.
 */

import { assert } from '../base/assert.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { blake3 } from '../base/hash.ts'
import { outputDigestOf } from '../program/digest.ts'
import { outputOps } from '../program/op-table.ts'
import { traceRoot } from '../program/trace.ts'
import type { Program } from '../program/types.ts'
import type { FabricManifest, RunDone } from './fabric.ts'

const FABRIC_NAME_BYTES_MAX = 32

export interface ReceiptDraft {
  /** ASCII, at most 32 bytes. */
  readonly fabric: Uint8Array
  readonly kernelDigest: Uint8Array
  readonly outputDigest: Uint8Array
  readonly traceRoot: Uint8Array
  /** BLAKE3 of the trace manifest. */
  readonly manifestDigest: Uint8Array
}

/** The trace manifest: the digests of all op outputs in program order, joined. */
export function traceManifest(opDigests: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...opDigests)
}

export function draftReceipt(
  program: Program,
  manifest: FabricManifest,
  outcome: RunDone,
): ReceiptDraft {
  assert(outcome.opDigests.length === program.ops.length, 'every op output has a digest')
  const fabric = utf8(manifest.name)
  assert(fabric.length <= FABRIC_NAME_BYTES_MAX, 'the name of a fabric fits a receipt')
  return {
    fabric,
    kernelDigest: manifest.kernelDigest,
    outputDigest: outcome.outputDigest,
    traceRoot: traceRoot(outcome.opDigests),
    manifestDigest: outcome.manifestDigest,
  }
}

/** The same run with other op outputs: digests that follow from them are made anew. */
export function outcomeWith(
  program: Program,
  outcome: RunDone,
  opDigests: readonly Uint8Array[],
): RunDone {
  const ops = outputOps(program)
  return {
    ...outcome,
    opDigests,
    outputs: outcome.outputs.map((output, index) => ({
      ...output,
      digest: opDigests[ops[index] as number] as Uint8Array,
    })),
    outputDigest: outputDigestOf(program, opDigests),
    manifestDigest: blake3(traceManifest(opDigests)),
  }
}
