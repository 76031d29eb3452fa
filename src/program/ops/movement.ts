/** Elements moved, chosen or repeated, never computed (numerics.md, ops 60, 61 and 100 to 116). */

import { refuse } from '../../base/refusal.ts'
import {
  concat,
  dilate2dF32,
  expandF32,
  flipF32,
  gatherF32,
  oneHotF32,
  padF32,
  permute,
  reshape,
  slice,
  transpose,
} from '../semantics/movement.ts'
import { elementCount, expect, expectRank, lastAxis, mismatch, RANK_MAX } from '../shape.ts'
import { type Dtype, F32, type OpSite, S8, S32, type TensorType, type Window } from '../types.ts'
import { integerOf } from '../typing.ts'
import { divide, numberOf, one, placeOf, repeated, type WindowRule } from '../windows.ts'
import { type Entry, int, outputSteps, perAxis, run } from './entry.ts'

type Dims4 = readonly [number, number, number, number]

/** Largest size that one axis can be given. */
const AXIS_MAX = 0xffff_ffff
const PAD_MAX = 0x100_0000
const CLASSES_MAX = 0x100_0000
const STRIDE_MAX = 65_535

/** The eight attributes from `first` on; those beyond the rank are `beyond`. */
function axesOf(
  attrs: readonly bigint[],
  first: number,
  rank: number,
  beyond: (axis: number) => number,
): number[] {
  const values = Array.from({ length: RANK_MAX }, (_, axis) => integerOf(attrs[first + axis]))
  values.forEach((value, axis) => {
    if (axis < rank || value === beyond(axis)) return
    refuse('attribute_out_of_range', { axis, value, rank, expected: beyond(axis) })
  })
  return values.slice(0, rank)
}

const zero = (): number => 0
const itself = (axis: number): number => axis

/** The dimensions that eight attributes name, up to the first 0. */
function namedDims(attrs: readonly bigint[]): number[] {
  const end = attrs.indexOf(0n)
  return axesOf(attrs, 0, end < 0 ? RANK_MAX : end, zero)
}

/** Attributes that make of one element itself: no place moved, one dimension of 1. */
const STAYS: readonly bigint[] = Array.from({ length: RANK_MAX }, () => 0n)
const ONE_DIMENSION: readonly bigint[] = [1n, ...STAYS.slice(1)]

/** The one element that goes there, copied by the same op under other attributes. */
function copied(element: number, attrs: readonly bigint[]): Window {
  return { args: [one(element)], dims: [1], at: 0, attrs }
}

/** One operand of one dtype; the entry for each dtype that the op has. */
function mover(
  first: number,
  name: string,
  dtypes: readonly (readonly [Dtype, string])[],
  parts: Pick<Entry, 'attributes' | 'window'> & {
    readonly dims: (args: readonly TensorType[], attrs: readonly bigint[]) => readonly number[]
    readonly arity?: number
    readonly loop: Entry['run']
  },
): Entry[] {
  const arity = parts.arity ?? 1
  return dtypes.map(([dtype, suffix], index) => ({
    id: first + index,
    name: `${name}_${suffix}`,
    arity,
    attributes: parts.attributes ?? [],
    shape: (args, attrs) => {
      expect(args, ...Array.from({ length: arity }, () => dtype))
      return { dtype, dims: parts.dims(args, attrs) }
    },
    work: outputSteps(1),
    window: parts.window,
    reach: ({ args }) => args.map(() => run(1)),
    run: parts.loop,
  }))
}

const FLOATS = [[F32, 'f32']] as const
const FLOATS_AND_BYTES = [...FLOATS, [S8, 's8']] as const
const ALL = [...FLOATS_AND_BYTES, [S32, 's32']] as const

function firstDims(args: readonly TensorType[]): readonly number[] {
  return (args[0] as TensorType).dims
}

const TRANSPOSES = mover(60, 'transpose', FLOATS_AND_BYTES, {
  dims: (args) => {
    expectRank(args[0] as TensorType, 2)
    const [rows, columns] = firstDims(args) as [number, number]
    return [columns, rows]
  },
  window: (element, { out }) => {
    const [rows, columns] = out.dims as readonly [number, number]
    const [row, column] = divide(element, columns)
    return { args: [one(column * rows + row, 2)], dims: [1, 1], at: 0 }
  },
  loop: transpose,
})

function orderOf(args: readonly TensorType[], attrs: readonly bigint[]): number[] {
  const { length: rank } = firstDims(args)
  const order = axesOf(attrs, 0, rank, itself)
  order.forEach((axis, place) => {
    if (axis < rank && order.indexOf(axis) === place) return
    refuse('attribute_out_of_range', { axis: place, value: axis, rank })
  })
  return order
}

