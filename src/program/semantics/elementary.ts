/**
 * The elementary functions of docs/reference/numerics.md, section 4, each rounding where the page
 * rounds: arguments and results are f32, `fround` stands after every plain operation.
 */

import { fma, fromBits, toBits } from './float.ts'

const { fround } = Math

/** 1 / a, and so on: one rounding, for a quotient of two f32 in f64 rounds to the right f32. */
function quotient(a: number, b: number): number {
  return fround(a / b)
}

function coefficients(...bits: readonly number[]): readonly number[] {
  return bits.map(fromBits)
}

/** The highest power first. */
function poly(x: number, [first, ...rest]: readonly number[]): number {
  let p = first as number
  for (const coefficient of rest) p = fma(p, x, coefficient)
  return p
}

/** The magnitude of `y` with the sign of `x`. */
function signed(y: number, x: number): number {
  return x < 0 ? -y : y
}

const EXP_HIGHEST = fromBits(0x42b1_7218)
const EXP_LOWEST = fromBits(0xc2ae_ac4f)
const LOG2_E = fromBits(0x3fb8_aa3b)
const SHIFT = fromBits(0x4b40_0000)
const MINUS_LN2_HIGH = fromBits(0xbf31_7218)
const MINUS_LN2_LOW = fromBits(0x3102_e308)
const EXP = coefficients(
  0x3ab6_aa0e,
  0x3c09_083d,
  0x3d2a_aa72,
  0x3e2a_aa6c,
  0x3f00_0000,
  0x3f80_0000,
  0x3f80_0000,
)

/** 2^k for k in [-126, 127]. */
function scaleOf(k: number): number {
  return fromBits((k + 127) << 23)
}

export function exp(x: number): number {
  if (Number.isNaN(x)) return x
  if (x > EXP_HIGHEST) return Number.POSITIVE_INFINITY
  if (x < EXP_LOWEST) return 0
  const shifted = fma(x, LOG2_E, SHIFT)
  const n = fround(shifted - SHIFT)
  const r = fma(n, MINUS_LN2_LOW, fma(n, MINUS_LN2_HIGH, x))
  const p = poly(r, EXP)
  const k = toBits(shifted) - 0x4b40_0000
  const half = k >> 1
  return fround(fround(p * scaleOf(half)) * scaleOf(k - half))
}

const LN2_HIGH = fromBits(0x3f31_7218)
const LN2_LOW = fromBits(0xb102_e308)
const LOG = coefficients(
  0xbda2_ab0f,
  0x3e01_6bd2,
  0xbe05_0cb3,
  0x3e11_8984,
  0xbe2a_68a0,
  0x3e4c_cfa1,
  0xbe80_0066,
  0x3eaa_aaaa,
)

export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (x === Number.POSITIVE_INFINITY) return x
  const u = toBits(x) + 0x004a_fb0d
  const n = (u >>> 23) - 127
  const f = fround(fromBits((u & 0x007f_ffff) + 0x3f35_04f3) - 1)
  const s = fround(f * f)
  const cubic = fround(fround(poly(f, LOG) * f) * s)
  const tail = fma(n, LN2_LOW, fma(-0.5, s, cubic))
  return fma(n, LN2_HIGH, fround(f + tail))
}

/** NaN below zero. The root of an f32 in f64 rounds to the right f32. */
export function sqrt(x: number): number {
  return fround(Math.sqrt(x))
}

export function rsqrt(x: number): number {
  return quotient(1, sqrt(x))
}

export function sigmoid(x: number): number {
  return quotient(1, fround(1 + exp(-x)))
}

export function silu(x: number): number {
  return x < EXP_LOWEST ? 0 : quotient(x, fround(1 + exp(-x)))
}

const TANH = coefficients(0xbbc7_f6fa, 0x3cac_09a2, 0xbd5c_9336, 0x3e08_870b, 0xbeaa_aaa9)

export function tanh(x: number): number {
  const a = Math.abs(x)
  if (a < 0.625) {
    const s = fround(a * a)
    return signed(fma(fround(poly(s, TANH) * s), a, a), x)
  }
  const grown = fround(exp(fround(a + a)) + 1)
  return signed(fround(1 - quotient(2, grown)), x)
}

/** Where the two halves of erf meet. */
const ERF_NEAR = 0.921875
const NEAR = coefficients(
  0x38ae_ae4c,
  0xba55_274b,
  0x3baa_62d3,
  0xbcdc_06d9,
  0x3de7_16f9,
  0xbec0_93a1,
  0x3e03_75d4,
)
const FAR = coefficients(
  0xb4af_b703,
  0x36b7_f57d,
  0xb7b0_7562,
  0xb979_7dc9,
  0x3b69_6083,
  0xbcc3_3e9e,
  0x3dda_0f23,
  0x3f22_8c19,
  0x3f90_797c,
)

/** erf on [0, 0.921875). */
function near(a: number): number {
  return fma(poly(fround(a * a), NEAR), a, a)
}

/** 1 - erf on [0.921875, infinity]. */
function far(a: number): number {
  return a > 4 ? 0 : exp(-fround(poly(a, FAR) * a))
}

export function erf(x: number): number {
  const a = Math.abs(x)
  return signed(a < ERF_NEAR ? near(a) : fround(1 - far(a)), x)
}

const ONE_OVER_ROOT_TWO = fromBits(0x3f35_04f3)

export function gelu(x: number): number {
  const h = fround(0.5 * x)
  const a = Math.abs(fround(x * ONE_OVER_ROOT_TWO))
  if (a > 4) return x > 0 ? x : 0
  if (a < ERF_NEAR) return fma(h, signed(near(a), x), h)
  const rest = far(a)
  return x > 0 ? fma(-h, rest, x) : fround(h * rest)
}
