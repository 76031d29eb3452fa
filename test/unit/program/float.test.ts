/** f32 in f64: fused multiply-add against rationals, exp against the library, rounding. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { exp } from '../../../src/program/semantics/elementary.ts'
import { fma, fromBits, roundHalfEven, toBits } from '../../../src/program/semantics/float.ts'
import { bitsOf, floatOf, fmaBits } from './rational.ts'

const magnitudeMax = 0x7f7fffff
const sign = fc.constantFrom(0, 0x80000000)
const anyFinite = fc
  .tuple(sign, fc.oneof(fc.nat(magnitudeMax), fc.nat(0x7fffff), fc.constantFrom(0, 1, 0x00800000)))
  .map(([s, magnitude]) => (s | magnitude) >>> 0)

/** Values near each other in exponent, where cancellation and ties happen. */
const nearOne = fc
  .tuple(sign, fc.integer({ min: 120, max: 134 }), fc.nat(0x7fffff))
  .map(([s, field, fraction]) => (s | (field << 23) | fraction) >>> 0)

/** Few digits: products and sums that fall exactly between two f32. */
const short = fc
  .tuple(sign, fc.integer({ min: 100, max: 154 }), fc.nat(0xfff))
  .map(([s, field, fraction]) => (s | (field << 23) | (fraction << 11)) >>> 0)

function agrees(a: number, b: number, c: number): void {
  const ours = bitsOf(fma(floatOf(a), floatOf(b), floatOf(c)))
  const exact = fmaBits(a, b, c)
  // The sign of an exact zero is decided by IEEE 754, not by the rationals.
  const isZero = (exact & 0x7fffffff) === 0
  check.equal(isZero ? ours & 0x7fffffff : ours, isZero ? 0 : exact, `${a} ${b} ${c}`)
}

describe('fma', () => {
  it('equals rational arithmetic on all finite operands', () => {
    fc.assert(fc.property(anyFinite, anyFinite, anyFinite, agrees), { numRuns: 20_000 })
  })

  it('equals rational arithmetic where operands nearly cancel', () => {
    fc.assert(fc.property(nearOne, nearOne, nearOne, agrees), { numRuns: 20_000 })
    fc.assert(fc.property(short, short, short, agrees), { numRuns: 20_000 })
  })

  it('rounds once where product and sum rounded apart differ', () => {
    const a = floatOf(0x3f800800)
    const separate = Math.fround(Math.fround(a * a) - 1)
    check.notEqual(fma(a, a, -1), separate)
    agrees(0x3f800800, 0x3f800800, 0xbf800000)
    // 2^24 + 1 + a crumb: the double sum is a tie, the exact one is above it.
    agrees(0x4b800000, 0x3f800000, 0x3f800001)
    agrees(0x3f800000 | 1, 0x3f800000 | 1, 0x33800000)
  })

  it('follows IEEE 754 on infinities, NaN and zeros', () => {
    const infinity = Number.POSITIVE_INFINITY
    check.ok(Number.isNaN(fma(infinity, 0, 1)))
    check.ok(Number.isNaN(fma(infinity, 1, -infinity)))
    check.equal(fma(infinity, 2, -1), infinity)
    check.equal(fma(1, 1, infinity), infinity)
    check.ok(Object.is(fma(-1, 0, 0), 0))
    check.ok(Object.is(fma(-1, 0, -0), -0))
    check.equal(fma(floatOf(0x7f7fffff), 2, 0), infinity)
  })
})

describe('exp', () => {
  it('is within two units in the last place of the true value', () => {
    fc.assert(
      fc.property(fc.float({ min: -87, max: 88, noNaN: true }), (x) => {
        const ours = exp(x)
        const unit = Math.abs(fromBits(toBits(ours) + 1) - ours)
        check.ok(Math.abs(ours - Math.exp(x)) <= 2 * unit, `exp(${x}) = ${ours}`)
      }),
      { numRuns: 20_000 },
    )
  })

  it('has the edges of the specification', () => {
    check.equal(exp(0), 1)
    check.equal(exp(Number.NEGATIVE_INFINITY), 0)
    check.equal(exp(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
    check.equal(exp(88.75), Number.POSITIVE_INFINITY)
    check.equal(exp(-87.5), 0)
    check.ok(Number.isNaN(exp(Number.NaN)))
  })
})

describe('roundHalfEven', () => {
  it('takes ties to the even neighbour', () => {
    const cases = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, -2.5001, 3]
    check.deepEqual(
      cases.map((value) => roundHalfEven(value) + 0),
      [0, 2, 2, 0, -2, -2, 2, -3, 3],
    )
  })
})
