/** Ops that move elements or rename axes, on values of the program; integers fold elsewhere. */

import { refuse } from '../../../base/refusal.ts'
import { type Handle, intAttribute } from '../../../program/builder.ts'
import { elementCount } from '../../../program/shape.ts'
import { axes, suffix } from '../../attributes.ts'
import { axesOf, axisOf, constantNumbers, type NodeReader } from '../node.ts'
import {
  atLeastVector,
  dimsIn,
  inNaturalOrder,
  inOrder,
  naturalOrder,
  type Placed,
  placed,
  type Value,
} from '../value.ts'
import { broadcastDims } from './elementwise.ts'
import { withoutAxes } from './reduce.ts'

/** Elements to each side of an axis that a `Pad` may add. */
const PAD_MAX: number = 1 << 24

export function transpose(node: NodeReader): Placed {
  const value = node.placed(0)
  const rank = value.dims.length
  const given = node.maybeInts('perm') ?? naturalOrder(rank).reverse()
  const perm = axesOf(given, rank)
  if (perm.length !== rank) refuse('onnx_axis_out_of_range', { axes: perm.join(), rank })
  return {
    ...value,
    dims: dimsIn(value.dims, perm),
    order: value.order.map((axis) => perm.indexOf(axis)),
  }
}

/** The same elements in the order of the axes, under other sizes. */
function renamed(node: NodeReader, value: Placed, dims: readonly number[]): Placed {
  if (elementCount(dims) !== elementCount(value.dims)) {
    refuse('shape_mismatch', { rule: 'all elements stay', to: dims.join() })
  }
  return placed(inNaturalOrder(node.draft, value), dims, value.meaning)
}

export function flatten(node: NodeReader): Placed {
  const value = node.placed(0)
  const rank = value.dims.length
  const given = node.int('axis', 1)
  const axis = given === rank ? rank : axisOf(given, Math.max(1, rank))
  const sizes = [value.dims.slice(0, axis), value.dims.slice(axis)].map(elementCount)
  return renamed(node, value, sizes)
}

/** 0 keeps a size, -1 takes what is left. */
export function reshape(node: NodeReader): Placed {
  const value = node.placed(0)
  return renamed(node, value, reshapedDims(node, value.dims, node.numbers(1)))
}

/** @throws RefusalError shape_mismatch */
export function reshapedDims(
  node: NodeReader,
  dims: readonly number[],
  target: readonly number[],
): number[] {
  const keepsZero = node.int('allowzero', 0) !== 0
  const sizes = target.map((size, axis) => (size === 0 && !keepsZero ? (dims[axis] ?? 0) : size))
  const known = elementCount(sizes.filter((size) => size !== -1))
  const free = sizes.filter((size) => size === -1).length
  const rest = elementCount(dims) / known
  if (free > 1 || (free === 1 && !Number.isInteger(rest))) {
    refuse('shape_mismatch', { from: `[${dims.join()}]`, to: `[${target.join()}]` })
  }
  return sizes.map((size) => (size === -1 ? rest : size))
}

export function squeeze(node: NodeReader): Placed {
  const value = node.placed(0)
  const given = node.list('axes', 1)
  const gone = squeezedAxes(value.dims, given)
  return withoutAxes(value, gone)
}

export function squeezedAxes(
  dims: readonly number[],
  given: readonly number[] | undefined,
): number[] {
  const all = naturalOrder(dims.length)
  if (given === undefined) return all.filter((axis) => dims[axis] === 1)
  const gone = axesOf(given, dims.length)
  const wide = gone.find((axis) => dims[axis] !== 1)
  if (wide !== undefined)
    refuse('shape_mismatch', { rule: 'a squeezed axis has size 1', axis: wide })
  return gone
}

export function unsqueeze(node: NodeReader): Placed {
  const value = node.placed(0)
  const given = node.list('axes', 1)
  if (given === undefined) return refuse('onnx_operand_missing', { operand: 1 })
  const rank = value.dims.length + given.length
  const fresh = axesOf(given, rank)
  const old = naturalOrder(rank).filter((axis) => !fresh.includes(axis))
  return {
    ...value,
    dims: unsqueezedDims(value.dims, fresh),
    order: [...fresh, ...value.order.map((axis) => old[axis] as number)],
  }
}

export function unsqueezedDims(dims: readonly number[], fresh: readonly number[]): number[] {
  const sizes = [...dims]
  return naturalOrder(dims.length + fresh.length).map((axis) =>
    fresh.includes(axis) ? 1 : (sizes.shift() as number),
  )
}

