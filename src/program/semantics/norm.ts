/** Normalised rows (numerics.md, ops 75 and 76). */

import { lastAxis } from '../shape.ts'
import { f32Elements, floorElements, loadElements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { loadAttribute } from './arithmetic.ts'
import { rsqrt } from './elementary.ts'
import { floorOf, fma, store } from './float.ts'
import { laneSquares, mean } from './reduce.ts'

type Run = OpDefinition['run']

const { fround } = Math

/** One over the root of the mean square, with eps. */
function inverse(x: Float32Array, start: number, width: number, eps: number): number {
  const variance = store(fround(laneSquares(x, start, width) / fround(width)))
  return store(rsqrt(store(fround(variance + eps))))
}

/** floor(a) * floor(b), stored. */
function product(a: number, b: number): number {
  return store(fround(floorOf(a) * floorOf(b)))
}

export const layernormF32: Run = (args, attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const g = floorElements(args[1] as Tensor)
  const b = loadElements(args[2] as Tensor)
  const eps = loadAttribute(attrs[0])
  const width = lastAxis(out.type)
  const y = f32Elements(out)
  const centred = new Float32Array(width)
  for (let start = 0; start < y.length; start += width) {
    const centre = store(mean(x, start, width))
    for (let j = 0; j < width; j++) {
      centred[j] = store(fround((x[start + j] as number) - centre))
    }
    const s = inverse(centred, 0, width, eps)
    for (let j = 0; j < width; j++) {
      const unit = floorOf(product(centred[j] as number, s))
      y[start + j] = fma(unit, g[j] as number, b[j] as number)
    }
  }
  settle(out)
}

export const rmsnormF32: Run = (args, attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const g = floorElements(args[1] as Tensor)
  const eps = loadAttribute(attrs[0])
  const width = lastAxis(out.type)
  const y = f32Elements(out)
  for (let start = 0; start < y.length; start += width) {
    const s = inverse(x, start, width, eps)
    for (let j = 0; j < width; j++) {
      y[start + j] = floorOf(product(x[start + j] as number, s)) * (g[j] as number)
    }
  }
  settle(out)
}
