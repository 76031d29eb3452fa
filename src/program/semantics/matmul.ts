/** Matrix products: A[M,K] by B[N,K], both contiguous in K (numerics.md, ops 1 and 2). */

import { f32Elements, floorElements, s8Elements, s32Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { fma } from './float.ts'

/** Length of an FMA chain; a constant of the specification. */
const CHUNK = 512

/** Chains of 512 over k from +0, chain sums added in ascending order. */
export const matmulF32: OpDefinition['run'] = (args, _attrs, out) => {
  const [left, right] = args as readonly [Tensor, Tensor]
  const a = floorElements(left)
  const b = floorElements(right)
  const y = f32Elements(out)
  const [rows, columns] = out.type.dims as readonly [number, number]
  const depth = left.type.dims[1] as number
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      y[m * columns + n] = dotF32(a, m * depth, b, n * depth, depth)
    }
  }
  settle(out)
}

function dotF32(a: Float32Array, at: number, b: Float32Array, bt: number, depth: number): number {
  let sum = 0
  for (let chunk = 0; chunk < depth; chunk += CHUNK) {
    const end = Math.min(chunk + CHUNK, depth)
    let chain = 0
    for (let k = chunk; k < end; k++) {
      chain = fma(a[at + k] as number, b[bt + k] as number, chain)
    }
    sum = Math.fround(sum + chain)
  }
  return sum
}

/** Exact over the integers: |sum| <= 65,536 * 2^14. */
export const matmulS8: OpDefinition['run'] = (args, _attrs, out) => {
  const [left, right] = args as readonly [Tensor, Tensor]
  const a = s8Elements(left)
  const b = s8Elements(right)
  const y = s32Elements(out)
  const [rows, columns] = out.type.dims as readonly [number, number]
  const depth = left.type.dims[1] as number
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      let sum = 0
      for (let k = 0; k < depth; k++) {
        sum += (a[m * depth + k] as number) * (b[n * depth + k] as number)
      }
      y[m * columns + n] = sum
    }
  }
}
