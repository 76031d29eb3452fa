/** Gradients of ops that move elements, and of pools. */

import { intAttribute } from '../builder.ts'
import type { Emitted, Emitter } from '../emitter.ts'
import { elementCount } from '../shape.ts'
import { onesLike, padded, permuted, reshaped, sliced, transposed, unexpanded } from './phrases.ts'
import { dilated } from './products.ts'
import { type Emission, type GradientRule, type GradientRules, integer, operand } from './rule.ts'

const AXES = 8

function dimsOf(step: Emission<Emitted>): readonly number[] {
  return operand(step, 0).type.dims
}

/** `rank` attributes from `first` on. */
function run(step: Emission<Emitted>, first: number, rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => integer(step, first + axis))
}

const permute: GradientRule = (emit, step, _index, dy) => {
  const order = run(step, 0, dimsOf(step).length)
  return permuted(
    emit,
    dy,
    order.map((_, axis) => order.indexOf(axis)),
  )
}

const slice: GradientRule = (emit, step, _index, dy) => {
  const dims = dimsOf(step)
  const starts = run(step, 0, dims.length)
  const sizes = run(step, AXES, dims.length)
  const after = dims.map((size, axis) => size - (starts[axis] as number) - (sizes[axis] as number))
  return padded(emit, dy, starts, after)
}

const concat: GradientRule = (emit, step, index, dy) => {
  const axis = integer(step, 0)
  const { dims } = operand(step, index).type
  const starts = dims.map((_, at) =>
    index === 1 && at === axis ? (dimsOf(step)[axis] as number) : 0,
  )
  return sliced(emit, dy, starts, dims)
}

/** Rows that were taken more than once get the sum: a product with the one-hot indices. */
const gather: GradientRule = (emit, step, index, dy) => {
  if (index !== 0) return undefined
  const dims = dimsOf(step)
  const rows = dims[0] as number
  const taken = elementCount(operand(step, 1).type.dims)
  const hot = emit.op('one_hot_f32', [operand(step, 1)], [intAttribute(rows)])
  const flat = reshaped(emit, dy, [taken, elementCount(dims) / rows])
  const table = emit.op('matmul_f32', [
    transposed(emit, reshaped(emit, hot, [taken, rows])),
    transposed(emit, flat),
  ])
  return reshaped(emit, table, dims)
}

/** Every stride-th row and column: pad to whole strides, split the axes, take the first of each. */
const dilate: GradientRule = (emit, step, _index, dy) => {
  const [batch, height, width, channels] = dimsOf(step) as [number, number, number, number]
  const [down, across] = [integer(step, 0), integer(step, 1)]
  const whole = padded(emit, dy, [0, 0, 0, 0], [0, down - 1, across - 1, 0])
  const split = reshaped(emit, whole, [batch, height, down, width, across, channels])
  const first = sliced(emit, split, [0, 0, 0, 0, 0, 0], [batch, height, 1, width, 1, channels])
  return reshaped(emit, first, dimsOf(step))
}

/** dy over what each window counted, as a fraction of its size. */
function counted<V extends Emitted>(emit: Emitter<V>, step: Emission<V>, dy: V): V {
  if (integer(step, 8) === 1) return dy
  const attrs = [...step.attrs.slice(0, 8), 1n]
  const share = emit.op('avgpool2d_f32', [onesLike(emit, operand(step, 0))], attrs)
  return emit.op('div_f32', [dy, share])
}

/** The mean of all windows that an element lies in, absent ones as zero. */
const avgpool: GradientRule = (emit, step, _index, dy) => {
  const strides = [integer(step, 2), integer(step, 3)] as const
  const spread = dilated(emit, counted(emit, step, dy), strides)
  const sides = [0, 1].map((at) => {
    const before = integer(step, at) - 1 - integer(step, 4 + at)
    const size = dimsOf(step)[1 + at] as number
    return { before, after: size + integer(step, 4 + at) - (spread.type.dims[1 + at] as number) }
  })
  const frame = padded(
    emit,
    spread,
    [0, ...sides.map(({ before }) => before), 0],
    [0, ...sides.map(({ after }) => after), 0],
  )
  const kernel = step.attrs.slice(0, 2)
  return emit.op('avgpool2d_f32', [frame], [...kernel, 1n, 1n, 0n, 0n, 0n, 0n, 1n])
}

export const MOVEMENT: GradientRules = {
  transpose_f32: (emit, _step, _index, dy) => transposed(emit, dy),
  permute_f32: permute,
  reshape_f32: (emit, step, _index, dy) => reshaped(emit, dy, dimsOf(step)),
  expand_f32: (emit, step, _index, dy) => unexpanded(emit, dy, dimsOf(step)),
  slice_f32: slice,
  pad_f32: (emit, step, _index, dy) =>
    sliced(emit, dy, run(step, 0, dimsOf(step).length), dimsOf(step)),
  concat_f32: concat,
  gather_f32: gather,
  one_hot_f32: () => undefined,
  flip_f32: (emit, step, _index, dy) => emit.op('flip_f32', [dy], step.attrs),
  dilate2d_f32: dilate,
  maxpool2d_f32: (emit, step, _index, dy) =>
    emit.op('maxpool2d_grad_f32', [operand(step, 0), dy], step.attrs),
  avgpool2d_f32: avgpool,
}
