/** Digests of tensors and of what a run gives back (numerics.md, section 7). */

import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { blake3 } from '../base/hash.ts'
import { producerOf } from './ir.ts'
import type { Program } from './types.ts'

/** Plain BLAKE3 of the bytes. */
export function tensorDigest(bytes: Uint8Array): Uint8Array {
  return blake3(bytes)
}

/**
 * The digest a receipt names: of the one output tensor, or of the concatenated digests of several.
 * So it always names a blob: the tensor itself, or a manifest of 32 bytes an output.
 */
export function outputDigest(digests: readonly Uint8Array[]): Uint8Array {
  assert(digests.length > 0, 'a program has at least one output')
  return digests.length === 1 ? (digests[0] as Uint8Array) : blake3(concatBytes(...digests))
}

/** The output digest of a run whose op outputs have these digests, in program order. */
export function outputDigestOf(program: Program, opDigests: readonly Uint8Array[]): Uint8Array {
  assert(opDigests.length === program.ops.length, 'there is one digest for every op')
  return outputDigest(
    program.outputs.map((value) => opDigests[producerOf(program, value)] as Uint8Array),
  )
}
