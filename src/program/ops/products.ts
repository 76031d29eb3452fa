/** Matrix products (numerics.md, ops 1 to 3). */

import { refuse } from '../../base/refusal.ts'
import { matmulF32, matmulS8 } from '../semantics/matmul.ts'
import {
  elementCount,
  expect,
  expectRank,
  lastAxis,
  MATMUL_S8_DEPTH_MAX,
  mismatch,
  type ShapeRule,
  TENSOR_ELEMENTS_MAX,
} from '../shape.ts'
import { type Dtype, F32, type OpDefinition, S8, S32, type TensorType } from '../types.ts'
import { divide, once, rowOf, type WindowRule } from '../windows.ts'
import type { Entry } from './entry.ts'

/** A[M,K], B[N,K] -> [M,N]. */
function matmulShape(dtype: Dtype, out: Dtype, depthMax: number): ShapeRule {
  return (args) => {
    expect(args, dtype, dtype)
    const [a, b] = args as readonly [TensorType, TensorType]
    expectRank(a, 2)
    expectRank(b, 2)
    const depth = a.dims[1] as number
    if (depth !== b.dims[1]) mismatch(args, 'both operands have the same last axis')
    if (depth > depthMax) refuse('matmul_depth_exceeded', { depth, depthMax })
    return { dtype: out, dims: [a.dims[0] as number, b.dims[0] as number] }
  }
}

/** A[B,M,K], B[B,N,K] -> [B,M,N]. */
const batchedShape: ShapeRule = (args) => {
  expect(args, F32, F32)
  const [a, b] = args as readonly [TensorType, TensorType]
  expectRank(a, 3)
  expectRank(b, 3)
  if (a.dims[0] !== b.dims[0] || a.dims[2] !== b.dims[2]) {
    mismatch(args, 'both operands have the same first and last axes')
  }
  return { dtype: F32, dims: [a.dims[0] as number, a.dims[1] as number, b.dims[1] as number] }
}

const work: OpDefinition['work'] = ({ args, out }) => ({
  macs: elementCount(out.dims) * lastAxis(args[0] as TensorType),
  steps: 0,
})

/** Row m of A against row n of B. */
const matmulWindow: WindowRule = (element, { args, out }) => {
  const [row, column] = divide(element, lastAxis(out))
  const depth = lastAxis(args[0] as TensorType)
  return { args: [rowOf(row, depth), rowOf(column, depth)], dims: [1, 1], at: 0 }
}

/** Row m of A against row n of B, in their batch. */
const batchedWindow: WindowRule = (element, { args, out }) => {
  const [row, column] = divide(element, lastAxis(out))
  const [batch] = divide(row, out.dims[1] as number)
  const depth = lastAxis(args[0] as TensorType)
  const rows = [row, batch * lastAxis(out) + column]
  return {
    args: rows.map((number) => ({ runs: [once(number * depth, depth)], dims: [1, 1, depth] })),
    dims: [1, 1, 1],
    at: 0,
  }
}

export const PRODUCTS: readonly Entry[] = [
  {
    id: 1,
    name: 'matmul_f32',
    arity: 2,
    shape: matmulShape(F32, F32, TENSOR_ELEMENTS_MAX),
    work,
    window: matmulWindow,
    run: matmulF32,
  },
  {
    id: 2,
    name: 'matmul_s8',
    arity: 2,
    shape: matmulShape(S8, S32, MATMUL_S8_DEPTH_MAX),
    work,
    window: matmulWindow,
    run: matmulS8,
    provable: 'freivalds',
  },
  {
    id: 3,
    name: 'bmm_f32',
    arity: 2,
    shape: batchedShape,
    work,
    window: batchedWindow,
    run: matmulF32,
  },
]
