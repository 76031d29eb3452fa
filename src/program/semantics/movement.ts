/** Elements moved, chosen or repeated (numerics.md, ops 60, 61 and 100 to 116). */

import { elementCount, lastAxis } from '../shape.ts'
import { f32Elements, loadElements, s8Elements, s32Elements } from '../tensor.ts'
import { F32, type OpDefinition, S8, type Tensor } from '../types.ts'
import { integerOf } from '../typing.ts'

type Run = OpDefinition['run']
type Elements = Float32Array | Int8Array | Int32Array

/** Loaded, where that means something. */
function read(tensor: Tensor): Elements {
  if (tensor.type.dtype === F32) return loadElements(tensor)
  return tensor.type.dtype === S8 ? s8Elements(tensor) : s32Elements(tensor)
}

function write(tensor: Tensor): Elements {
  if (tensor.type.dtype === F32) return f32Elements(tensor)
  return tensor.type.dtype === S8 ? s8Elements(tensor) : s32Elements(tensor)
}

/** Where the elements of a box lie in a flat array: the first, and how far the next of each axis. */
interface Layout {
  readonly start: number
  readonly strides: readonly number[]
}

/** Elements between neighbours on each axis, row-major. */
function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, axis) => elementCount(dims.slice(axis + 1)))
}

function whole(dims: readonly number[]): Layout {
  return { start: 0, strides: stridesOf(dims) }
}

/** A box that begins at `corner` inside a tensor of `dims`. */
function inside(dims: readonly number[], corner: readonly number[]): Layout {
  const strides = stridesOf(dims)
  const start = strides.reduce((sum, stride, axis) => sum + stride * (corner[axis] as number), 0)
  return { start, strides }
}

/** Copies a box of `dims` from one layout to another. */
function copy(
  dims: readonly number[],
  [x, from]: readonly [Elements, Layout],
  [y, to]: readonly [Elements, Layout],
): void {
  const walk = (axis: number, at: number, place: number): void => {
    if (axis === dims.length) {
      y[place] = x[at] as number
      return
    }
    const [step, stride] = [from.strides[axis] as number, to.strides[axis] as number]
    for (let index = 0; index < (dims[axis] as number); index++) {
      walk(axis + 1, at + index * step, place + index * stride)
    }
  }
  walk(0, from.start, to.start)
}

/** Every element of the output from somewhere in the first operand. */
function picking(
  layoutOf: (from: readonly number[], attrs: readonly bigint[], to: readonly number[]) => Layout,
): Run {
  return (args, attrs, out) => {
    const x = args[0] as Tensor
    const { dims } = out.type
    copy(dims, [read(x), layoutOf(x.type.dims, attrs, dims)], [write(out), whole(dims)])
  }
}

/** Every element of the first operand to somewhere in the output; the rest is +0. */
function placing(layoutOf: (to: readonly number[], attrs: readonly bigint[]) => Layout): Run {
  return (args, attrs, out) => {
    const x = args[0] as Tensor
    const { dims } = x.type
    copy(dims, [read(x), whole(dims)], [write(out), layoutOf(out.type.dims, attrs)])
  }
}

function axes(attrs: readonly bigint[], dims: readonly number[]): number[] {
  return dims.map((_, axis) => integerOf(attrs[axis]))
}

export const transpose: Run = picking((dims) => ({
  start: 0,
  strides: [1, dims[1] as number],
}))

export const permute: Run = picking((dims, attrs) => {
  const strides = stridesOf(dims)
  return { start: 0, strides: axes(attrs, dims).map((axis) => strides[axis] as number) }
})

export const reshape: Run = picking((_from, _attrs, to) => whole(to))

/** The strides of repeated axes are zero. */
export const expandF32: Run = picking((from, _attrs, to) => {
  const strides = stridesOf(from).map((stride, axis) => (from[axis] === 1 ? 0 : stride))
  return { start: 0, strides: [...to.slice(from.length).map(() => 0), ...strides] }
})

export const slice: Run = picking((dims, attrs) => inside(dims, axes(attrs, dims)))

export const padF32: Run = placing((dims, attrs) => inside(dims, axes(attrs, dims)))

export const flipF32: Run = picking((dims, attrs) => {
  const flips = axes(attrs, dims)
  const corner = dims.map((size, axis) => (flips[axis] === 1 ? size - 1 : 0))
  const { start, strides } = inside(dims, corner)
  return {
    start,
    strides: strides.map((stride, axis) => (flips[axis] === 1 ? -stride : stride)),
  }
})

export const dilate2dF32: Run = placing((dims, attrs) => {
  const [image, row, column, channel] = stridesOf(dims) as [number, number, number, number]
  const [down, across] = attrs.map(integerOf) as [number, number]
  return { start: 0, strides: [image, row * down, column * across, channel] }
})

export const concat: Run = (args, attrs, out) => {
  const axis = integerOf(attrs[0])
  const y = write(out)
  const corner = out.type.dims.map(() => 0)
  for (const x of args) {
    const { dims } = x.type
    copy(dims, [read(x), whole(dims)], [y, inside(out.type.dims, corner)])
    corner[axis] = (corner[axis] as number) + (dims[axis] as number)
  }
}

/** An index beyond the ends is that of the end. */
function clamped(index: number, count: number): number {
  return Math.max(0, Math.min(index, count - 1))
}

export const gatherF32: Run = (args, _attrs, out) => {
  const [table, index] = args as readonly [Tensor, Tensor]
  const [rows] = table.type.dims as readonly [number]
  const width = elementCount(table.type.dims) / rows
  const x = loadElements(table)
  const y = f32Elements(out)
  s32Elements(index).forEach((wanted, number) => {
    const start = clamped(wanted, rows) * width
    y.set(x.subarray(start, start + width), number * width)
  })
}

export const oneHotF32: Run = (args, _attrs, out) => {
  const classes = lastAxis(out.type)
  const y = f32Elements(out)
  s32Elements(args[0] as Tensor).forEach((wanted, number) => {
    y[number * classes + clamped(wanted, classes)] = 1
  })
}
