/**
 * Window rules: which operand elements one output element depends on, and the small problem of the
 * same op that recomputes it.
 *
 * An op's loop is the only statement of its semantics; a window merely cuts the operands down, so
 * whole-tensor evaluation and the judgement of a single element cannot drift apart. Where the small
 * problem has other attributes than the op (a slice becomes a copy, a kernel stands at the edge), the
 * window carries them.
 */

import { elementCount, lastAxis } from './shape.ts'
import type { ArgWindow, ElementRun, OpDefinition, Reach, TensorType } from './types.ts'

export type WindowRule = OpDefinition['window']

/** Quotient and remainder of whole numbers below 2^53. */
export function divide(value: number, by: number): readonly [number, number] {
  const remainder = value % by
  return [(value - remainder) / by, remainder]
}

/** The place of an element, one number an axis. */
export function placeOf(element: number, dims: readonly number[]): number[] {
  const place = dims.map(() => 0)
  let left = element
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const [outer, at] = divide(left, dims[axis] as number)
    place[axis] = at
    left = outer
  }
  return place
}

/** The row-major number of a place. */
export function numberOf(place: readonly number[], dims: readonly number[]): number {
  return place.reduce((number, at, axis) => number * (dims[axis] as number) + at, 0)
}

/** `count` elements from `start`. */
export function once(start: number, count: number): ElementRun {
  return { start, count, times: 1, stride: 0 }
}

/** One element, as a tensor of rank `rank`. */
export function one(element: number, rank = 1): ArgWindow {
  return { runs: [once(element, 1)], dims: Array.from({ length: rank }, () => 1) }
}

/** The same element `times` over. */
export function repeated(element: number, dims: readonly number[]): ArgWindow {
  return { runs: [{ start: element, count: 1, times: elementCount(dims), stride: 0 }], dims }
}

/** Row number `row` of rows of `length`, as [1, length]. */
export function rowOf(row: number, length: number): ArgWindow {
  return { runs: [once(row * length, length)], dims: [1, length] }
}

/** The same element of every operand. */
export const mapWindow: WindowRule = (element, { args }) => ({
  args: args.map(() => one(element)),
  dims: [1],
  at: 0,
})

/** The same element of the first operand and the one it meets in the second. */
export const broadcastWindow: WindowRule = (element, { args }) => {
  const second = elementCount((args[1] as TensorType).dims)
  return { args: [one(element), one(element % second)], dims: [1], at: 0 }
}

/** The whole row that the element stands in. */
export const rowWindow: WindowRule = (element, { out }) => {
  const [row, at] = divide(element, lastAxis(out))
  return { args: [rowOf(row, lastAxis(out))], dims: [1, lastAxis(out)], at }
}

/** The row that the element was reduced from. */
export const reducedRowWindow: WindowRule = (element, { args }) => ({
  args: [rowOf(element, lastAxis(args[0] as TensorType))],
  dims: [1],
  at: 0,
})

/** Rows of runs: where a rectangle of runs of equal length lies in a tensor, elements. */
export interface RunGrid {
  readonly rows: number
  readonly rowStride: number
  readonly columns: number
  readonly columnStride: number
  /** Of one run. */
  readonly count: number
  /** What divides every start. */
  readonly align: number
}

/** Every run by itself, or each row with what lies between its runs, or all from first to last. */
export function reachOfGrid(grid: RunGrid): Reach[] {
  const { rows, columns, count, align } = grid
  const row = (columns - 1) * grid.columnStride + count
  const whole = (rows - 1) * grid.rowStride + row
  return [
    { times: rows * columns, count, align },
    { times: rows, count: row, align },
    { times: 1, count: whole, align },
  ]
}

/** All windows are as the one of the first element: runs that begin at multiples of their length. */
export function reachOfFirst(window: WindowRule): OpDefinition['reach'] {
  return (site) =>
    window(0, site, 0).args.map(({ runs }) => {
      const [{ times, count, stride }] = runs as readonly [ElementRun]
      const [rows, rowStride] = [1, 0]
      return reachOfGrid({
        rows,
        rowStride,
        columns: times,
        columnStride: stride,
        count,
        align: count,
      })
    })
}
