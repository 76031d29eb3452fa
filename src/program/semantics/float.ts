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

/** 2^-103 and 2^-40: docs/reference/numerics.md, section 2. */
const STORE_BOUND = fromBits(0x0c00_0000)
const FLOOR_BOUND = fromBits(0x2b80_0000)

/** BT-Num `load` and `store` on an f32: one NaN, and +0 for what is smaller than 2^-103. */
export function store(value: number): number {
  return Math.abs(value) < STORE_BOUND ? 0 : value
}

/** BT-Num `floor` on an f32. */
export function floorOf(value: number): number {
  return Math.abs(value) < FLOOR_BOUND ? 0 : value
}

/** The larger; NaN if either is NaN. */
export function higher(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN
  return a >= b ? a : b
}

/** The smaller; NaN if either is NaN. */
export function lower(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN
  return a <= b ? a : b
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
