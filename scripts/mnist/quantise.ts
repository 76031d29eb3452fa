/**
 * From a float network to one of small integers that computes nearly the same.
 *
 *   weights      w ~ q * w_scale            w_scale = largest |w| of the layer / 127
 *   input        x ~ q * 2 / 255            a pixel halved
 *   sums         s ~ q * x_scale * w_scale  biases are rounded to that
 *   hidden       h ~ q * h_scale            h_scale = largest value seen in calibration / 127
 *   requantise   multiplier / 2^shift ~ x_scale * w_scale / h_scale
 *
 * Zero points are 0 throughout.
 * Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference", CVPR 2018, sections 2.1 and 2.2.
 */

import { assert } from '../../src/base/assert.ts'
import type { FloatLayer, Int8Layer } from '../../src/program/networks.ts'

/** One unit of an s8 pixel as a share of full ink. */
export const PIXEL_SCALE: number = 2 / 255
const S8_MAX = 127
/** A multiplier has this many binary digits: its rounding is far below that of an s8. */
const MULTIPLIER_DIGITS = 16
const SHIFT_MAX = 62

/** @returns multiplier / 2^shift next to `factor`, which lies between 0 and 2^15. */
export function fixedPoint(factor: number): { multiplier: number; shift: number } {
  assert(factor > 0, 'a scale is positive')
  const lowest = 1 << (MULTIPLIER_DIGITS - 1)
  let [scaled, shift] = [factor, 0]
  while (scaled < lowest) {
    scaled *= 2
    shift++
  }
  assert(shift >= 1 && shift <= SHIFT_MAX, 'a scale can be written as multiplier and shift')
  return { multiplier: Math.round(scaled), shift }
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

/** @param hiddenMax for each layer but the last, the largest value after its relu */
export function quantise(layers: readonly FloatLayer[], hiddenMax: readonly number[]): Int8Layer[] {
  let inputScale = PIXEL_SCALE
  return layers.map(({ inputs, outputs, weights, bias }, index) => {
    const weightScale = largest(weights) / S8_MAX
    const sumScale = inputScale * weightScale
    const outputScale = index === layers.length - 1 ? sumScale : (hiddenMax[index] ?? 0) / S8_MAX
    inputScale = outputScale
    return {
      inputs,
      outputs,
      weights: Int8Array.from(weights, (weight) => Math.round(weight / weightScale)),
      bias: Int32Array.from(bias, (value) => Math.round(value / sumScale)),
      ...fixedPoint(sumScale / outputScale),
    }
  })
}
