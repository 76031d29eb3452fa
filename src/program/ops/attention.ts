/** Attention, its causal mask and rotary positions (numerics.md, ops 7 to 9). */

import { attentionF32, maskCausalF32, ropeF32 } from '../semantics/attention.ts'
import { expect, expectRank, mismatch, type ShapeRule } from '../shape.ts'
import { F32, type OpDefinition, type TensorType } from '../types.ts'
import { integerOf } from '../typing.ts'
import { divide, once, one, placeOf, reachOfGrid, repeated, type WindowRule } from '../windows.ts'
import { type Entry, int, outputSteps, real, run } from './entry.ts'

/** Columns of queries and keys: one chain without a break. */
const ATTENTION_DEPTH_MAX = 512
/** Steps for each pair of query and key: two passes, an exponential, a share of the rescaling. */
const PAIR_STEPS = 20

/** q[G,T,D], k[G,S,D], v[G,S,E] -> [G,T,E]. */
const attentionShape: ShapeRule = (args, attrs) => {
  expect(args, F32, F32, F32)
  for (const type of args) expectRank(type, 3)
  const [q, k, v] = args.map(({ dims }) => dims) as [number[], number[], number[]]
  const [heads, queries, depth] = q as [number, number, number]
  if (k[0] !== heads || v[0] !== heads) mismatch(args, 'all operands have the same first axis')
  if (k[2] !== depth) mismatch(args, 'queries and keys have the same last axis')
  if (k[1] !== v[1]) mismatch(args, 'there is one value for each key')
  if (depth > ATTENTION_DEPTH_MAX) {
    mismatch(args, `queries have at most ${ATTENTION_DEPTH_MAX} columns`)
  }
  if (integerOf(attrs[1]) === 1 && (k[1] as number) < queries) {
    mismatch(args, 'a causal attention has at least as many keys as queries')
  }
  return { dtype: F32, dims: [heads, queries, v[2] as number] }
}

/** Heads, queries, keys and the two depths. */
function sizesOf(args: readonly TensorType[]): readonly [number, number, number, number, number] {
  const [q, k, v] = args.map(({ dims }) => dims) as [number[], number[], number[]]
  const [heads, queries, depth] = q as [number, number, number]
  return [heads, queries, k[1] as number, depth, v[2] as number]
}

const attentionWork: OpDefinition['work'] = ({ args }) => {
  const [heads, queries, keys, depth, width] = sizesOf(args)
  const pairs = heads * queries * keys
  return { macs: pairs * (depth + width), steps: pairs * PAIR_STEPS }
}

/** One query, the keys it sees, and one column of their values. */
const attentionWindow: WindowRule = (element, { args, attrs, out }) => {
  const [, queries, keys, depth, width] = sizesOf(args)
  const [head, query, column] = placeOf(element, out.dims) as [number, number, number]
  const seen = integerOf(attrs[1]) === 1 ? query + keys - queries + 1 : keys
  const first = head * keys
  return {
    args: [
      { runs: [once((head * queries + query) * depth, depth)], dims: [1, 1, depth] },
      { runs: [once(first * depth, seen * depth)], dims: [1, seen, depth] },
      {
        runs: [{ start: first * width + column, count: 1, times: seen, stride: width }],
        dims: [1, seen, 1],
      },
    ],
    dims: [1, 1, 1],
    at: 0,
    attrs: [attrs[0] as bigint, 0n],
  }
}

const maskShape: ShapeRule = (args) => {
  expect(args, F32)
  const type = args[0] as TensorType
  expectRank(type, 2, 'more')
  const [rows, columns] = type.dims.slice(-2) as [number, number]
  if (columns < rows) mismatch(args, 'there are at least as many columns as rows')
  return type
}

/** A masked element stands above the diagonal of a square of four; any other is alone. */
const maskWindow: WindowRule = (element, { out }) => {
  const [rows, columns] = out.dims.slice(-2) as [number, number]
  const [before, column] = divide(element, columns)
  const isMasked = column > (before % rows) + columns - rows
  return isMasked
    ? { args: [repeated(element, [2, 2])], dims: [2, 2], at: 1 }
    : { args: [one(element, 2)], dims: [1, 1], at: 0 }
}

/** x[...,T,D], c[T,D/2], s[T,D/2] -> [...,T,D]. */
const ropeShape: ShapeRule = (args) => {
  expect(args, F32, F32, F32)
  const x = args[0] as TensorType
  expectRank(x, 2, 'more')
  const [rows, columns] = x.dims.slice(-2) as [number, number]
  if (columns % 2 !== 0) mismatch(args, 'the last axis is even')
  for (const table of args.slice(1)) {
    expectRank(table, 2)
    if (table.dims[0] !== rows || table.dims[1] !== columns / 2) {
      mismatch(args, 'cosines and sines have the rows of x and half of its columns')
    }
  }
  return x
}

/** The pair that turns, and its angle. */
const ropeWindow: WindowRule = (element, { out }) => {
  const [rows, columns] = out.dims.slice(-2) as [number, number]
  const [before, column] = divide(element, columns)
  const half = columns / 2
  const at = column < half ? 0 : 1
  const start = element - at * half
  const angle = (before % rows) * half + (column % half)
  return {
    args: [
      { runs: [{ start, count: 1, times: 2, stride: half }], dims: [1, 2] },
      one(angle, 2),
      one(angle, 2),
    ],
    dims: [1, 2],
    at,
  }
}

export const ATTENTION: readonly Entry[] = [
  {
    id: 7,
    name: 'attention_f32',
    arity: 3,
    attributes: [real('scale'), int('causal', 0, 1)],
    shape: attentionShape,
    work: attentionWork,
    window: attentionWindow,
    reach: ({ args }) => {
      const [, , keys, depth, width] = sizesOf(args)
      const column = { rows: 1, rowStride: 0, columns: keys, columnStride: width }
      return [run(depth), run(keys * depth), reachOfGrid({ ...column, count: 1, align: 1 })]
    },
    run: attentionF32,
  },
  {
    id: 8,
    name: 'mask_causal_f32',
    arity: 1,
    shape: maskShape,
    work: outputSteps(1),
    window: maskWindow,
    reach: () => [run(1)],
    run: maskCausalF32,
  },
  {
    id: 9,
    name: 'rope_f32',
    arity: 3,
    shape: ropeShape,
    work: outputSteps(4),
    window: ropeWindow,
    reach: () => [[{ times: 2, count: 1, align: 1 }], run(1), run(1)],
    run: ropeF32,
  },
]
