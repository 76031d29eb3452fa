/**
 * How to draw operands and attributes for each op: from the type of the first operand, which may be
 * a value that a program already has, to the others. Sizes are small and odd on purpose.
 */

import { f32Attribute, intAttribute } from '../../src/program/builder.ts'
import { fromBits } from '../../src/program/semantics/float.ts'
import { elementCount } from '../../src/program/shape.ts'
import { type Dtype, F32, S8, S32, type TensorType } from '../../src/program/types.ts'
import type { Rng } from '../../src/runtime/ports.ts'

export interface Drawn {
  /** Operands after the first. */
  readonly others: readonly TensorType[]
  readonly attrs: readonly bigint[]
}

export interface Recipe {
  readonly first: (dice: Rng) => TensorType
  /** Undefined when the op does not take such a first operand. */
  readonly rest: (dice: Rng, first: TensorType) => Drawn | undefined
}

const AXES = 8
const ELEMENTS_MAX = 6_000

const SIZES: readonly number[] = [1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 63, 64, 65]
const DEPTHS: readonly number[] = [1, 2, 7, 16, 31, 64, 65, 127, 300, 511, 512, 513, 1025]

function pick<Value>(dice: Rng, from: readonly Value[]): Value {
  return from[dice.below(from.length)] as Value
}

function between(dice: Rng, low: number, high: number): number {
  return low + dice.below(high - low + 1)
}

function typed(dtype: Dtype, ...dims: readonly number[]): TensorType {
  return { dtype, dims }
}

function anyDims(dice: Rng, rank: number): number[] {
  const dims: number[] = []
  for (let axis = 0; axis < rank; axis++) {
    const size = pick(dice, SIZES)
    dims.push(elementCount(dims) * size > ELEMENTS_MAX ? 1 : size)
  }
  return dims
}

function any(dtype: Dtype, rankMin = 1, rankMax = AXES): (dice: Rng) => TensorType {
  return (dice) => typed(dtype, ...anyDims(dice, between(dice, rankMin, rankMax)))
}

/** Finite, with the bounds of the value rules among them. */
function f32Value(dice: Rng): bigint {
  const bits = pick(
    dice,
    [
      0, 0x80000000, 1, 0x0c000000, 0x0bffffff, 0x2b800000, 0x3f800000, 0xbf800000, 0x3dcccccd,
      0xc0490fdb, 0x7f7fffff,
    ],
  )
  return dice.chance(1, 2) ? BigInt(bits >>> 0) : f32Attribute((dice.below(4001) - 2000) / 256)
}

function positive(dice: Rng): bigint {
  return dice.chance(1, 8) ? 0x0c000000n : f32Attribute((1 + dice.below(1000)) / 512)
}

function perAxis(rank: number, at: (axis: number) => number, beyond: (axis: number) => number) {
  return Array.from({ length: AXES }, (_, axis) =>
    intAttribute(axis < rank ? at(axis) : beyond(axis)),
  )
}

const none = (): number => 0
const lastOf = ({ dims }: TensorType): number => dims[dims.length - 1] as number

/** Ops of one operand whose first type says all; `attrs` draws their attributes. */
function map(dtype: Dtype, attrs: (dice: Rng) => readonly bigint[] = () => []): Recipe {
  return { first: any(dtype), rest: (dice) => ({ others: [], attrs: attrs(dice) }) }
}

function same(dtype: Dtype, operands: number, attrs: (dice: Rng) => readonly bigint[] = () => []) {
  return {
    first: any(dtype),
    rest: (dice: Rng, first: TensorType): Drawn => ({
      others: Array.from({ length: operands - 1 }, () => first),
      attrs: attrs(dice),
    }),
  }
}

function broadcast(dtype: Dtype): Recipe {
  return {
    first: any(dtype),
    rest: (dice, first) => ({
      others: [pick(dice, [first, typed(dtype, lastOf(first)), typed(dtype, 1)])],
      attrs: [],
    }),
  }
}

function matmul(dtype: Dtype): Recipe {
  return {
    first: (dice) => typed(dtype, between(dice, 1, 18), pick(dice, DEPTHS)),
    rest: (dice, { dims }) =>
      dims.length === 2
        ? { others: [typed(dtype, between(dice, 1, 37), dims[1] as number)], attrs: [] }
        : undefined,
  }
}

const batchMatmul: Recipe = {
  first: (dice) => typed(F32, between(dice, 1, 4), between(dice, 1, 15), pick(dice, DEPTHS)),
  rest: (dice, { dims }) =>
    dims.length === 3
      ? {
          others: [typed(F32, dims[0] as number, between(dice, 1, 35), dims[2] as number)],
          attrs: [],
        }
      : undefined,
}

