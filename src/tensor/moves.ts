/**
 * A layout as moves that ops can make: from all elements of a storage in a row to the elements of
 * the view side by side.
 *
 *   [elements] -slice, reshape-> [rows, rest] -slice, reshape-> ... -permute-> -reshape, expand-> dims
 *
 * Axes are taken from the largest stride to the smallest. Each cuts the rest of a row into pieces
 * as long as its stride, after a slice has moved the first wanted piece to the front; a last piece
 * that is not whole is padded. Layouts that views of contiguous tensors have are all of this kind.
 */

import { sameDims } from '../program/shape.ts'
import { F32 } from '../program/types.ts'
import type { Layout } from './layout.ts'

export type Move =
  | { readonly kind: 'reshape'; readonly dims: readonly number[] }
  | { readonly kind: 'slice'; readonly starts: readonly number[]; readonly dims: readonly number[] }
  /** Zeros behind the last element of each row. */
  | { readonly kind: 'pad'; readonly after: readonly number[]; readonly dims: readonly number[] }
  | {
      readonly kind: 'permute'
      readonly order: readonly number[]
      readonly dims: readonly number[]
    }
  | { readonly kind: 'expand'; readonly dims: readonly number[] }

interface Axis {
  readonly axis: number
  readonly size: number
  readonly stride: number
}

/** @returns undefined when windows overlap, so that no order of slices gives the layout */
export function movesOf(layout: Layout, elements: number): Move[] | undefined {
  const axes = layout.dims
    .map((size, axis): Axis => ({ axis, size, stride: layout.strides[axis] as number }))
    .filter(({ size, stride }) => size > 1 && stride > 0)
    .sort((left, right) => right.stride - left.stride)
  const moves: Move[] = []
  const rest = cutRows(axes, layout.offset, elements, moves)
  if (rest === undefined) return undefined
  if (rest.length > 1) {
    moves.push({ kind: 'slice', starts: [0, rest.offset], dims: [rest.rows, 1] })
  }
  arrange(axes, layout, moves)
  return compact(moves, [elements])
}

/** What is left of each row when all axes have been cut from it. */
interface Rest {
  readonly rows: number
  readonly length: number
  readonly offset: number
}

function cutRows(
  axes: readonly Axis[],
  offset: number,
  elements: number,
  moves: Move[],
): Rest | undefined {
  let rest: Rest = { rows: 1, length: elements, offset }
  moves.push({ kind: 'reshape', dims: [1, elements] })
  for (const [at, axis] of axes.entries()) {
    const reach = axes.slice(at).reduce((sum, { size, stride }) => sum + (size - 1) * stride, 0)
    if (rest.offset + reach >= rest.length) return undefined
    rest = cutAxis(rest, axis, moves)
    if (rest.offset >= rest.length) return undefined
  }
  return rest
}

function cutAxis({ rows, length, offset }: Rest, { size, stride }: Axis, moves: Move[]): Rest {
  const wanted = size * stride
  let start = 0
  if (wanted > length) {
    moves.push({ kind: 'pad', after: [0, wanted - length], dims: [rows, wanted] })
  } else {
    start = Math.min(offset, length - wanted)
    moves.push({ kind: 'slice', starts: [0, start], dims: [rows, wanted] })
  }
  moves.push({ kind: 'reshape', dims: [rows * size, stride] })
  return { rows: rows * size, length: stride, offset: offset - start }
}

/** From the order of strides to the order of axes; then axes of one element, and repeated ones. */
function arrange(axes: readonly Axis[], { dims, strides }: Layout, moves: Move[]): void {
  if (axes.length > 0) moves.push({ kind: 'reshape', dims: axes.map(({ size }) => size) })
  const order = axes
    .map(({ axis }, place) => ({ axis, place }))
    .sort((left, right) => left.axis - right.axis)
    .map(({ place }) => place)
  if (order.length > 0) {
    const ordered = order.map((place) => (axes[place] as Axis).size)
    moves.push({ kind: 'permute', order, dims: ordered })
  }
  const single = dims.map((size, axis) => (strides[axis] === 0 ? 1 : size))
  moves.push({ kind: 'reshape', dims: single }, { kind: 'expand', dims })
}

/** Without moves that change nothing, and with one reshape for each run of them. */
function compact(moves: readonly Move[], from: readonly number[]): Move[] {
  const kept: Move[] = []
  const dimsNow = (): readonly number[] => kept[kept.length - 1]?.dims ?? from
  for (const move of moves) {
    if (move.kind === 'reshape' && kept[kept.length - 1]?.kind === 'reshape') kept.pop()
    if (!isIdle(move, dimsNow())) kept.push(move)
  }
  return kept
}

function isIdle(move: Move, before: readonly number[]): boolean {
  if (move.kind === 'permute') return move.order.every((axis, place) => axis === place)
  return sameDims({ dtype: F32, dims: before }, { dtype: F32, dims: move.dims })
}
