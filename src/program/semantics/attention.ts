/** Attention with an online softmax, the causal mask, rotary positions (numerics.md, ops 7 to 9). */

import { f32Elements, floorElements, loadElements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { integerOf } from '../typing.ts'
import { loadAttribute } from './arithmetic.ts'
import { exp } from './elementary.ts'
import { floorOf, fma, higher, store } from './float.ts'
import { laneSum } from './reduce.ts'

type Run = OpDefinition['run']

const { fround } = Math

/** Keys of one tile of the online softmax; a constant of the specification. */
const TILE = 64

/** What one query has gathered so far: top score, sum of weights, weighted sum of values. */
interface Gathered {
  top: number
  sum: number
  readonly values: Float32Array
}

export const attentionF32: Run = (args, attrs, out) => {
  const [q, k, v] = args.map(floorElements) as [Float32Array, Float32Array, Float32Array]
  const [heads, queries, width] = out.type.dims as [number, number, number]
  const [, keys, depth] = (args[1] as Tensor).type.dims as [number, number, number]
  const scale = floorOf(loadAttribute(attrs[0]))
  const isCausal = integerOf(attrs[1]) === 1
  const y = f32Elements(out)
  const scores = new Float32Array(TILE)
  for (let row = 0; row < heads * queries; row++) {
    const head = Math.floor(row / queries)
    const seen = isCausal ? (row % queries) + keys - queries + 1 : keys
    const state: Gathered = {
      top: Number.NEGATIVE_INFINITY,
      sum: 0,
      values: new Float32Array(width),
    }
    for (let tile = 0; tile < seen; tile += TILE) {
      const count = Math.min(TILE, seen - tile)
      const first = head * keys + tile
      for (let j = 0; j < count; j++) {
        const acc = chain(q, row * depth, k, (first + j) * depth, depth)
        scores[j] = store(fround(floorOf(acc) * scale))
      }
      absorb(state, scores, count, v, first * width)
    }
    for (let e = 0; e < width; e++) y[row * width + e] = (state.values[e] as number) / state.sum
  }
  settle(out)
}

/** One chain of floored elements, without a break. */
function chain(a: Float32Array, at: number, b: Float32Array, bt: number, depth: number): number {
  let acc = 0
  for (let d = 0; d < depth; d++) acc = fma(a[at + d] as number, b[bt + d] as number, acc)
  return acc
}

/** Takes one tile of scores and the rows of `v` from element `from` into the sums. */
function absorb(
  state: Gathered,
  scores: Float32Array,
  count: number,
  v: Float32Array,
  from: number,
): void {
  let { top } = state
  for (let j = 0; j < count; j++) top = higher(top, scores[j] as number)
  if (top === Number.NEGATIVE_INFINITY) return
  const weights = new Float32Array(count)
  for (let j = 0; j < count; j++) {
    weights[j] = store(exp(fround((scores[j] as number) - top)))
  }
  const kept = floorOf(store(exp(fround(state.top - top))))
  state.sum = store(fma(floorOf(state.sum), kept, laneSum(weights, 0, count, 1)))
  const width = state.values.length
  for (let e = 0; e < width; e++) {
    let acc = fround(floorOf(state.values[e] as number) * kept)
    for (let j = 0; j < count; j++) {
      acc = fma(floorOf(weights[j] as number), v[from + j * width + e] as number, acc)
    }
    state.values[e] = store(acc)
  }
  state.top = top
}

export const maskCausalF32: Run = (args, _attrs, out) => {
  const a = loadElements(args[0] as Tensor)
  const [rows, columns] = out.type.dims.slice(-2) as [number, number]
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) {
    const row = Math.floor(i / columns) % rows
    const isMasked = i % columns > row + columns - rows
    y[i] = isMasked ? Number.NEGATIVE_INFINITY : (a[i] as number)
  }
}

export const ropeF32: Run = (args, _attrs, out) => {
  const [x, c, s] = args.map(floorElements) as [Float32Array, Float32Array, Float32Array]
  const [rows, columns] = out.type.dims.slice(-2) as [number, number]
  const half = columns / 2
  const y = f32Elements(out)
  for (let row = 0; row * columns < y.length; row++) {
    for (let i = 0; i < half; i++) {
      const [low, high] = [row * columns + i, row * columns + i + half]
      const [x1, x2] = [x[low] as number, x[high] as number]
      const angle = (row % rows) * half + i
      const [cosine, sine] = [c[angle] as number, s[angle] as number]
      y[low] = fma(x1, cosine, -store(fround(x2 * sine)))
      y[high] = fma(x2, cosine, store(fround(x1 * sine)))
    }
  }
  settle(out)
}
