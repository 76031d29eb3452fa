/** The strict codec: one encoding of a value, limits before allocation. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import {
  bool,
  byteList,
  bytes32,
  bytesOf,
  type Codec,
  container,
  decode,
  encode,
  list,
  optional,
  u8,
  u16,
  u32,
  u64,
  u128,
} from '../../src/base/codec.ts'
import { attempt } from '../../src/base/refusal.ts'

const Inner = container({ left: u16, right: byteList(5) })
const Sample = container({
  small: u8,
  word: u32,
  long: u64,
  money: u128,
  flag: bool,
  id: bytes32,
  note: byteList(16),
  inner: list(Inner, 3),
  numbers: list(u64, 4),
  maybe: optional(bytesOf(4)),
})

const arbitrary = fc.record({
  small: fc.nat(255),
  word: fc.nat(0xffffffff),
  long: fc.bigInt(0n, (1n << 64n) - 1n),
  money: fc.bigInt(0n, (1n << 128n) - 1n),
  flag: fc.boolean(),
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  note: fc.uint8Array({ maxLength: 16 }),
  inner: fc.array(fc.record({ left: fc.nat(65535), right: fc.uint8Array({ maxLength: 5 }) }), {
    maxLength: 3,
  }),
  numbers: fc.array(fc.bigInt(0n, (1n << 64n) - 1n), { maxLength: 4 }),
  maybe: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 })),
})

function codeOf<Value>(codec: Codec<Value>, bytes: Uint8Array): string {
  const outcome = attempt(() => decode(codec, bytes))
  return 'refused' in outcome ? outcome.refused.code : 'accepted'
}

describe('codec', () => {
  it('gives back what it encoded', () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = encode(Sample, value)
        check.ok(bytes.length <= Sample.bytesMax)
        check.deepEqual(encode(Sample, decode(Sample, bytes)), bytes)
      }),
    )
  })

  it('accepts a mutated encoding only if it is the encoding of another value', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = encode(Sample, value)
        bytes[at % bytes.length] = byte
        const outcome = attempt(() => decode(Sample, bytes))
        if ('value' in outcome) check.deepEqual(encode(Sample, outcome.value), bytes)
      }),
    )
  })

  it('refuses trailing, missing and oversized bytes', () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = encode(Sample, value)
        check.notEqual(codeOf(container({ a: u32 }), new Uint8Array(5)), 'accepted')
        check.notEqual(codeOf(Sample, bytes.subarray(0, 40)), 'accepted')
        check.equal(codeOf(Sample, new Uint8Array(Sample.bytesMax + 1)), 'codec_oversized')
      }),
    )
  })

  it('refuses a flag that is neither 0 nor 1', () => {
    check.equal(codeOf(container({ flag: bool }), Uint8Array.of(2)), 'codec_malformed')
  })

  it('encodes nothing that is out of range', () => {
    check.throws(() => encode(u8, 256), /fits u8/)
    check.throws(() => encode(u64, 1n << 64n), /fits u64/)
    check.throws(() => encode(bytes32, new Uint8Array(31)), /32 bytes/)
    check.throws(() => encode(list(u8, 2), [1, 2, 3]), /at most 2/)
  })
})
