/** Other shapes of the same elements, and parts of them put together. */

import { refuse } from '../../base/refusal.ts'
import { intAttribute } from '../../program/builder.ts'
import { padded, perAxis, reshaped, sliced } from '../../program/gradients/phrases.ts'
import { elementCount } from '../../program/shape.ts'
import { dtypeName } from '../dtype.ts'
import { EMITTER, emit, saved } from '../emit.ts'
import { axisOf, checkDims, slicedLayout, stridedLayout } from '../layout.ts'
import { movesOf } from '../moves.ts'
import { checkKept, isTracked, record } from '../tape.ts'
import type { View } from '../view.ts'

type Dims = readonly number[]

/** The op of the name for elements like those of the view. */
export function typed(name: string, view: View): string {
  return `${name}_${dtypeName(view.type.dtype)}`
}

/**
 * The same elements under other dimensions, one of which may be -1: whatever is left.
 * @throws RefusalError tensor_length_mismatch and those of `checkDims`
 */
export function reshape(view: View, wanted: Dims): View {
  const dims = withRest(view.dims, wanted)
  checkDims(view.type.dtype, dims)
  if (elementCount(dims) !== elementCount(view.dims)) lengthMismatch(view.dims, dims)
  return emit(typed('reshape', view), [view], perAxis(dims))
}

/** As `reshape`, but never a copy. @throws RefusalError tensor_view_impossible */
export function viewed(view: View, wanted: Dims): View {
  const out = reshape(view, wanted)
  if (out.storage === view.storage) return out
  return refuse('tensor_view_impossible', {
    dims: view.dims.join(','),
    strides: view.layout.strides.join(','),
    wanted: out.dims.join(','),
  })
}

function lengthMismatch(from: Dims, to: Dims): never {
  return refuse('tensor_length_mismatch', { from: from.join(','), to: to.join(',') })
}

function withRest(from: Dims, dims: Dims): Dims {
  const at = dims.indexOf(-1)
  if (at < 0) return dims
  const others = elementCount(dims.filter((_, axis) => axis !== at))
  const rest = elementCount(from) / others
  return Number.isInteger(rest) ? dims.with(at, rest) : lengthMismatch(from, dims)
}

/** Axis i of the result is axis order[i]. @throws RefusalError tensor_axis_unknown */
export function permute(view: View, order: Dims): View {
  const rank = view.dims.length
  const axes = order.map((axis) => axisOf(axis, rank))
  if (axes.length !== rank || new Set(axes).size !== rank) {
    refuse('tensor_axis_unknown', { order: String(order), rank })
  }
  return emit(
    typed('permute', view),
    [view],
    perAxis(axes, (axis) => axis),
  )
}

/** Two axes change places. */
export function transpose(view: View, first: number, second: number): View {
  const rank = view.dims.length
  const [left, right] = [axisOf(first, rank), axisOf(second, rank)]
  const order = view.dims.map((_, axis) => axis)
  return permute(view, order.with(left, right).with(right, left))
}

/** The axes in the order in which `axes` come last, and how to bring them back. */
export function lastAxes(view: View, axes: Dims): { readonly view: View; readonly back: Dims } {
  const others = view.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const order = [...others, ...axes]
  const back = order.map((_, axis) => order.indexOf(axis))
  return { view: permute(view, order), back }
}

/** Axes of one element, and new ones in front, repeated without being copied. */
export function expand(view: View, dims: Dims): View {
  checkDims(view.type.dtype, dims)
  return emit('expand_f32', [view], perAxis(dims))
}

/**
 * Elements start, start + step, ... below end of one axis; from -1 backwards both count from the end.
 * @throws RefusalError tensor_slice_out_of_range | tensor_axis_unknown
 */
export function slice(view: View, along: number, from: number, to: number, step: number): View {
  const { dims, layout } = view
  const axis = axisOf(along, dims.length)
  const size = dims[axis] as number
  const [start, end] = [from < 0 ? from + size : from, to < 0 ? to + size : to]
  const part = slicedLayout(layout, axis, start, end, step)
  if (step === 1) {
    const starts = dims.map((_, at) => (at === axis ? start : 0))
    return emit(typed('slice', view), [view], [...perAxis(starts), ...perAxis(part.dims)])
  }
  checkKept(view)
  const out = view.under(part)
  if (isTracked([view])) {
    record('slice', [view], out, [saved(view)], (_index, dy) =>
      spread(dy, dims, axis, { start, step }),
    )
  }
  return out
}

/** Back to where each element was taken: zeros between them, before and after. */
function spread(
  dy: View,
  dims: Dims,
  axis: number,
  { start, step }: { readonly start: number; readonly step: number },
): View {
  const outer = elementCount(dims.slice(0, axis))
  const inner = elementCount(dims.slice(axis + 1))
  const size = dims[axis] as number
  const kept = dy.dims[axis] as number
  const apart = reshaped(EMITTER, dy, [outer * kept, 1, inner])
  const gaps = padded(EMITTER, apart, [0, 0, 0], [0, step - 1, 0])
  const whole = reshaped(EMITTER, gaps, [outer, kept * step, inner])
  const wanted = Math.min(kept * step, size - start)
  const cut = sliced(EMITTER, whole, [0, 0, 0], [outer, wanted, inner])
  const placed = padded(EMITTER, cut, [0, start, 0], [0, size - start - wanted, 0])
  return reshaped(EMITTER, placed, dims)
}

/**
 * Any window on the storage; outside of the tape.
 * @throws RefusalError tensor_stride_negative | tensor_stride_out_of_range | tensor_layout_unsupported
 */
export function strided(view: View, dims: Dims, strides: Dims, offset: number): View {
  checkDims(view.type.dtype, dims)
  const { storage } = view
  const layout = stridedLayout(dims, strides, offset, storage.elements)
  if (movesOf(layout, storage.elements) === undefined) {
    refuse('tensor_layout_unsupported', { dims: dims.join(','), strides: strides.join(',') })
  }
  if (isTracked([view])) refuse('differentiation_unsupported', { op: 'strided' })
  return view.under(layout)
}

/** One after another along an axis; f32 and s8. */
export function concat(views: readonly View[], along: number): View {
  const first = views[0] ?? refuse('tensor_length_mismatch', { from: '', to: 'concat' })
  const axis = axisOf(along, first.dims.length)
  return views.slice(1).reduce((left, right) => {
    return emit(typed('concat', first), [left, right], [intAttribute(axis)])
  }, first)
}

/** Zeros around; f32. */
export function pad(view: View, before: Dims, after: Dims): View {
  const rank = view.dims.length
  if (before.length !== rank || after.length !== rank) {
    refuse('tensor_axis_unknown', { before: String(before), after: String(after), rank })
  }
  return emit('pad_f32', [view], [...perAxis(before), ...perAxis(after)])
}

/** Axes reversed; f32. */
export function flip(view: View, axes: Dims): View {
  const rank = view.dims.length
  const named = axes.map((axis) => axisOf(axis, rank))
  const flags = view.dims.map((_, axis) => (named.includes(axis) ? 1 : 0))
  return emit('flip_f32', [view], perAxis(flags))
}

/** Rows of axis 0 by number; numbers are brought into range. */
export function gather(view: View, index: View): View {
  return emit('gather_f32', [view, index])
}

/** s32[...] -> f32[..., classes]. */
export function oneHot(index: View, classes: number): View {
  return emit('one_hot_f32', [index], [intAttribute(classes)])
}
