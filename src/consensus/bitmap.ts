/** Sets of validator indices as bytes: bit i, little-endian in each byte, stands for validator i. */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'

/** The shortest bitmap that holds `indices`; the last byte is never zero. */
export function bitmapOf(indices: readonly number[]): Uint8Array {
  const highest = indices.reduce((most, index) => Math.max(most, index), -1)
  const bytes = new Uint8Array((highest + 8) >> 3)
  for (const index of indices) {
    const at = index >> 3
    const bit = 1 << (index & 7)
    assert(((bytes[at] as number) & bit) === 0, 'an index stands in a bitmap once')
    bytes[at] = (bytes[at] as number) | bit
  }
  return bytes
}

/**
 * The indices of a bitmap, ascending.
 * @throws RefusalError certificate_malformed when the bitmap is longer than it needs to be.
 */
export function indicesOf(bitmap: Uint8Array): number[] {
  if (bitmap.length > 0 && bitmap[bitmap.length - 1] === 0) {
    refuse('certificate_malformed', { reason: 'the bitmap has a last byte of zero' })
  }
  const indices: number[] = []
  bitmap.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (1 << bit)) !== 0) indices.push(8 * at + bit)
    }
  })
  return indices
}