function images(dtype: Dtype): (dice: Rng) => TensorType {
  return (dice) =>
    typed(
      dtype,
      between(dice, 1, 2),
      between(dice, 1, 9),
      between(dice, 1, 9),
      pick(dice, [1, 2, 3, 4, 6, 8, 17, 40]),
    )
}

function divisorsOf(value: number): number[] {
  return Array.from({ length: value }, (_, index) => index + 1).filter((by) => value % by === 0)
}

function convolution(dtype: Dtype): Recipe {
  return {
    first: images(dtype),
    rest: (dice, { dims }) => {
      if (dims.length !== 4) return undefined
      const [, height, width, channels] = dims as readonly [number, number, number, number]
      const [kernelHeight, kernelWidth] = [between(dice, 1, 3), between(dice, 1, 3)]
      const dilations = [between(dice, 1, 2), between(dice, 1, 2)] as const
      const pads = [0, 0, 0, 0].map(() => dice.below(3))
      const groups = pick(
        dice,
        divisorsOf(channels).filter((count) => count <= 8 || count === channels),
      )
      const strides = [between(dice, 1, 3), between(dice, 1, 3)]
      const extent = [dilations[0] * (kernelHeight - 1) + 1, dilations[1] * (kernelWidth - 1) + 1]
      const [top, left, bottom, right] = pads as [number, number, number, number]
      if ((extent[0] as number) > height + top + bottom) return undefined
      if ((extent[1] as number) > width + left + right) return undefined
      const outputs = groups * between(dice, 1, groups > 8 ? 1 : 5)
      return {
        others: [typed(dtype, outputs, kernelHeight, kernelWidth, channels / groups)],
        attrs: [...strides, ...pads, ...dilations, groups].map(intAttribute),
      }
    },
  }
}

/** Kernel, stride and pads of a pool whose windows all meet the input, and the output's size. */
function pooling(
  dice: Rng,
  dims: readonly number[],
): { attrs: number[]; out: number[] } | undefined {
  const [batch, height, width, channels] = dims as readonly [number, number, number, number]
  const kernel = [between(dice, 1, 3), between(dice, 1, 3)] as const
  const stride = [between(dice, 1, 3), between(dice, 1, 3)] as const
  const pads = [kernel[0], kernel[1], kernel[0], kernel[1]].map((size) => dice.below(size))
  const size = (extent: number, axis: 0 | 1): number | undefined => {
    const before = pads[axis] as number
    const room = extent + before + (pads[axis + 2] as number) - kernel[axis]
    if (room < 0) return undefined
    const count = Math.trunc(room / stride[axis]) + 1
    return (count - 1) * stride[axis] - before < extent ? count : undefined
  }
  const [rows, columns] = [size(height, 0), size(width, 1)]
  if (rows === undefined || columns === undefined) return undefined
  return { attrs: [...kernel, ...stride, ...pads], out: [batch, rows, columns, channels] }
}

function pool(counted: boolean): Recipe {
  return {
    first: images(F32),
    rest: (dice, { dims }) => {
      const drawn = dims.length === 4 ? pooling(dice, dims) : undefined
      if (drawn === undefined) return undefined
      const attrs = counted ? [...drawn.attrs, dice.below(2)] : drawn.attrs
      return { others: [], attrs: attrs.map(intAttribute) }
    },
  }
}

const poolGradient: Recipe = {
  first: images(F32),
  rest: (dice, { dims }) => {
    const drawn = dims.length === 4 ? pooling(dice, dims) : undefined
    if (drawn === undefined) return undefined
    return { others: [typed(F32, ...drawn.out)], attrs: drawn.attrs.map(intAttribute) }
  },
}

const attention: Recipe = {
  first: (dice) =>
    typed(F32, between(dice, 1, 3), between(dice, 1, 20), pick(dice, [1, 3, 8, 33, 64])),
  rest: (dice, { dims }) => {
    if (dims.length !== 3 || (dims[2] as number) > 512) return undefined
    const [heads, queries, depth] = dims as readonly [number, number, number]
    const causal = dice.below(2)
    const keys = (causal === 1 ? queries : 1) + pick(dice, [0, 1, 5, 63, 64, 70, 130])
    return {
      others: [typed(F32, heads, keys, depth), typed(F32, heads, keys, pick(dice, [1, 5, 16, 33]))],
      attrs: [f32Value(dice), BigInt(causal)],
    }
  },
}

