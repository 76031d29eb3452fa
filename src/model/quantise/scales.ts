/** Scales of small integers: from the largest magnitude seen to a factor, and from factor to factor. */

import { f32Elements, s8Tensor, s32Tensor } from '../../program/tensor.ts'
import type { Tensor } from '../../program/types.ts'

/** Symmetric: -128 is not used, so that a number and its negative are equally far. */
export const LEVELS = 127
/** Far from the end of s32, so that a product and its bias never wrap. */
const BIAS_MAX = 0x4000_0000
const MULTIPLIER_MIN = 0x4000_0000
const MULTIPLIER_END = 0x8000_0000
const SHIFT_MAX = 62
/** Attributes are at least 2^-103; this is well above. */
const SCALE_MIN = 1e-30

/** The real number that one step of an s8 stands for. @param largest magnitude, finite */
export function scaleOf(largest: number): number {
  const scale = Math.fround(largest / LEVELS)
  // Where nothing but zeros was seen any scale is as good as another.
  return scale >= SCALE_MIN ? scale : 1
}

/** The largest magnitude among f32 bytes; NaN and infinities are passed over. */
export function largestOf(bytes: Uint8Array): number {
  const elements = new Float32Array(new Uint8Array(bytes).buffer)
  return elements.reduce((most, element) => {
    const size = Math.abs(element)
    return size > most && size < Number.POSITIVE_INFINITY ? size : most
  }, 0)
}

export interface Quantised {
  readonly tensor: Tensor
  readonly scale: number
  /** Sums of squares, of the weights and of what rounding takes from them. */
  readonly signal: number
  readonly noise: number
}

/** Weights to s8 with one scale. */
export function quantiseWeights(tensor: Tensor): Quantised {
  const elements = f32Elements(tensor)
  const scale = scaleOf(largestOf(tensor.bytes))
  let [signal, noise] = [0, 0]
  const steps = Array.from(elements, (element) => {
    const step = Math.min(Math.max(Math.floor(element / scale + 0.5), -LEVELS), LEVELS)
    const error = element - step * scale
    signal += element * element
    noise += error * error
    return step
  })
  return { tensor: s8Tensor(tensor.type.dims, steps), scale, signal, noise }
}

/** A bias to s32 with the scale of the sums that it is added to. */
export function quantiseBias(tensor: Tensor, scale: number): Tensor {
  const steps = Array.from(f32Elements(tensor), (element) => {
    return Math.min(Math.max(Math.floor(element / scale + 0.5), -BIAS_MAX), BIAS_MAX)
  })
  return s32Tensor(tensor.type.dims, steps)
}

/** m and s with m / 2^s next to `ratio`; undefined when there are none that `requantise` takes. */
export function multiplierOf(
  ratio: number,
): { readonly multiplier: number; readonly shift: number } | undefined {
  let [value, shift] = [ratio, 0]
  while (value < MULTIPLIER_MIN && shift <= SHIFT_MAX) {
    value *= 2
    shift++
  }
  let multiplier = Math.floor(value + 0.5)
  if (multiplier === MULTIPLIER_END) {
    // Rounded up to the next power of two.
    multiplier = MULTIPLIER_MIN
    shift--
  }
  const isGood = shift >= 1 && shift <= SHIFT_MAX && multiplier < MULTIPLIER_END && value > 0
  return isGood ? { multiplier, shift } : undefined
}
