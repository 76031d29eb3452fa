/**
 * f32 arithmetic exact in f64: one rounding where BT-Num says one rounding.
 *
 * Sums, differences, products and quotients of two f32 may be computed in f64 and rounded again:
 * 53 >= 2 * 24 + 2 digits make the second rounding harmless. A fused multiply-add needs more care:
 * the product is exact in f64, the sum is rounded to odd, and only then to f32.
 * Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
 */

const DOUBLE = new Float64Array(1)
const DOUBLE_WORDS = new Uint32Array(DOUBLE.buffer)
const SINGLE = new Float32Array(1)
const SINGLE_WORD = new Int32Array(SINGLE.buffer)

/** The f32 with these bits. */
export function fromBits(bits: number): number {
  SINGLE_WORD[0] = bits
  return SINGLE[0] as number
}

/** The bits of an f32, as s32. */
export function toBits(value: number): number {
  SINGLE[0] = value
  return SINGLE_WORD[0] as number
}

/** a * b + c rounded once to f32; operands are f32. */
export function fma(a: number, b: number, c: number): number {
  const product = a * b
  const sum = product + c
  const share = sum - product
  // What the rounding of `sum` lost, exactly (Knuth's two-sum); NaN when something is infinite.
  const error = product - (sum - share) + (c - share)
  if (error === 0 || Number.isNaN(error)) return Math.fround(sum)
  return Math.fround(roundToOdd(sum, error))
}

/** The f64 neighbour of the exact `sum + error` whose last digit is 1. */
function roundToOdd(sum: number, error: number): number {
  DOUBLE[0] = sum
  const low = DOUBLE_WORDS[0] as number
  if ((low & 1) === 1) return sum
  const isUp = error > 0 === sum > 0
  if (isUp) {
    // An even last digit has no carry.
    DOUBLE_WORDS[0] = low + 1
  } else {
    if (low === 0) DOUBLE_WORDS[1] = (DOUBLE_WORDS[1] as number) - 1
    DOUBLE_WORDS[0] = low - 1
  }
  return DOUBLE[0]
}

const EXP_HIGHEST = fromBits(0x42b1_7218)
const EXP_LOWEST = fromBits(0xc2ae_ac4f)
const LOG2_E = fromBits(0x3fb8_aa3b)
const SHIFT = fromBits(0x4b40_0000)
const MINUS_LN2_HIGH = fromBits(0xbf31_7218)
const MINUS_LN2_LOW = fromBits(0x3102_e308)
const POLYNOMIAL: readonly number[] = [
  fromBits(0x3ab6_aa0e),
  fromBits(0x3c09_083d),
  fromBits(0x3d2a_aa72),
  fromBits(0x3e2a_aa6c),
  0.5,
  1,
  1,
]

/** 2^k for k in [-126, 127]. */
function scaleOf(k: number): number {
  return fromBits((k + 127) << 23)
}

/** docs/reference/numerics.md, section 4. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x
  if (x > EXP_HIGHEST) return Number.POSITIVE_INFINITY
  if (x < EXP_LOWEST) return 0
  const shifted = fma(x, LOG2_E, SHIFT)
  const n = Math.fround(shifted - SHIFT)
  const r = fma(n, MINUS_LN2_LOW, fma(n, MINUS_LN2_HIGH, x))
  let p = POLYNOMIAL[0] as number
  for (let index = 1; index < POLYNOMIAL.length; index++) {
    p = fma(p, r, POLYNOMIAL[index] as number)
  }
  const k = toBits(shifted) - 0x4b40_0000
  const half = k >> 1
  return Math.fround(Math.fround(p * scaleOf(half)) * scaleOf(k - half))
}

/** Nearest whole number, ties to even, of a number in [-2^51, 2^51]. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const part = value - below
  if (part < 0.5) return below
  if (part > 0.5) return below + 1
  return below % 2 === 0 ? below : below + 1
}

/** Clamped to the range of s8. */
export function clampS8(value: number): number {
  return Math.max(-128, Math.min(127, value))
}
