/** Matrix products: A[M,K] by B[N,K], both contiguous in K (numerics.md, ops 1 to 3). */

import { f32Elements, floorElements, s8Elements, s32Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { fma } from './float.ts'

type Run = OpDefinition['run']
type Elements = Float32Array | Int8Array | Int32Array
type Dot<Numbers extends Elements> = (
  a: Numbers,
  at: number,
  b: Numbers,
  bt: number,
  depth: number,
) => number

/** Length of an FMA chain; a constant of the specification. */
const CHUNK = 512

/** Chains of 512 over k from +0, chain sums added in ascending order; operands are floored. */
export function dotF32(
  a: Float32Array,
  at: number,
  b: Float32Array,
  bt: number,
  depth: number,
): number {
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
export function dotS8(a: Int8Array, at: number, b: Int8Array, bt: number, depth: number): number {
  let sum = 0
  for (let k = 0; k < depth; k++) sum += (a[at + k] as number) * (b[bt + k] as number)
  return sum
}

/** Pairs of matrices one after the other: A[B,M,K] by B[B,N,K]. */
function products<Numbers extends Elements>(
  [a, b, y]: readonly [Numbers, Numbers, Elements],
  [batches, rows, columns, depth]: readonly [number, number, number, number],
  dot: Dot<Numbers>,
): void {
  let number = 0
  for (let batch = 0; batch < batches; batch++) {
    for (let m = batch * rows; m < (batch + 1) * rows; m++) {
      for (let n = batch * columns; n < (batch + 1) * columns; n++) {
        y[number++] = dot(a, m * depth, b, n * depth, depth)
      }
    }
  }
}

function sizesOf(args: readonly Tensor[], out: Tensor): readonly [number, number, number, number] {
  const [batches, rows, columns] = (
    out.type.dims.length === 3 ? out.type.dims : [1, ...out.type.dims]
  ) as [number, number, number]
  return [batches, rows, columns, (args[0] as Tensor).type.dims.at(-1) as number]
}

/** Of matrices, or of each pair of two batches. */
export const matmulF32: Run = (args, _attrs, out) => {
  const [a, b] = args.map(floorElements) as [Float32Array, Float32Array]
  products([a, b, f32Elements(out)], sizesOf(args, out), dotF32)
  settle(out)
}

export const matmulS8: Run = (args, _attrs, out) => {
  const [a, b] = args.map(s8Elements) as [Int8Array, Int8Array]
  products([a, b, s32Elements(out)], sizesOf(args, out), dotS8)
}
