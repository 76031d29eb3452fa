/** Sums by the 64-lane rule, and softmax (numerics.md, section 3 and ops 50, 70, 71). */

import { lastAxis } from '../shape.ts'
import { f32Elements, loadElements, settle, storedBits } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { exp, fromBits, toBits } from './float.ts'

type Run = OpDefinition['run']

const LANES = 64
const BLOCK = 65_536

/** The sum of `count` elements of `x` from `start`, `stride` apart. */
function laneSum(x: Float32Array, start: number, count: number, stride: number): number {
  const lanes = new Float32Array(LANES)
  let total = 0
  for (let block = 0; block < count; block += BLOCK) {
    lanes.fill(0)
    const end = Math.min(block + BLOCK, count)
    for (let i = block; i < end; i++) {
      const lane = (i - block) % LANES
      lanes[lane] = (lanes[lane] as number) + (x[start + i * stride] as number)
    }
    for (let half = LANES / 2; half >= 1; half /= 2) {
      for (let lane = 0; lane < half; lane++) {
        lanes[lane] = (lanes[lane] as number) + (lanes[lane + half] as number)
      }
    }
    total = Math.fround(total + (lanes[0] as number))
  }
  return total
}

export const sumRowsF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const [rows, columns] = (args[0] as Tensor).type.dims as readonly [number, number]
  const y = f32Elements(out)
  for (let n = 0; n < columns; n++) y[n] = laneSum(x, n, rows, columns)
  settle(out)
}

export const sumLastF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const width = lastAxis((args[0] as Tensor).type)
  const y = f32Elements(out)
  for (let row = 0; row < y.length; row++) y[row] = laneSum(x, row * width, width, 1)
  settle(out)
}

/** The larger; NaN if either is NaN. */
function largest(x: Float32Array, start: number, count: number): number {
  let top = x[start] as number
  for (let i = 1; i < count; i++) {
    const value = x[start + i] as number
    if (Number.isNaN(value)) return value
    if (value > top) top = value
  }
  return top
}

export const softmaxF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const width = lastAxis(out.type)
  const y = f32Elements(out)
  for (let start = 0; start < y.length; start += width) {
    const top = largest(x, start, width)
    for (let j = start; j < start + width; j++) {
      const grown = exp(Math.fround((x[j] as number) - top))
      y[j] = fromBits(storedBits(toBits(grown)))
    }
    const sum = laneSum(y, start, width, 1)
    for (let j = start; j < start + width; j++) y[j] = (y[j] as number) / sum
  }
  settle(out)
}