const PERMUTES = mover(100, 'permute', ALL, {
  attributes: perAxis('p', 0, RANK_MAX - 1),
  dims: (args, attrs) => orderOf(args, attrs).map((axis) => firstDims(args)[axis] as number),
  window: (element, { args, attrs, out }) => {
    const place = placeOf(element, out.dims)
    const from: number[] = []
    orderOf(args, attrs).forEach((axis, to) => {
      from[axis] = place[to] as number
    })
    return copied(
      numberOf(from, firstDims(args)),
      STAYS.map((_, axis) => BigInt(axis)),
    )
  },
  loop: permute,
})

const RESHAPES = mover(103, 'reshape', ALL, {
  attributes: perAxis('d', 0, AXIS_MAX),
  dims: (args, attrs) => {
    const dims = namedDims(attrs)
    // Up to eight factors below 2^32: rounded, but never to another count below 2^53.
    if (elementCount(dims) !== elementCount(firstDims(args))) {
      mismatch(args, `the same number of elements as [${dims.join(',')}]`)
    }
    return dims
  },
  window: (element) => copied(element, ONE_DIMENSION),
  loop: reshape,
})

const EXPANDS = mover(106, 'expand', FLOATS, {
  attributes: perAxis('d', 0, AXIS_MAX),
  dims: (args, attrs) => {
    const [from, to] = [firstDims(args), namedDims(attrs)]
    const more = to.length - from.length
    const fits = from.every((size, axis) => size === 1 || size === to[more + axis])
    if (more < 0 || !fits) mismatch(args, `each axis is 1 or as in [${to.join(',')}]`)
    return to
  },
  window: (element, { args, out }) => {
    const from = firstDims(args)
    const place = placeOf(element, out.dims).slice(out.dims.length - from.length)
    const origin = place.map((at, axis) => (from[axis] === 1 ? 0 : at))
    return copied(numberOf(origin, from), ONE_DIMENSION)
  },
  loop: expandF32,
})

const SLICES = mover(107, 'slice', ALL, {
  attributes: [...perAxis('start', 0, AXIS_MAX), ...perAxis('size', 0, AXIS_MAX)],
  dims: (args, attrs) => {
    const from = firstDims(args)
    const starts = axesOf(attrs, 0, from.length, zero)
    const sizes = axesOf(attrs, RANK_MAX, from.length, zero)
    from.forEach((size, axis) => {
      if ((starts[axis] as number) + (sizes[axis] as number) <= size) return
      mismatch(args, `the slice ends within axis ${axis}`)
    })
    return sizes
  },
  window: (element, { args, attrs, out }) => {
    const place = placeOf(element, out.dims).map((at, axis) => at + integerOf(attrs[axis]))
    return copied(numberOf(place, firstDims(args)), [...STAYS, ...ONE_DIMENSION])
  },
  loop: slice,
})

const PADS = mover(110, 'pad', FLOATS, {
  attributes: [...perAxis('before', 0, PAD_MAX), ...perAxis('after', 0, PAD_MAX)],
  dims: (args, attrs) => {
    const from = firstDims(args)
    const before = axesOf(attrs, 0, from.length, zero)
    const after = axesOf(attrs, RANK_MAX, from.length, zero)
    return from.map((size, axis) => size + (before[axis] as number) + (after[axis] as number))
  },
  window: (element, { args, attrs, out }) => {
    const from = firstDims(args)
    const place = placeOf(element, out.dims).map((at, axis) => at - integerOf(attrs[axis]))
    const isInside = place.every((at, axis) => at >= 0 && at < (from[axis] as number))
    if (isInside) return copied(numberOf(place, from), [...STAYS, ...STAYS])
    // One zero before any element.
    return { args: [one(0)], dims: [2], at: 0, attrs: [...ONE_DIMENSION, ...STAYS] }
  },
  loop: padF32,
})

const concatWindow: WindowRule = (element, { args, attrs, out }) => {
  const axis = integerOf(attrs[0])
  const [left, right] = args.map(({ dims }) => dims) as [number[], number[]]
  const place = placeOf(element, out.dims)
  const beyond = (place[axis] as number) - (left[axis] as number)
  const pair =
    beyond < 0
      ? [one(numberOf(place, left)), one(0)]
      : [one(0), one(numberOf(place.with(axis, beyond), right))]
  return { args: pair, dims: [2], at: beyond < 0 ? 0 : 1, attrs: [0n] }
}

