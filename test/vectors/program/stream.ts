/** The seeded numbers that golden vectors are made of: ordinary, special, any bits, near the bounds. */

import { elementBytes, elementCount } from '../../../src/program/shape.ts'
import { F32, S32, type Tensor } from '../../../src/program/types.ts'

/** xorshift32: the same numbers on every machine. */
export class Stream {
  private state: number

  constructor(seed: number) {
    this.state = seed | 1
  }

  word(): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return this.state >>> 0
  }

  below(limit: number): number {
    return this.word() % limit
  }
}

/** Zeros, subnormals, both bounds of the rules and their neighbours, NaN of four kinds, infinities. */
export const SPECIAL_F32: readonly number[] = [
  0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x0bffffff,
  0x0c000000, 0x8c000000, 0x8bffffff, 0x2b7fffff, 0x2b800000, 0xab800000, 0xab7fffff, 0x3f800000,
  0xbf800000, 0x3f800001, 0x3f000000, 0x40200000, 0x42b17218, 0xc2aeac4f, 0x4b400000, 0x4f000000,
  0xcf000000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001,
  0xff812345,
]
export const SPECIAL_S32: readonly number[] = [
  0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000, 0x7ffffffe, 0x10000, -0x10000, 0xffff,
]

/**
 * `plain` from 2^-6 to 2^3, `special` the lists above, `wild` any bits, `tiny` near the bounds of the
 * rules, `equal` one number, `ramp` every size from 2^-44 to 2^8, `index` s32 around the rows of a
 * small table.
 */
export type Fill = 'plain' | 'special' | 'wild' | 'tiny' | 'equal' | 'ramp' | 'index'

function f32Bits(stream: Stream, fill: Fill): number {
  const word = stream.word()
  switch (fill) {
    case 'special':
      return SPECIAL_F32[word % SPECIAL_F32.length] as number
    case 'wild':
      return word
    case 'tiny':
      // Exponents around 2^-103 and 2^-40.
      return (
        ((word & 0x807fffff) | (((stream.below(2) === 0 ? 22 : 85) + stream.below(5)) << 23)) >>> 0
      )
    case 'equal':
      return 0x3f800000
    case 'ramp':
      return ((word & 0x807fffff) | ((83 + stream.below(52)) << 23)) >>> 0
    case 'index':
    case 'plain':
      // Magnitudes from 2^-6 to 2^3.
      return ((word & 0x807fffff) | ((121 + stream.below(9)) << 23)) >>> 0
  }
}

function s32Value(stream: Stream, fill: Fill): number {
  if (fill === 'special') return SPECIAL_S32[stream.below(SPECIAL_S32.length)] as number
  if (fill === 'equal') return 7
  if (fill === 'index') return stream.below(9) - 2
  return fill === 'wild' ? stream.word() | 0 : (stream.word() % 200_001) - 100_000
}

export function tensor(stream: Stream, dtype: number, dims: readonly number[], fill: Fill): Tensor {
  const bytes = new Uint8Array(elementCount(dims) * elementBytes(dtype))
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += elementBytes(dtype)) {
    if (dtype === F32) view.setUint32(at, f32Bits(stream, fill), true)
    else if (dtype === S32) view.setInt32(at, s32Value(stream, fill), true)
    else view.setUint8(at, fill === 'special' ? 128 : fill === 'equal' ? 7 : stream.below(256))
  }
  return { type: { dtype, dims }, bytes }
}
