/**
 * Window rules: which operand elements one output element depends on, and the small problem of the
 * same op that recomputes it.
 *
 * An op's kernel is the only statement of its semantics; a window merely cuts the operands down, so
 * whole-tensor evaluation and the judgement of a single element cannot drift apart.
 */

import { elementCount, lastAxis } from './shape.ts'
import type { ArgWindow, ElementRun, TensorType, Window } from './types.ts'

export type WindowRule = (element: number, args: readonly TensorType[], out: TensorType) => Window

/** Quotient and remainder of whole numbers below 2^53. */
function divide(value: number, by: number): readonly [number, number] {
  const remainder = value % by
  return [(value - remainder) / by, remainder]
}

function once(start: number, count: number): ElementRun {
  return { start, count, times: 1, stride: 0 }
}

function one(element: number): ArgWindow {
  return { runs: [once(element, 1)], dims: [1] }
}

function rowOf(row: number, length: number): ArgWindow {
  return { runs: [once(row * length, length)], dims: [1, length] }
}

/** Row m of A against row n of B. */
export const matmulWindow: WindowRule = (element, args, out) => {
  const [row, column] = divide(element, lastAxis(out))
  const depth = lastAxis(args[0] as TensorType)
  return { args: [rowOf(row, depth), rowOf(column, depth)], dims: [1, 1], at: 0 }
}

/** The same element of every operand. */
export const mapWindow: WindowRule = (element, args) => ({
  args: args.map(() => one(element)),
  dims: [1],
  at: 0,
})

/** The same element of the first operand and the one it meets in the second. */
export const broadcastWindow: WindowRule = (element, args) => {
  const second = elementCount((args[1] as TensorType).dims)
  return { args: [one(element), one(element % second)], dims: [1], at: 0 }
}

/** The whole row that the element stands in. */
export const rowWindow: WindowRule = (element, _args, out) => {
  const [row, at] = divide(element, lastAxis(out))
  return { args: [rowOf(row, lastAxis(out))], dims: [1, lastAxis(out)], at }
}

/** The row that the element was reduced from. */
export const reducedRowWindow: WindowRule = (element, args) => ({
  args: [rowOf(element, lastAxis(args[0] as TensorType))],
  dims: [1],
  at: 0,
})

/** The mirrored element. */
export const transposeWindow: WindowRule = (element, _args, out) => {
  const [rows, columns] = out.dims as readonly [number, number]
  const [row, column] = divide(element, columns)
  return {
    args: [{ runs: [once(column * rows + row, 1)], dims: [1, 1] }],
    dims: [1, 1],
    at: 0,
  }
}

/** The column that the element was reduced from. */
export const columnWindow: WindowRule = (element, args) => {
  const [rows, columns] = (args[0] as TensorType).dims as readonly [number, number]
  const column = { start: element, count: 1, times: rows, stride: columns }
  return { args: [{ runs: [column], dims: [rows, 1] }], dims: [1], at: 0 }
}