const mask: Recipe = {
  first: (dice) =>
    typed(F32, ...anyDims(dice, dice.below(3)), between(dice, 1, 9), between(dice, 9, 40)),
  rest: (_, { dims }) =>
    dims.length >= 2 && (dims.at(-1) as number) >= (dims.at(-2) as number)
      ? { others: [], attrs: [] }
      : undefined,
}

const rope: Recipe = {
  first: (dice) =>
    typed(F32, ...anyDims(dice, dice.below(3)), between(dice, 1, 9), 2 * between(dice, 1, 20)),
  rest: (_, { dims }) => {
    if (dims.length < 2 || (dims.at(-1) as number) % 2 !== 0) return undefined
    const table = typed(F32, dims.at(-2) as number, (dims.at(-1) as number) / 2)
    return { others: [table, table], attrs: [] }
  },
}

function rowParameters(count: number): Recipe {
  return {
    first: any(F32),
    rest: (dice, first) => ({
      others: Array.from({ length: count }, () => typed(F32, lastOf(first))),
      attrs: [pick(dice, [f32Attribute(1e-5), f32Attribute(fromBits(0x2edbe6ff)), f32Value(dice)])],
    }),
  }
}

function matrix(dtype: Dtype): Recipe {
  return {
    first: any(dtype, 2, 2),
    rest: (_, { dims }) => (dims.length === 2 ? { others: [], attrs: [] } : undefined),
  }
}

function permute(dtype: Dtype): Recipe {
  return {
    first: any(dtype),
    rest: (dice, { dims }) => {
      const order = dims.map((_, axis) => axis)
      for (let axis = order.length - 1; axis > 0; axis--) {
        const other = dice.below(axis + 1)
        const kept = order[axis] as number
        order[axis] = order[other] as number
        order[other] = kept
      }
      const attrs = perAxis(
        dims.length,
        (axis) => order[axis] as number,
        (axis) => axis,
      )
      return { others: [], attrs }
    },
  }
}

function reshape(dtype: Dtype): Recipe {
  return {
    first: any(dtype),
    rest: (dice, { dims }) => {
      const made: number[] = []
      let left = elementCount(dims)
      while (left > 1 && made.length < AXES - 1) {
        const size = pick(dice, divisorsOf(left))
        made.push(size)
        left /= size
      }
      made.push(left)
      return { others: [], attrs: perAxis(made.length, (axis) => made[axis] as number, none) }
    },
  }
}

const expand: Recipe = {
  first: (dice) =>
    typed(F32, ...anyDims(dice, between(dice, 1, 5)).map((size) => (dice.chance(1, 2) ? 1 : size))),
  rest: (dice, { dims }) => {
    const more = dice.below(AXES - dims.length + 1)
    const wanted = [...Array.from({ length: more }, () => between(dice, 1, 3)), ...dims]
    for (let axis = more; axis < wanted.length; axis++) {
      if (wanted[axis] === 1) wanted[axis] = between(dice, 1, 4)
    }
    if (elementCount(wanted) > 10 * ELEMENTS_MAX) return undefined
    return { others: [], attrs: perAxis(wanted.length, (axis) => wanted[axis] as number, none) }
  },
}

function slice(dtype: Dtype): Recipe {
  return {
    first: any(dtype),
    rest: (dice, { dims }) => {
      const starts = dims.map((size) => dice.below(size))
      const sizes = dims.map((size, axis) => between(dice, 1, size - (starts[axis] as number)))
      const rank = dims.length
      return {
        others: [],
        attrs: [
          ...perAxis(rank, (axis) => starts[axis] as number, none),
          ...perAxis(rank, (axis) => sizes[axis] as number, none),
        ],
      }
    },
  }
}

const pad: Recipe = {
  first: (dice) =>
    typed(F32, ...anyDims(dice, between(dice, 1, AXES)).map((size) => Math.min(size, 5))),
  rest: (dice, { dims }) => {
    const side = () => perAxis(dims.length, () => (dice.chance(1, 3) ? dice.below(3) : 0), none)
    return { others: [], attrs: [...side(), ...side()] }
  },
}

function concat(dtype: Dtype): Recipe {
  return {
    first: any(dtype),
    rest: (dice, { dims }) => {
      const axis = dice.below(dims.length)
      const other = dims.map((size, index) => (index === axis ? between(dice, 1, 6) : size))
      return { others: [typed(dtype, ...other)], attrs: [intAttribute(axis)] }
    },
  }
}

