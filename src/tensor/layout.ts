/**
 * Where the elements of a tensor lie: element i, j, ... of a view is element
 * offset + i strides[0] + j strides[1] + ... of its storage.
 *
 * Views of views are arithmetic on layouts; no byte moves. Strides count elements and are never
 * negative. The stride of an axis of size 1 means nothing.
 */

import { refuse } from '../base/refusal.ts'
import { checkType, elementCount } from '../program/shape.ts'
import type { Dtype } from '../program/types.ts'

export interface Layout {
  readonly dims: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

/** @throws RefusalError tensor_dims_malformed | shape_rank | shape_empty | shape_overflow */
export function checkDims(dtype: Dtype, dims: readonly number[]): void {
  if (!Array.isArray(dims) || dims.some((size) => !isCount(size))) {
    refuse('tensor_dims_malformed', { dims: String(dims) })
  }
  checkType({ dtype, dims })
}

function isCount(size: number): boolean {
  return Number.isInteger(size) && size >= 0 && size < 0x1_0000_0000
}

/** Elements side by side, the last axis innermost. */
export function contiguousLayout(dims: readonly number[], offset = 0): Layout {
  const strides: number[] = []
  let stride = 1
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides.unshift(stride)
    stride *= dims[axis] as number
  }
  return { dims, strides, offset }
}

export function isContiguous({ dims, strides }: Layout): boolean {
  let stride = 1
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    if (dims[axis] !== 1 && strides[axis] !== stride) return false
    stride *= dims[axis] as number
  }
  return true
}

/** Number of the last storage element that the view names. */
export function lastElement({ dims, strides, offset }: Layout): number {
  return dims.reduce((at, size, axis) => at + (size - 1) * (strides[axis] as number), offset)
}

/** An axis by its number from the front, or from -1 at the back. */
export function axisOf(axis: number, rank: number): number {
  const from = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || from < 0 || from >= rank) {
    refuse('tensor_axis_unknown', { axis: String(axis), rank })
  }
  return from
}

/**
 * The layout of the same elements under other dimensions, or undefined when they do not lie so.
 * Precondition: both have the same number of elements.
 */
export function reshapedLayout(layout: Layout, dims: readonly number[]): Layout | undefined {
  const old = layout.dims.flatMap((size, axis) =>
    size === 1 ? [] : [{ size, stride: layout.strides[axis] as number }],
  )
  const strides = dims.map(() => 1)
  let [from, to] = [0, 0]
  while (from < old.length) {
    // The shortest runs of old and new axes that hold the same number of elements.
    let [oldEnd, newEnd] = [from + 1, to + 1]
    let [oldSize, newSize] = [(old[from] as Axis).size, dims[to] as number]
    while (oldSize !== newSize) {
      if (oldSize < newSize) oldSize *= (old[oldEnd++] as Axis).size
      else newSize *= dims[newEnd++] as number
    }
    for (let at = from; at + 1 < oldEnd; at++) {
      const [outer, inner] = [old[at] as Axis, old[at + 1] as Axis]
      if (outer.stride !== inner.stride * inner.size) return undefined
    }
    let stride = (old[oldEnd - 1] as Axis).stride
    for (let axis = newEnd - 1; axis >= to; axis--) {
      strides[axis] = stride
      stride *= dims[axis] as number
    }
    ;[from, to] = [oldEnd, newEnd]
  }
  return { dims, strides, offset: layout.offset }
}

interface Axis {
  readonly size: number
  readonly stride: number
}

/** @param order a permutation of the axes */
export function permutedLayout(
  { dims, strides, offset }: Layout,
  order: readonly number[],
): Layout {
  return {
    dims: order.map((axis) => dims[axis] as number),
    strides: order.map((axis) => strides[axis] as number),
    offset,
  }
}

