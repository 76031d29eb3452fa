/** Ops along axes: sums, means and largest elements, softmax, normalisation of layers, argmax. */

import { refuse } from '../../../base/refusal.ts'
import { f32Attribute, type Handle } from '../../../program/builder.ts'
import { elementCount } from '../../../program/shape.ts'
import { f32Tensor } from '../../../program/tensor.ts'
import type { Draft } from '../../draft.ts'
import { axesOf, axisOf, type NodeReader } from '../node.ts'
import { dimsIn, inNaturalOrder, inOrder, naturalOrder, type Placed, withLast } from '../value.ts'
import { applied, binary } from './elementwise.ts'

export type Reduction = 'sum_last_f32' | 'mean_last_f32' | 'max_last_f32'

/** Longest row that is reduced at once: longer ones could not be opened in a fraud proof. */
const ROW_MAX = 4_096

export function reduction(op: Reduction): (node: NodeReader) => Placed {
  return (node) => {
    const value = node.float(0)
    const rank = value.dims.length
    const keeps = node.int('keepdims', 1) !== 0
    const given = node.list('axes', 1)
    const isNothing = node.int('noop_with_empty_axes', 0) !== 0
    if (given === undefined || given.length === 0) {
      return isNothing ? value : reduced(node.draft, op, value, naturalOrder(rank), keeps)
    }
    return reduced(node.draft, op, value, axesOf(given, rank), keeps)
  }
}

/** @param axes those that go, or stay with size 1 */
export function reduced(
  draft: Draft,
  op: Reduction,
  value: Placed,
  axes: readonly number[],
  keeps: boolean,
): Placed {
  const { dims } = value
  const kept = value.order.filter((axis) => !axes.includes(axis))
  const sizes = dimsIn(dims, axes).filter((size) => size !== 1)
  const whole = elementCount(sizes)
  // All at once, or one after another from the last: a mean of means of equal parts is the mean.
  const parts = whole <= ROW_MAX ? [whole] : [...sizes].reverse()
  let handle = inOrder(draft, value, [...kept, ...axes])
  for (const part of sizes.length === 0 ? [] : parts) {
    const rows = elementCount(handle.type.dims) / part
    handle = draft.op(op, [draft.reshape(handle, [rows, part])])
  }
  const left = dims.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const result = { ...value, handle, dims: left, order: [...kept, ...axes] }
  return keeps ? result : withoutAxes(result, axes)
}

/** Axes of size 1 taken out. */
export function withoutAxes(value: Placed, gone: readonly number[]): Placed {
  const stays = (axis: number): boolean => !gone.includes(axis)
  const kept = naturalOrder(value.dims.length).filter(stays)
  return {
    ...value,
    dims: kept.map((axis) => value.dims[axis] as number),
    order: value.order.filter(stays).map((axis) => kept.indexOf(axis)),
  }
}

/** The elements with one axis innermost, as rows of a tensor of at least rank 1. */
function rowsAlong(draft: Draft, value: Placed, axis: number): { handle: Handle; order: number[] } {
  const order = withLast(value.order, [axis])
  return { handle: inOrder(draft, value, order), order }
}

function softmaxAxis(node: NodeReader, value: Placed): number {
  const { length: rank } = value.dims
  const axis = axisOf(node.int('axis', node.opset < 13 ? 1 : -1), rank)
  // Before operator set 13 all axes from this one on were one row.
  const isOneAxis = node.opset >= 13 || value.dims.slice(axis + 1).every((size) => size === 1)
  if (!isOneAxis) refuse('onnx_attribute_unsupported', { attribute: 'axis', opset: node.opset })
  return axis
}

export function softmax(node: NodeReader): Placed {
  const value = node.float(0)
  const { handle, order } = rowsAlong(node.draft, value, softmaxAxis(node, value))
  return { ...value, handle: node.draft.op('softmax_f32', [handle]), order }
}

/** x - max - log(sum(exp(x - max))), which keeps small probabilities apart. */
export function logSoftmax(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const axis = softmaxAxis(node, value)
  const minus = (a: Placed, b: Placed): Placed =>
    binary(draft, 'sub_f32', a, b, { isCommutative: false })
  const below = minus(value, reduced(draft, 'max_last_f32', value, [axis], true))
  const sum = reduced(draft, 'sum_last_f32', applied(draft, 'exp_f32', below), [axis], true)
  return minus(below, applied(draft, 'log_f32', sum))
}

export function layerNormalization(node: NodeReader): Placed {
  const { draft } = node
  node.only('stash_type', 1)
  node.outputsAtMost(1)
  const value = node.float(0)
  const axis = axisOf(node.int('axis', -1), value.dims.length)
  const tail = naturalOrder(value.dims.length).slice(axis)
  const order = withLast(value.order, tail)
  const length = elementCount(dimsIn(value.dims, tail))
  const row = (index: number, fill: number): Handle => {
    if (node.maybe(index) !== undefined) {
      const given = inNaturalOrder(draft, node.float(index))
      if (elementCount(given.type.dims) === length) return draft.reshape(given, [length])
      refuse('shape_mismatch', { rule: 'scale and bias have the normalised shape', operand: index })
    }
    return draft.weight(`number.${fill}`, f32Tensor([length], new Float32Array(length).fill(fill)))
  }
  const heads = dimsIn(value.dims, order.slice(0, -tail.length))
  const rows = draft.reshape(inOrder(draft, value, order), [...heads, length])
  const attrs = [f32Attribute(node.real('epsilon', 1e-5))]
  const handle = draft.op('layernorm_f32', [rows, row(1, 1), row(2, 0)], attrs)
  return { ...value, handle, order }
}

export function argMax(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const axis = axisOf(node.int('axis', 0), value.dims.length)
  node.only('select_last_index', 0)
  const { handle, order } = rowsAlong(draft, value, axis)
  const result = draft.op('argmax_f32', [handle])
  const dims = value.dims.map((size, index) => (index === axis ? 1 : size))
  const whole: Placed = { kind: 'placed', meaning: 'int', handle: result, dims, order }
  return node.int('keepdims', 1) === 0 ? withoutAxes(whole, [axis]) : whole
}
