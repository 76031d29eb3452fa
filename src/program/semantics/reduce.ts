/** Sums by the 64-lane rule, means, largest and softmax (numerics.md, section 3, ops 50, 70-74). */

import { lastAxis } from '../shape.ts'
import { f32Elements, loadElements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { exp } from './elementary.ts'
import { floorOf, fma, higher, store } from './float.ts'

type Run = OpDefinition['run']

const LANES = 64
const BLOCK = 65_536

/**
 * The reduction of numerics.md, section 3: `step` takes a lane and the number of an element and
 * gives the lane after it, as f32.
 */
export function lanes(count: number, step: (lane: number, i: number) => number): number {
  const lane = new Float32Array(LANES)
  let total = 0
  for (let block = 0; block < count; block += BLOCK) {
    lane.fill(0)
    const end = Math.min(block + BLOCK, count)
    for (let i = block; i < end; i++) {
      const at = (i - block) % LANES
      lane[at] = step(lane[at] as number, i)
    }
    for (let half = LANES / 2; half >= 1; half /= 2) {
      for (let at = 0; at < half; at++) {
        lane[at] = (lane[at] as number) + (lane[at + half] as number)
      }
    }
    total = Math.fround(total + (lane[0] as number))
  }
  return total
}

/** The sum of `count` elements of `x` from `start`, `stride` apart. */
export function laneSum(x: Float32Array, start: number, count: number, stride: number): number {
  return lanes(count, (lane, i) => lane + (x[start + i * stride] as number))
}

/** The sum of the squares of `count` elements of `x` from `start`. */
export function laneSquares(x: Float32Array, start: number, count: number): number {
  return lanes(count, (lane, i) => {
    const value = floorOf(x[start + i] as number)
    return fma(value, value, lane)
  })
}

export const sumRowsF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const [rows, columns] = (args[0] as Tensor).type.dims as readonly [number, number]
  const y = f32Elements(out)
  for (let n = 0; n < columns; n++) y[n] = laneSum(x, n, rows, columns)
  settle(out)
}

/** One number for each row of loaded elements. */
function overRows(reduce: (x: Float32Array, start: number, count: number) => number): Run {
  return (args, _attrs, out) => {
    const x = loadElements(args[0] as Tensor)
    const width = lastAxis((args[0] as Tensor).type)
    const y = f32Elements(out)
    for (let row = 0; row < y.length; row++) y[row] = reduce(x, row * width, width)
    settle(out)
  }
}

/** The largest of a row; NaN if one is NaN. */
function largest(x: Float32Array, start: number, count: number): number {
  let top = x[start] as number
  for (let i = 1; i < count; i++) top = higher(top, x[start + i] as number)
  return top
}

/** The mean of a row, as rounded. */
export function mean(x: Float32Array, start: number, count: number): number {
  return Math.fround(laneSum(x, start, count, 1) / Math.fround(count))
}

export const sumLastF32: Run = overRows((x, start, count) => laneSum(x, start, count, 1))
export const meanLastF32: Run = overRows(mean)
export const maxLastF32: Run = overRows(largest)

export const softmaxF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const width = lastAxis(out.type)
  const y = f32Elements(out)
  for (let start = 0; start < y.length; start += width) {
    const top = largest(x, start, width)
    for (let j = start; j < start + width; j++) {
      y[j] = store(exp(Math.fround((x[j] as number) - top)))
    }
    const sum = laneSum(y, start, width, 1)
    for (let j = start; j < start + width; j++) y[j] = (y[j] as number) / sum
  }
  settle(out)
}