export function expand(node: NodeReader): Placed {
  const value = node.float(0)
  const dims = broadcastDims(value.dims, node.numbers(1))
  const more = dims.length - value.dims.length
  const order = [...naturalOrder(more), ...value.order.map((axis) => axis + more)]
  const sizes = dimsIn(dims, order)
  const handle = node.draft.reshape(
    value.handle,
    atLeastVector([...naturalOrder(more).map(() => 1), ...dimsIn(value.dims, value.order)]),
  )
  if (dims.length === 0 || handle.type.dims.join() === sizes.join()) {
    return { ...value, handle, dims, order }
  }
  return { ...value, handle: node.draft.op('expand_f32', [handle], axes(sizes)), dims, order }
}

/** Two and more in one order, joined one after another. */
export function concat(node: NodeReader): Placed {
  const { draft } = node
  const values = node.node.inputs.map((_, index) => node.placed(index))
  const [first] = values
  if (first === undefined) return refuse('onnx_operand_missing', { operand: 0 })
  const axis = axisOf(node.int('axis', 0), first.dims.length)
  const computed = values.find(({ handle }) => draft.tensorOf(handle) === undefined) ?? first
  const { order } = computed
  const at = intAttribute(order.indexOf(axis))
  const handles = values.map((value) => {
    if (value.dims.length === first.dims.length) return inOrder(draft, value, order)
    return refuse('shape_mismatch', { rule: 'all operands have one rank' })
  })
  const op = `concat_${suffix(first.handle.type)}`
  const handle = handles.reduce((sum, next) => draft.op(op, [sum, next], [at]))
  const size = values.reduce((sum, { dims }) => sum + (dims[axis] as number), 0)
  return { ...computed, handle, dims: first.dims.map((own, i) => (i === axis ? size : own)) }
}

/** `sizes` elements from `starts` on, by logical axes. */
function cut(
  node: NodeReader,
  value: Placed,
  starts: readonly number[],
  sizes: readonly number[],
): Placed {
  if (sizes.join() === value.dims.join()) return value
  if (sizes.includes(0)) refuse('shape_empty', { sizes: sizes.join() })
  const { order } = value
  const handle = inOrder(node.draft, value, order)
  const attrs = [...axes(dimsIn(starts, order)), ...axes(dimsIn(sizes, order))]
  const op = `slice_${suffix(handle.type)}`
  return { ...value, handle: node.draft.op(op, [handle], attrs), dims: sizes }
}

export function slice(node: NodeReader): Placed {
  const value = node.placed(0)
  const { starts, sizes, steps } = sliceOf(node, value.dims)
  if (steps.some((step) => step !== 1)) refuse('onnx_operand_unsupported', { steps: steps.join() })
  return cut(node, value, starts, sizes)
}

export interface Slicing {
  readonly starts: readonly number[]
  readonly sizes: readonly number[]
  readonly steps: readonly number[]
}

/** The slice of every axis; attributes before operator set 10. */
export function sliceOf(node: NodeReader, dims: readonly number[]): Slicing {
  const starts = node.list('starts', 1)
  const ends = node.list('ends', 2)
  if (starts === undefined || ends === undefined) {
    return refuse('onnx_operand_missing', { operand: 1 })
  }
  const named = node.list('axes', 3) ?? naturalOrder(starts.length)
  const sliced = axesOf(named, dims.length)
  const given = node.maybeNumbers(4) ?? starts.map(() => 1)
  if ([starts, ends, given].some(({ length }) => length !== sliced.length)) {
    refuse('shape_mismatch', { rule: 'starts, ends, axes and steps have one length' })
  }
  const each = dims.map((size, axis) => {
    const at = sliced.indexOf(axis)
    if (at < 0) return { start: 0, size, step: 1 }
    return oneSlice(size, starts[at] as number, ends[at] as number, given[at] as number)
  })
  return {
    starts: each.map(({ start }) => start),
    sizes: each.map(({ size }) => size),
    steps: each.map(({ step }) => step),
  }
}

/** Bounds count from the end when negative, and are clamped. */
function oneSlice(size: number, from: number, to: number, step: number) {
  if (step === 0) refuse('onnx_operand_unsupported', { steps: 0 })
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
  const clamp = (bound: number): number =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, least), most)
  const start = Math.min(Math.max(from < 0 ? from + size : from, 0), step > 0 ? size : size - 1)
  return { start, size: Math.max(0, Math.ceil((clamp(to) - start) / step)), step }
}