const gather: Recipe = {
  first: any(F32, 1, 5),
  rest: (dice, { dims }) => {
    const index = anyDims(dice, between(dice, 1, Math.min(3, AXES + 1 - dims.length))).map((size) =>
      Math.min(size, 9),
    )
    const rows = elementCount(dims) / (dims[0] as number)
    if (elementCount(index) * rows > 10 * ELEMENTS_MAX) return undefined
    return { others: [typed(S32, ...index)], attrs: [] }
  },
}

const oneHot: Recipe = {
  first: (dice) =>
    typed(S32, ...anyDims(dice, between(dice, 1, 7)).map((size) => Math.min(size, 9))),
  rest: (dice, { dims }) =>
    dims.length < AXES && elementCount(dims) < ELEMENTS_MAX
      ? { others: [], attrs: [intAttribute(between(dice, 1, 12))] }
      : undefined,
}

const flip: Recipe = {
  first: any(F32),
  rest: (dice, { dims }) => ({
    others: [],
    attrs: perAxis(dims.length, () => dice.below(2), none),
  }),
}

const dilate: Recipe = {
  first: images(F32),
  rest: (dice, { dims }) =>
    dims.length === 4
      ? { others: [], attrs: [between(dice, 1, 3), between(dice, 1, 3)].map(intAttribute) }
      : undefined,
}

const zeroPoint = (dice: Rng): bigint => intAttribute(dice.below(256) - 128)

/** One for each op of the specification. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  matmul_f32: matmul(F32),
  matmul_s8: matmul(S8),
  bmm_f32: batchMatmul,
  conv2d_f32: convolution(F32),
  conv2d_s8: convolution(S8),
  attention_f32: attention,
  mask_causal_f32: mask,
  rope_f32: rope,
  ...Object.fromEntries(
    ['add', 'sub', 'mul', 'div', 'max', 'min', 'greater'].map((name) => [
      `${name}_f32`,
      broadcast(F32),
    ]),
  ),
  ...Object.fromEntries(['add', 'sub', 'mul'].map((name) => [`${name}_s32`, broadcast(S32)])),
  scale_f32: map(F32, (dice) => [f32Value(dice)]),
  shift_f32: map(F32, (dice) => [f32Value(dice)]),
  axpy_f32: same(F32, 2, (dice) => [f32Value(dice)]),
  select_f32: same(F32, 3),
  requantise: map(S32, (dice) => [
    BigInt(1 + dice.below(0x7fffffff)),
    BigInt(1 + dice.below(62)),
    zeroPoint(dice),
  ]),
  quantise_f32: map(F32, (dice) => [positive(dice), zeroPoint(dice)]),
  dequantise_s8: map(S8, (dice) => [positive(dice), zeroPoint(dice)]),
  dequantise_s32: map(S32, (dice) => [positive(dice)]),
  widen_s8: map(S8),
  truncate_f32: map(F32),
  ...Object.fromEntries(
    ['relu', 'abs', 'exp', 'log', 'sqrt', 'rsqrt', 'tanh', 'erf', 'gelu', 'silu', 'sigmoid'].map(
      (name) => [`${name}_f32`, map(F32)],
    ),
  ),
  relu_s8: map(S8),
  relu_grad_f32: same(F32, 2),
  clip_f32: map(F32, (dice) => [f32Value(dice), f32Value(dice)]),
  ...Object.fromEntries(
    ['softmax', 'argmax', 'sum_last', 'mean_last', 'max_last'].map((name) => [
      `${name}_f32`,
      map(F32),
    ]),
  ),
  argmax_s32: map(S32),
  argmax_s8: map(S8),
  transpose_f32: matrix(F32),
  transpose_s8: matrix(S8),
  sum_rows_f32: matrix(F32),
  layernorm_f32: rowParameters(2),
  rmsnorm_f32: rowParameters(1),
  sgd_f32: same(F32, 2, (dice) => [f32Value(dice)]),
  maxpool2d_f32: pool(false),
  avgpool2d_f32: pool(true),
  maxpool2d_grad_f32: poolGradient,
  permute_f32: permute(F32),
  permute_s8: permute(S8),
  permute_s32: permute(S32),
  reshape_f32: reshape(F32),
  reshape_s8: reshape(S8),
  reshape_s32: reshape(S32),
  expand_f32: expand,
  slice_f32: slice(F32),
  slice_s8: slice(S8),
  slice_s32: slice(S32),
  pad_f32: pad,
  concat_f32: concat(F32),
  concat_s8: concat(S8),
  gather_f32: gather,
  one_hot_f32: oneHot,
  flip_f32: flip,
  dilate2d_f32: dilate,
}
