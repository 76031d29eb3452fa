/** Two-dimensional convolutions, NHWC by OHWI (numerics.md, ops 4 and 5). */

import { refuse } from '../../base/refusal.ts'
import { conv2dF32, conv2dS8 } from '../semantics/convolution.ts'
import {
  elementCount,
  expect,
  expectRank,
  MATMUL_S8_DEPTH_MAX,
  mismatch,
  type ShapeRule,
  TENSOR_ELEMENTS_MAX,
} from '../shape.ts'
import { placesOn, type Slide, type Stretch, stretchAt } from '../sliding.ts'
import {
  type ArgWindow,
  type Dtype,
  F32,
  type OpDefinition,
  type OpSite,
  S8,
  S32,
  type TensorType,
} from '../types.ts'
import { integerOf } from '../typing.ts'
import { divide, once, placeOf, reachOfGrid, type WindowRule } from '../windows.ts'
import { type Entry, int, run } from './entry.ts'

type Dims4 = readonly [number, number, number, number]

const SIDE_MAX = 65_535
const ATTRIBUTES = [
  int('stride_h', 1, SIDE_MAX),
  int('stride_w', 1, SIDE_MAX),
  int('pad_top', 0, SIDE_MAX),
  int('pad_left', 0, SIDE_MAX),
  int('pad_bottom', 0, SIDE_MAX),
  int('pad_right', 0, SIDE_MAX),
  int('dilation_h', 1, SIDE_MAX),
  int('dilation_w', 1, SIDE_MAX),
  int('groups', 1, SIDE_MAX),
]

interface Geometry {
  /** N, H, W, C. */
  readonly x: Dims4
  /** O, KH, KW, C/G. */
  readonly w: Dims4
  readonly rows: Slide
  readonly columns: Slide
  readonly groups: number
}

function geometryOf(args: readonly TensorType[], attrs: readonly bigint[]): Geometry {
  const [x, w] = args.map(({ dims }) => dims) as unknown as readonly [Dims4, Dims4]
  const [sh, sw, top, left, bottom, right, dh, dw, groups] = attrs.map(integerOf) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return {
    x,
    w,
    rows: { kernel: w[1], stride: sh, before: top, after: bottom, dilation: dh },
    columns: { kernel: w[2], stride: sw, before: left, after: right, dilation: dw },
    groups,
  }
}

/** x[N,H,W,C], w[O,KH,KW,C/G] -> [N,OH,OW,O]. */
function shape(dtype: Dtype, out: Dtype, depthMax: number): ShapeRule {
  return (args, attrs) => {
    expect(args, dtype, dtype)
    for (const type of args) expectRank(type, 4)
    const { x, w, rows, columns, groups } = geometryOf(args, attrs)
    if (x[3] % groups !== 0 || w[0] % groups !== 0) {
      mismatch(args, `the ${groups} groups divide the channels and the outputs`)
    }
    if (x[3] / groups !== w[3]) mismatch(args, 'a kernel has the channels of one group')
    const depth = w[1] * w[2] * w[3]
    if (depth > depthMax) refuse('matmul_depth_exceeded', { depth, depthMax })
    const [height, width] = [placesOn(x[1], rows), placesOn(x[2], columns)]
    if (height === 0 || width === 0) mismatch(args, 'the kernel fits the padded input')
    return { dtype: out, dims: [x[0], height, width, w[0]] }
  }
}

const work: OpDefinition['work'] = ({ args, out }) => {
  const [, height, width, depth] = (args[1] as TensorType).dims as Dims4
  return { macs: elementCount(out.dims) * height * width * depth, steps: 0 }
}

/** Runs are whole stretches of pixels where these lie side by side, else one a tap. */
function isDense({ columns, groups }: Geometry): boolean {
  return columns.dilation === 1 && groups === 1
}

/**
 * The pixels under the kernel, in its group, against one kernel: a convolution of stride and
 * dilation 1 whose padding stands for the taps that fall off the input.
 */
const window: WindowRule = (element, { args, attrs, out }) => {
  const geometry = geometryOf(args, attrs)
  const { x, w, rows, columns, groups } = geometry
  const [image, row, column, kernel] = placeOf(element, out.dims) as unknown as Dims4
  const [group] = divide(kernel, w[0] / groups)
  const down = stretchAt(x[1], rows, row)
  const across = stretchAt(x[2], columns, column)
  const patch = w[1] * w[2] * w[3]
  return {
    args: [
      pixels(geometry, image * x[1], down, across, group * w[3]),
      { runs: [once(kernel * patch, patch)], dims: [1, w[1], w[2], w[3]] },
    ],
    dims: [1, down.places, across.places, 1],
    at: 0,
    attrs: [1, 1, down.before, across.before, down.after, across.after, 1, 1, 1].map(BigInt),
  }
}

function pixels(
  geometry: Geometry,
  firstRow: number,
  down: Stretch,
  across: Stretch,
  firstChannel: number,
): ArgWindow {
  const [, , width, channels] = geometry.x
  const depth = geometry.w[3]
  const startOf = (row: number): number =>
    ((firstRow + down.start + row * down.step) * width + across.start) * channels + firstChannel
  const dims = [1, down.count, across.count, depth]
  if (isDense(geometry)) {
    const stride = down.step * width * channels
    const count = across.count * depth
    return { runs: [{ start: startOf(0), count, times: down.count, stride }], dims }
  }
  const runs = Array.from({ length: down.count }, (_, row) => ({
    start: startOf(row),
    count: depth,
    times: across.count,
    stride: across.step * channels,
  }))
  return { runs, dims }
}

function reach({ args, attrs }: OpSite): ReturnType<OpDefinition['reach']> {
  const geometry = geometryOf(args, attrs)
  const { x, w, rows, columns } = geometry
  const [down, across] = [Math.min(rows.kernel, x[1]), Math.min(columns.kernel, x[2])]
  const taps = isDense(geometry)
    ? { columns: 1, columnStride: 0, count: across * w[3] }
    : { columns: across, columnStride: columns.dilation * x[3], count: w[3] }
  const rowStride = rows.dilation * x[2] * x[3]
  return [reachOfGrid({ rows: down, rowStride, ...taps, align: w[3] }), run(w[1] * w[2] * w[3])]
}

const common = { arity: 2, attributes: ATTRIBUTES, work, window, reach }

export const CONVOLUTIONS: readonly Entry[] = [
  {
    id: 4,
    name: 'conv2d_f32',
    ...common,
    shape: shape(F32, F32, TENSOR_ELEMENTS_MAX),
    run: conv2dF32,
  },
  {
    id: 5,
    name: 'conv2d_s8',
    ...common,
    shape: shape(S8, S32, MATMUL_S8_DEPTH_MAX),
    run: conv2dS8,
  },
]