const CONCATS = mover(111, 'concat', FLOATS_AND_BYTES, {
  arity: 2,
  attributes: [int('axis', 0, RANK_MAX - 1)],
  dims: (args, attrs) => {
    const [left, right] = args.map(({ dims }) => dims) as [number[], number[]]
    const axis = integerOf(attrs[0])
    if (axis >= left.length) {
      refuse('attribute_out_of_range', { attribute: 'axis', value: axis, rank: left.length })
    }
    const fits = left.every((size, at) => at === axis || size === right[at])
    if (left.length !== right.length || !fits) {
      mismatch(args, `the operands differ on axis ${axis} alone`)
    }
    return left.with(axis, (left[axis] as number) + (right[axis] as number))
  },
  window: concatWindow,
  loop: concat,
})

/** Rows of a table, and which of their rows and columns an output element is. */
function gathered(element: number, { args }: OpSite): readonly [index: number, column: number] {
  const [rows] = firstDims(args) as readonly [number]
  return divide(element, elementCount(firstDims(args)) / rows)
}

const GATHER: Entry = {
  id: 113,
  name: 'gather_f32',
  arity: 2,
  shape: (args) => {
    expect(args, F32, S32)
    const [table, index] = args as readonly [TensorType, TensorType]
    return { dtype: F32, dims: [...index.dims, ...table.dims.slice(1)] }
  },
  work: outputSteps(1),
  // The row is named by the index, so the index is opened first.
  pointer: { arg: 1, at: (element, site) => gathered(element, site)[0] },
  window: (element, site, pointed) => {
    const [rows] = firstDims(site.args) as readonly [number]
    const width = elementCount(firstDims(site.args)) / rows
    const [index, column] = gathered(element, site)
    const row = Math.max(0, Math.min(pointed, rows - 1))
    // A table of one row: every index takes it.
    return { args: [one(row * width + column), one(index)], dims: [1], at: 0 }
  },
  reach: () => [run(1), run(1)],
  run: gatherF32,
}

const ONE_HOT: Entry = {
  id: 114,
  name: 'one_hot_f32',
  arity: 1,
  attributes: [int('classes', 1, CLASSES_MAX)],
  shape: (args, attrs) => {
    expect(args, S32)
    return { dtype: F32, dims: [...firstDims(args), integerOf(attrs[0])] }
  },
  work: outputSteps(1),
  window: (element, { out }) => {
    const [index, at] = divide(element, lastAxis(out))
    return { args: [one(index)], dims: [1, lastAxis(out)], at }
  },
  run: oneHotF32,
}

const FLIPS = mover(115, 'flip', FLOATS, {
  attributes: perAxis('f', 0, 1),
  dims: (args, attrs) => {
    axesOf(attrs, 0, firstDims(args).length, zero)
    return firstDims(args)
  },
  window: (element, { attrs, out }) => {
    const place = placeOf(element, out.dims).map((at, axis) =>
      integerOf(attrs[axis]) === 1 ? (out.dims[axis] as number) - 1 - at : at,
    )
    return copied(numberOf(place, out.dims), STAYS)
  },
  loop: flipF32,
})

const DILATES = mover(116, 'dilate2d', FLOATS, {
  attributes: [int('stride_h', 1, STRIDE_MAX), int('stride_w', 1, STRIDE_MAX)],
  dims: (args, attrs) => {
    expectRank(args[0] as TensorType, 4)
    const [batch, height, width, channels] = firstDims(args) as unknown as Dims4
    const [down, across] = attrs.map(integerOf) as [number, number]
    return [batch, (height - 1) * down + 1, (width - 1) * across + 1, channels]
  },
  window: (element, { args, attrs, out }) => {
    const [image, row, column, channel] = placeOf(element, out.dims) as unknown as Dims4
    const [down, across] = attrs.map(integerOf) as [number, number]
    if (row % down === 0 && column % across === 0) {
      const place = [image, row / down, column / across, channel]
      const own = one(numberOf(place, firstDims(args)), 4)
      return { args: [own], dims: [1, 1, 1, 1], at: 0, attrs: [1n, 1n] }
    }
    // The gap between any element and itself.
    return { args: [repeated(0, [1, 2, 1, 1])], dims: [1, 3, 1, 1], at: 1, attrs: [2n, 1n] }
  },
  loop: dilate2dF32,
})

export const MOVEMENT: readonly Entry[] = [
  ...TRANSPOSES,
  ...PERMUTES,
  ...RESHAPES,
  ...EXPANDS,
  ...SLICES,
  ...PADS,
  ...CONCATS,
  GATHER,
  ONE_HOT,
  ...FLIPS,
  ...DILATES,
]
