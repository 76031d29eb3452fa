/** Gradients of matrix products, convolution and attention. */

import { refuse } from '../../base/refusal.ts'
import { intAttribute } from '../builder.ts'
import type { Emitted, Emitter } from '../emitter.ts'
import { padded, permuted, scaled, sliced, swapped, transposed } from './phrases.ts'
import { softmaxGradient } from './rows.ts'
import { type Emission, type GradientRule, type GradientRules, integer, operand } from './rule.ts'

/** y[M,N] = a[M,K] b[N,K]^T. */
const matmul: GradientRule = (emit, step, index, dy) =>
  index === 0
    ? emit.op('matmul_f32', [dy, transposed(emit, operand(step, 1))])
    : emit.op('matmul_f32', [transposed(emit, dy), transposed(emit, operand(step, 0))])

const bmm: GradientRule = (emit, step, index, dy) =>
  index === 0
    ? emit.op('bmm_f32', [dy, swapped(emit, operand(step, 1))])
    : emit.op('bmm_f32', [swapped(emit, dy), swapped(emit, operand(step, 0))])

/** One spatial axis of a convolution. */
interface Axis {
  readonly size: number
  readonly kernel: number
  readonly out: number
  readonly stride: number
  readonly before: number
  readonly dilation: number
}

function axesOf(step: Emission<Emitted>): readonly [Axis, Axis] {
  const axis = (at: 0 | 1): Axis => ({
    size: operand(step, 0).type.dims[1 + at] as number,
    kernel: operand(step, 1).type.dims[1 + at] as number,
    out: step.out.type.dims[1 + at] as number,
    stride: integer(step, at),
    before: integer(step, 2 + at),
    dilation: integer(step, 6 + at),
  })
  return [axis(0), axis(1)]
}

/**
 * Pads, or crops where a pad is negative, the two middle axes of NHWC. Pads come first: what is
 * cropped on the one side may be all there was.
 */
function framed<V extends Emitted>(
  emit: Emitter<V>,
  x: V,
  before: readonly [number, number],
  after: readonly [number, number],
): V {
  const [batch, height, width, channels] = x.type.dims as [number, number, number, number]
  const cut = (count: number): number => Math.max(0, -count)
  const grown = (count: number): number => Math.max(0, count)
  const whole = padded(
    emit,
    x,
    [0, grown(before[0]), grown(before[1]), 0],
    [0, grown(after[0]), grown(after[1]), 0],
  )
  return sliced(
    emit,
    whole,
    [0, cut(before[0]), cut(before[1]), 0],
    [batch, height + before[0] + after[0], width + before[1] + after[1], channels],
  )
}

/** dy with zeros between its rows and columns, as far apart as the strides. */
export function dilated<V extends Emitted>(
  emit: Emitter<V>,
  dy: V,
  strides: readonly [number, number],
): V {
  if (strides[0] === 1 && strides[1] === 1) return dy
  return emit.op('dilate2d_f32', [dy], strides.map(intAttribute))
}

/** Every input is met by every kernel element once: a convolution with the kernel turned round. */
function inputGradient<V extends Emitted>(emit: Emitter<V>, step: Emission<V>, dy: V): V {
  const axes = axesOf(step)
  const spread = dilated(emit, dy, [axes[0].stride, axes[1].stride])
  const before = axes.map(({ dilation, kernel, before }) => dilation * (kernel - 1) - before)
  const after = axes.map(
    ({ size, before, out, stride }) => size + before - ((out - 1) * stride + 1),
  )
  const frame = framed(emit, spread, before as [number, number], after as [number, number])
  const turned = emit.op(
    'flip_f32',
    [permuted(emit, operand(step, 1), [3, 1, 2, 0])],
    [0, 1, 1, 0, 0, 0, 0, 0].map(intAttribute),
  )
  const dilations = axes.map(({ dilation }) => dilation)
  return emit.op(
    'conv2d_f32',
    [frame, turned],
    [1, 1, 0, 0, 0, 0, ...dilations, 1].map(intAttribute),
  )
}

/** Stride and dilation change places; the batch is what is summed over. */
function kernelGradient<V extends Emitted>(emit: Emitter<V>, step: Emission<V>, dy: V): V {
  const axes = axesOf(step)
  const x = permuted(emit, operand(step, 0), [3, 1, 2, 0])
  const kernel = permuted(emit, dy, [3, 1, 2, 0])
  const pads = [2, 3, 4, 5].map((at) => integer(step, at))
  const whole = emit.op(
    'conv2d_f32',
    [x, kernel],
    [...axes.map(({ dilation }) => dilation), ...pads, ...axes.map(({ stride }) => stride), 1].map(
      intAttribute,
    ),
  )
  const [channels, , , outputs] = whole.type.dims as [number, number, number, number]
  // Rows of the input that no window reached give kernel elements that do not exist.
  const sizes = [channels, axes[0].kernel, axes[1].kernel, outputs]
  return permuted(emit, sliced(emit, whole, [0, 0, 0, 0], sizes), [3, 1, 2, 0])
}

const convolution: GradientRule = (emit, step, index, dy) => {
  const groups = integer(step, 8)
  if (groups !== 1) refuse('differentiation_unsupported', { op: 'conv2d_f32', groups })
  return index === 0 ? inputGradient(emit, step, dy) : kernelGradient(emit, step, dy)
}

/** The weights p = softmax(mask(scale q k^T)), which attention never stores. */
function weights<V extends Emitted>(emit: Emitter<V>, step: Emission<V>): V {
  const scores = emit.op('bmm_f32', [operand(step, 0), operand(step, 1)])
  const sized = emit.op('scale_f32', [scores], step.attrs.slice(0, 1))
  const isCausal = integer(step, 1) === 1
  return emit.op('softmax_f32', [isCausal ? emit.op('mask_causal_f32', [sized]) : sized])
}

const attention: GradientRule = (emit, step, index, dy) => {
  const p = weights(emit, step)
  if (index === 2) return emit.op('bmm_f32', [swapped(emit, p), swapped(emit, dy)])
  const dp = emit.op('bmm_f32', [dy, operand(step, 2)])
  const ds = emit.op('scale_f32', [softmaxGradient(emit, p, dp)], step.attrs.slice(0, 1))
  return index === 0
    ? emit.op('bmm_f32', [ds, swapped(emit, operand(step, 1))])
    : emit.op('bmm_f32', [swapped(emit, ds), swapped(emit, operand(step, 0))])
}

/** The turn back; the tables are constants. */
const rope: GradientRule = (emit, step, index, dy) => {
  if (index !== 0) refuse('differentiation_unsupported', { op: 'rope_f32', operand: index })
  const sines = scaled(emit, operand(step, 2), -1)
  return emit.op('rope_f32', [dy, operand(step, 1), sines])
}

export const PRODUCTS: GradientRules = {
  matmul_f32: matmul,
  bmm_f32: bmm,
  conv2d_f32: convolution,
  attention_f32: attention,
  rope_f32: rope,
}
