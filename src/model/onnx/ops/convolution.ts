/** Convolutions, and batch normalisation: folded into the product before it, or a scale and shift. */

import { refuse } from '../../../base/refusal.ts'
import { type Handle, intAttribute } from '../../../program/builder.ts'
import { f32Elements, f32Tensor } from '../../../program/tensor.ts'
import type { Tensor } from '../../../program/types.ts'
import type { Linear, NodeReader } from '../node.ts'
import { inNaturalOrder, inOrder, type Placed, placed } from '../value.ts'
import { binary } from './elementwise.ts'
import { type Window, windowOf } from './window.ts'

/** Batch, height, width, channel. */
export const CHANNELS_LAST: readonly number[] = [0, 2, 3, 1]

/** A value with one spatial axis gets a second one of size 1 in front of it. */
export function asImage({ dims, order, ...value }: Placed): Placed {
  if (dims.length === 4) return { ...value, dims, order }
  if (dims.length !== 3) refuse('onnx_rank_unsupported', { rank: dims.length, taken: '3 and 4' })
  const [batch, channels, width] = dims as readonly [number, number, number]
  const moved = order.flatMap((axis) => (axis === 2 ? [2, 3] : [axis]))
  return { ...value, dims: [batch, channels, 1, width], order: moved }
}

/** The inverse of `asImage`: back to the rank that the value came with. */
export function withRankOf(image: Placed, rank: number): Placed {
  if (rank === 4) return image
  const [batch, channels, , width] = image.dims
  const order = image.order.filter((axis) => axis !== 2).map((axis) => (axis === 3 ? 2 : axis))
  return { ...image, dims: [batch, channels, width] as number[], order }
}

export function convolution(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const kernels = node.float(1)
  const x = asImage(value)
  const w = asImage(kernels)
  const window = windowOf(node, x.dims, w.dims.slice(2))
  const groups = node.int('group', 1)
  const bias = node.maybe(2) === undefined ? undefined : inNaturalOrder(draft, node.float(2))
  const attrs = [...windowAttributes(window), ...[...window.dilations, groups].map(intAttribute)]
  const linear: Linear = {
    op: 'conv2d_f32',
    x: inOrder(draft, x, CHANNELS_LAST),
    weights: inOrder(draft, w, CHANNELS_LAST),
    bias,
    attrs,
  }
  const handle = applyLinear(node, linear)
  const [batch, height, width, channels] = handle.type.dims
  const dims = [batch, channels, height, width] as number[]
  const image: Placed = { ...placed(handle), dims, order: CHANNELS_LAST }
  return withRankOf(image, value.dims.length)
}

/** Stride h, w; pad top, left, bottom, right. */
export function windowAttributes({ strides, pads }: Window): bigint[] {
  return [...strides, ...pads].map(intAttribute)
}

/** The op and its bias; remembered, so that a normalisation behind it can be folded in. */
export function applyLinear({ draft, shared }: NodeReader, linear: Linear): Handle {
  const { op, x, weights, bias, attrs } = linear
  const product = draft.op(op, [x, weights], attrs)
  const handle = bias === undefined ? product : draft.op('add_f32', [product, bias])
  if (draft.tensorOf(weights) !== undefined) shared.linears.set(handle, linear)
  return handle
}

/**
 * gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel, as x * factor + addend. Both are
 * computed in doubles and rounded once.
 */
export function batchNormalization(node: NodeReader): Placed {
  node.ignore('momentum', 'spatial')
  node.only('training_mode', 0)
  node.outputsAtMost(1)
  const value = node.float(0)
  const epsilon = node.real('epsilon', 1e-5)
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => node.numbers(index)) as [
    readonly number[],
    readonly number[],
    readonly number[],
    readonly number[],
  ]
  const channels = value.dims[1] ?? 0
  if ([gamma, beta, mean, variance].some(({ length }) => length !== channels)) {
    refuse('shape_mismatch', { rule: 'one number a channel', channels })
  }
  const factor = gamma.map(
    (scale, index) => scale / Math.sqrt((variance[index] as number) + epsilon),
  )
  const addend = beta.map(
    (offset, index) => offset - (mean[index] as number) * (factor[index] as number),
  )
  const folded = foldInto(node, value, factor, addend)
  return folded ?? scaleAndShift(node, value, factor, addend)
}

/** Into the weights and bias of the product that made the value, if nobody else sees it. */
function foldInto(
  node: NodeReader,
  value: Placed,
  factor: readonly number[],
  addend: readonly number[],
): Placed | undefined {
  const { draft, shared } = node
  const linear = shared.linears.get(value.handle)
  const uses = shared.uses.get(node.node.inputs[0] ?? '')
  if (linear === undefined || uses !== 1) return undefined
  const bias = linear.bias === undefined ? undefined : draft.tensorOf(linear.bias)
  if (linear.bias !== undefined && bias === undefined) return undefined
  const weights = draft.tensorOf(linear.weights) as Tensor
  const earlier = bias === undefined ? undefined : f32Elements(bias)
  const shift = addend.map((offset, index) => {
    return offset + (earlier?.[index] ?? 0) * (factor[index] as number)
  })
  const handle = applyLinear(node, {
    ...linear,
    weights: draft.weight(linear.weights.name, scaledRows(weights, factor)),
    bias: draft.weight(biasName(linear), f32Tensor([shift.length], shift)),
  })
  return { ...value, handle }
}

function biasName({ bias, weights }: Linear): string {
  return bias?.name ?? `${weights.name}.bias`
}

/** Each slice of axis 0 times its factor. */
function scaledRows(weights: Tensor, factor: readonly number[]): Tensor {
  const elements = f32Elements(weights)
  const size = elements.length / factor.length
  const products = elements.map((element, index) => {
    return element * (factor[Math.floor(index / size)] as number)
  })
  return f32Tensor(weights.type.dims, products)
}

function scaleAndShift(
  node: NodeReader,
  value: Placed,
  factor: readonly number[],
  addend: readonly number[],
): Placed {
  const { draft } = node
  const dims = [factor.length, ...value.dims.slice(2).map(() => 1)]
  const row = (kind: string, numbers: readonly number[]): Placed =>
    placed(draft.weight(`${node.name}.${kind}`, f32Tensor(dims, numbers)))
  const product = binary(draft, 'mul_f32', value, row('factor', factor), { isCommutative: true })
  return binary(draft, 'add_f32', product, row('addend', addend), { isCommutative: true })
}
