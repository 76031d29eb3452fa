/** Sums, means, largest elements: over the last axis by one op, over others by bringing them there. */

import { refuse } from '../../base/refusal.ts'
import { emit } from '../emit.ts'
import { axisOf } from '../layout.ts'
import type { View } from '../view.ts'
import { scaled } from './elementwise.ts'
import { lastAxes, permute, reshape, typed } from './shape.ts'

/** Which axes are reduced: all, one, or several. */
export type Axes = number | readonly number[] | undefined
export type Keep = 'drop' | 'keep'

function axesOf({ dims }: View, axes: Axes): number[] {
  const all = dims.map((_, axis) => axis)
  const named = axes === undefined ? all : typeof axes === 'number' ? [axes] : axes
  const found = named.map((axis) => axisOf(axis, dims.length))
  if (found.length === 0 || new Set(found).size !== found.length) {
    refuse('tensor_axis_unknown', { axes: String(axes), rank: dims.length })
  }
  return found.sort((left, right) => left - right)
}

/**
 * Elements of several axes are taken in row-major order.
 * @param keep whether reduced axes stay, with one element; when none is left the result is [1]
 */
export function reduced(view: View, op: string, axes: Axes, keep: Keep): View {
  const over = axesOf(view, axes)
  const kept = view.dims.filter((_, axis) => !over.includes(axis))
  const last = lastAxes(view, over).view
  const rows = reshape(last, kept.length === 0 ? [-1] : [...kept, -1])
  const out = emit(op, [rows])
  if (keep === 'drop') return out
  return reshape(
    out,
    view.dims.map((size, axis) => (over.includes(axis) ? 1 : size)),
  )
}

/** The smallest: the largest of what is turned round. */
export function smallest(view: View, axes: Axes, keep: Keep): View {
  return scaled(reduced(scaled(view, -1), 'max_last_f32', axes, keep), -1)
}

/** s32 numbers of the largest elements, the lowest where there are several. */
export function argmax(view: View, axis: number | undefined, keep: Keep): View {
  return reduced(view, typed('argmax', view), axis, keep)
}

/** Along one axis. */
export function softmax(view: View, along: number): View {
  const { view: last, back } = lastAxes(view, [axisOf(along, view.dims.length)])
  return permute(emit('softmax_f32', [last]), back)
}
