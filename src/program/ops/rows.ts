/** Ops over the last axis, and sums over rows (numerics.md, ops 50 to 53 and 70 to 76). */

import { argmaxF32, argmaxS8, argmaxS32 } from '../semantics/argmax.ts'
import { layernormF32, rmsnormF32 } from '../semantics/norm.ts'
import { maxLastF32, meanLastF32, softmaxF32, sumLastF32, sumRowsF32 } from '../semantics/reduce.ts'
import {
  dropLastShape,
  expect,
  expectRank,
  lastAxis,
  mapShape,
  mismatch,
  type ShapeRule,
} from '../shape.ts'
import { type Dtype, F32, S8, S32, type TensorType } from '../types.ts'
import {
  divide,
  reducedRowWindow,
  repeated,
  rowOf,
  rowWindow,
  type WindowRule,
} from '../windows.ts'
import { type Entry, inputSteps, outputSteps, real, run } from './entry.ts'

/** Steps per element of a softmax: two passes of loads, an exponential and a division. */
const SOFTMAX_STEPS = 16
/** Steps per element of a normalisation: mean, variance and the passage. */
const NORM_STEPS = 8

function reduction(id: number, name: string, from: Dtype, to: Dtype, run: Entry['run']): Entry {
  return {
    id,
    name,
    arity: 1,
    shape: dropLastShape(from, to),
    work: inputSteps(1),
    window: reducedRowWindow,
    run,
  }
}

/** [M,N] -> [N]. */
const sumRowsShape: ShapeRule = (args) => {
  expect(args, F32)
  const type = args[0] as TensorType
  expectRank(type, 2)
  return { dtype: F32, dims: [type.dims[1] as number] }
}

/** The column that the element was reduced from. */
const columnWindow: WindowRule = (element, { args }) => {
  const [rows, columns] = (args[0] as TensorType).dims as readonly [number, number]
  const column = { start: element, count: 1, times: rows, stride: columns }
  return { args: [{ runs: [column], dims: [rows, 1] }], dims: [1], at: 0 }
}

/** x[...,N] and so many vectors [N]. */
function normShape(vectors: number): ShapeRule {
  return (args) => {
    expect(args, ...Array.from({ length: 1 + vectors }, () => F32))
    const x = args[0] as TensorType
    for (const vector of args.slice(1)) {
      expectRank(vector, 1)
      if (vector.dims[0] !== lastAxis(x)) mismatch(args, 'the parameters have the last axis of x')
    }
    return x
  }
}

/** The row, and the parameters of the element in every place. */
const normWindow: WindowRule = (element, { args, out }) => {
  const width = lastAxis(out)
  const [row, at] = divide(element, width)
  const parameters = args.slice(1).map(() => repeated(at, [width]))
  return { args: [rowOf(row, width), ...parameters], dims: [1, width], at }
}

function norm(id: number, name: string, vectors: number, loop: Entry['run']): Entry {
  return {
    id,
    name,
    arity: 1 + vectors,
    attributes: [real('eps')],
    shape: normShape(vectors),
    work: outputSteps(NORM_STEPS),
    window: normWindow,
    reach: ({ args, out }) => [run(lastAxis(out)), ...args.slice(1).map(() => run(1))],
    run: loop,
  }
}

export const ROWS: readonly Entry[] = [
  {
    id: 50,
    name: 'softmax_f32',
    arity: 1,
    shape: mapShape(F32, F32),
    work: outputSteps(SOFTMAX_STEPS),
    window: rowWindow,
    run: softmaxF32,
  },
  reduction(51, 'argmax_f32', F32, S32, argmaxF32),
  reduction(52, 'argmax_s32', S32, S32, argmaxS32),
  reduction(53, 'argmax_s8', S8, S32, argmaxS8),
  {
    id: 70,
    name: 'sum_rows_f32',
    arity: 1,
    shape: sumRowsShape,
    work: inputSteps(1),
    window: columnWindow,
    run: sumRowsF32,
  },
  reduction(71, 'sum_last_f32', F32, F32, sumLastF32),
  reduction(73, 'mean_last_f32', F32, F32, meanLastF32),
  reduction(74, 'max_last_f32', F32, F32, maxLastF32),
  norm(75, 'layernorm_f32', 2, layernormF32),
  norm(76, 'rmsnorm_f32', 1, rmsnormF32),
]