export function split(node: NodeReader): Value[] {
  const value = node.placed(0)
  const axis = axisOf(node.int('axis', 0), value.dims.length)
  let start = 0
  return splitSizes(node, value.dims[axis] as number).map((size) => {
    const starts = value.dims.map((_, index) => (index === axis ? start : 0))
    const sizes = value.dims.map((whole, index) => (index === axis ? size : whole))
    start += size
    return cut(node, value, starts, sizes)
  })
}

function splitSizes(node: NodeReader, size: number): readonly number[] {
  const given = node.list('split', 1)
  const parts = node.int('num_outputs', node.node.outputs.length)
  const even = Math.ceil(size / parts)
  const sizes = given ?? naturalOrder(parts).map((part) => Math.min(even, size - part * even))
  const whole = sizes.reduce((sum, part) => sum + part, 0)
  if (whole !== size || sizes.some((part) => part < 1)) {
    refuse('shape_mismatch', { rule: 'parts make the whole', parts: sizes.join(), size })
  }
  return sizes
}

/** Zeros around; other fillings are not taken. Attributes before operator set 11. */
export function pad(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const rank = value.dims.length
  const mode = node.text('mode', 'constant')
  const filling = node.maybeReal('value') ?? node.maybeNumbers(2)?.[0] ?? 0
  if (mode !== 'constant' || filling !== 0) {
    refuse('onnx_attribute_unsupported', { attribute: 'mode', value: mode, filling })
  }
  const pads = node.list('pads', 1) ?? []
  const named = axesOf(node.maybeNumbers(3) ?? naturalOrder(rank), rank)
  const isRight = pads.length === 2 * named.length
  if (!isRight || pads.some((size) => !(size >= 0 && size <= PAD_MAX))) {
    refuse('onnx_operand_unsupported', { operand: 1, pads: pads.join() })
  }
  const side = (offset: number): number[] =>
    naturalOrder(rank).map((axis) => {
      const at = named.indexOf(axis)
      return at < 0 ? 0 : (pads[at + offset] as number)
    })
  const [before, after] = [side(0), side(named.length)]
  const { order } = value
  const attrs = [...axes(dimsIn(before, order)), ...axes(dimsIn(after, order))]
  const dims = value.dims.map(
    (size, axis) => size + (before[axis] as number) + (after[axis] as number),
  )
  const handle = draft.op('pad_f32', [inOrder(draft, value, order)], attrs)
  return { ...value, handle, dims }
}

/** Rows along one axis, by constant or computed numbers. */
export function gather(node: NodeReader): Placed {
  const value = node.placed(0)
  const axis = axisOf(node.int('axis', 0), value.dims.length)
  const chosen = node.operand(1)
  const known = constantNumbers(node.draft, chosen)
  const size = value.dims[axis] as number
  if (known === undefined) {
    node.shared.note('indices_are_clamped', { node: node.name, rows: size })
  } else {
    for (const index of known) axisOf(index, size)
  }
  if (known?.length === 1 && chosen.dims.length === 0) {
    return pick(node, value, axis, axisOf(known[0] as number, size))
  }
  const indices = known?.map((index) => axisOf(index, size))
  const handle =
    indices === undefined
      ? inNaturalOrder(node.draft, node.placed(1))
      : indexWeight(node, indices, chosen.dims)
  return gathered(node, node.float(0), axis, handle, chosen.dims)
}

/** One row; its axis goes. */
function pick(node: NodeReader, value: Placed, axis: number, index: number): Placed {
  const starts = value.dims.map((_, own) => (own === axis ? index : 0))
  const sizes = value.dims.map((size, own) => (own === axis ? 1 : size))
  return withoutAxes(cut(node, value, starts, sizes), [axis])
}

function indexWeight(
  node: NodeReader,
  indices: readonly number[],
  dims: readonly number[],
): Handle {
  const constant = { kind: 'ints', dtype: 6, dims, values: Float64Array.from(indices) } as const
  return node.place(constant, `${node.name}.indices`).handle
}

function gathered(
  node: NodeReader,
  value: Placed,
  axis: number,
  indices: Handle,
  indexDims: readonly number[],
): Placed {
  const { draft } = node
  const others = value.order.filter((own) => own !== axis)
  const rows = inOrder(draft, value, [axis, ...others])
  const handle = draft.op('gather_f32', [rows, indices])
  // The axes of the index stand where the gathered axis stood.
  const more = indexDims.length
  const place = (own: number): number => (own < axis ? own : own + more - 1)
  const dims = [...value.dims.slice(0, axis), ...indexDims, ...value.dims.slice(axis + 1)]
  const order = [...naturalOrder(more).map((own) => own + axis), ...others.map(place)]
  return { ...value, handle, dims, order }
}