/** `start`, `start + step`, ... below `end` of one axis. @throws RefusalError tensor_slice_out_of_range */
export function slicedLayout(
  { dims, strides, offset }: Layout,
  axis: number,
  start: number,
  end: number,
  step: number,
): Layout {
  const size = dims[axis] as number
  const isSound = [start, end, step].every(Number.isInteger) && step >= 1
  if (!isSound || start < 0 || end > size || start >= end) {
    refuse('tensor_slice_out_of_range', { axis, size, start, end, step })
  }
  const stride = strides[axis] as number
  const kept = Math.ceil((end - start) / step)
  return {
    dims: dims.with(axis, kept),
    strides: strides.with(axis, stride * step),
    offset: offset + start * stride,
  }
}

/** Axes of size 1, and new ones in front, repeated. @throws RefusalError tensor_broadcast_mismatch */
export function expandedLayout(layout: Layout, dims: readonly number[]): Layout {
  const added = dims.length - layout.dims.length
  const strides = dims.map((size, axis) => {
    const own = layout.dims[axis - added]
    if (own === size) return layout.strides[axis - added] as number
    if (own !== undefined && own !== 1) mismatch(layout.dims, dims)
    return 0
  })
  if (added < 0) mismatch(layout.dims, dims)
  return { dims, strides, offset: layout.offset }
}

function mismatch(left: readonly number[], right: readonly number[]): never {
  return refuse('tensor_broadcast_mismatch', { left: left.join(','), right: right.join(',') })
}

/** The dimensions that both shapes can be expanded to. @throws RefusalError tensor_broadcast_mismatch */
export function broadcastDims(left: readonly number[], right: readonly number[]): number[] {
  const rank = Math.max(left.length, right.length)
  return Array.from({ length: rank }, (_, axis) => {
    const a = left[axis - rank + left.length] ?? 1
    const b = right[axis - rank + right.length] ?? 1
    if (a !== b && a !== 1 && b !== 1) mismatch(left, right)
    return a === 1 ? b : a
  })
}

/**
 * Any layout over `elements` elements.
 * @throws RefusalError tensor_stride_negative | tensor_stride_out_of_range
 */
export function stridedLayout(
  dims: readonly number[],
  strides: readonly number[],
  offset: number,
  elements: number,
): Layout {
  if (strides.length !== dims.length || [...strides, offset].some((count) => !isCount(count))) {
    refuse('tensor_stride_negative', { strides: String(strides), offset: String(offset) })
  }
  const layout = { dims, strides, offset }
  if (lastElement(layout) >= elements) {
    refuse('tensor_stride_out_of_range', {
      dims: dims.join(','),
      strides: strides.join(','),
      offset,
      elements,
    })
  }
  return layout
}

/** Whether every index names an element of its own, as far as nested strides show. */
export function isInjective({ dims, strides }: Layout): boolean {
  const axes = dims
    .map((size, axis) => ({ size, stride: strides[axis] as number }))
    .filter(({ size }) => size > 1)
    .sort((left, right) => left.stride - right.stride)
  let covered = 1
  return axes.every(({ size, stride }) => {
    const isClear = stride >= covered
    covered = (size - 1) * stride + covered
    return isClear
  })
}

/** Calls `visit` with the storage number of each element, in row-major order. */
export function eachElement(layout: Layout, visit: (at: number, index: number) => void): void {
  const { dims, strides } = layout
  const rank = dims.length
  const [size, stride] = [dims[rank - 1] as number, strides[rank - 1] as number]
  const place = dims.map(() => 0)
  const rows = elementCount(dims) / size
  let [at, index] = [layout.offset, 0]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < size; column++) visit(at + column * stride, index++)
    for (let axis = rank - 2; axis >= 0; axis--) {
      at += strides[axis] as number
      place[axis] = (place[axis] as number) + 1
      if ((place[axis] as number) < (dims[axis] as number)) break
      at -= (dims[axis] as number) * (strides[axis] as number)
      place[axis] = 0
    }
  }
}
