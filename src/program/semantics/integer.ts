/** Integer arithmetic and the passages between integers and f32 (numerics.md, ops 20-22, 30-35). */

import { f32Elements, loadElements, s8Elements, s32Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { integerOf } from '../typing.ts'
import { loadAttribute } from './arithmetic.ts'
import { clampS8, roundHalfEven } from './float.ts'

type Run = OpDefinition['run']

const HALF_WORD = 0x1_0000

/** Wraps modulo 2^32. */
function wrapping(step: (a: number, b: number) => number): Run {
  return (args, _attrs, out) => {
    const a = s32Elements(args[0] as Tensor)
    const b = s32Elements(args[1] as Tensor)
    const y = s32Elements(out)
    for (let i = 0; i < y.length; i++) y[i] = step(a[i] as number, b[i % b.length] as number)
  }
}

export const addS32: Run = wrapping((a, b) => (a + b) | 0)
export const subS32: Run = wrapping((a, b) => (a - b) | 0)
export const mulS32: Run = wrapping(Math.imul)

/** 2^k, exact. */
function powerOfTwo(k: number): number {
  return Number(1n << BigInt(k))
}

/**
 * floor((acc * m + 2^(s-1)) / 2^s), which is exact without wide integers: the product is
 * x * 2^16 + y with |x| < 2^47 and y in [0, 2^16), and dividing by a power of two loses nothing.
 * Where the sum of the last line could round, it is far outside the range it is clamped to.
 */
export const requantise: Run = (args, attrs, out) => {
  const a = s32Elements(args[0] as Tensor)
  const multiplier = integerOf(attrs[0])
  const shift = integerOf(attrs[1])
  const zero = integerOf(attrs[2])
  const y = s8Elements(out)
  const wideHalf = shift > 16 ? powerOfTwo(shift - 17) : 0
  const wideUnit = shift > 16 ? powerOfTwo(shift - 16) : 1
  const narrowScale = shift > 16 ? 1 : powerOfTwo(16 - shift)
  const narrowHalf = powerOfTwo(shift - 1)
  const narrowUnit = powerOfTwo(shift)
  for (let i = 0; i < y.length; i++) {
    const value = a[i] as number
    const low = (value & 0xffff) * multiplier
    const lowPart = low % HALF_WORD
    const high = (value >> 16) * multiplier + (low - lowPart) / HALF_WORD
    const rounded =
      shift > 16
        ? Math.floor((high + wideHalf) / wideUnit)
        : high * narrowScale + Math.floor((lowPart + narrowHalf) / narrowUnit)
    y[i] = clampS8(rounded + zero)
  }
}

export const quantiseF32: Run = (args, attrs, out) => {
  const a = loadElements(args[0] as Tensor)
  const scale = loadAttribute(attrs[0])
  const zero = integerOf(attrs[1])
  const y = s8Elements(out)
  for (let i = 0; i < y.length; i++) {
    const quotient = Math.fround((a[i] as number) / scale)
    // Beyond 512 every zero point saturates; the clamp makes infinities whole numbers.
    const near = Math.max(-512, Math.min(512, quotient))
    y[i] = Number.isNaN(quotient) ? 0 : clampS8(roundHalfEven(near) + zero)
  }
}

export const dequantiseS8: Run = (args, attrs, out) => {
  const a = s8Elements(args[0] as Tensor)
  const scale = loadAttribute(attrs[0])
  const zero = integerOf(attrs[1])
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = ((a[i] as number) - zero) * scale
  settle(out)
}

export const dequantiseS32: Run = (args, attrs, out) => {
  const a = s32Elements(args[0] as Tensor)
  const scale = loadAttribute(attrs[0])
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = Math.fround(a[i] as number) * scale
  settle(out)
}

export const widenS8: Run = (args, _attrs, out) => {
  s32Elements(out).set(s8Elements(args[0] as Tensor))
}

const S32_LOWEST = -0x8000_0000
const S32_HIGHEST = 0x7fff_ffff

/** Towards zero, saturating; NaN gives 0. */
export const truncateF32: Run = (args, _attrs, out) => {
  const a = loadElements(args[0] as Tensor)
  const y = s32Elements(out)
  for (let i = 0; i < y.length; i++) {
    const whole = Math.trunc(a[i] as number)
    y[i] = Number.isNaN(whole) ? 0 : Math.max(S32_LOWEST, Math.min(S32_HIGHEST, whole))
  }
}
