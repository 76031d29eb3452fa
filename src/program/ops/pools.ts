/** Pools over windows of images, and the gradient of the largest (numerics.md, ops 90 to 92). */

import { refuse } from '../../base/refusal.ts'
import { avgpool2dF32, maxpool2dF32, maxpool2dGradF32 } from '../semantics/pool.ts'
import { elementCount, expect, expectRank, mismatch, type ShapeRule, sameDims } from '../shape.ts'
import { placesOn, placesOver, type Slide, type Stretch, stretchAt } from '../sliding.ts'
import { type ArgWindow, F32, type OpDefinition, type Reach, type TensorType } from '../types.ts'
import { integerOf } from '../typing.ts'
import { numberOf, one, placeOf, reachOfGrid, repeated, type WindowRule } from '../windows.ts'
import { type Entry, int } from './entry.ts'

type Dims4 = readonly [number, number, number, number]

const SIDE_MAX = 65_535
const ATTRIBUTES = [
  int('kernel_h', 1, SIDE_MAX),
  int('kernel_w', 1, SIDE_MAX),
  int('stride_h', 1, SIDE_MAX),
  int('stride_w', 1, SIDE_MAX),
  int('pad_top', 0, SIDE_MAX),
  int('pad_left', 0, SIDE_MAX),
  int('pad_bottom', 0, SIDE_MAX),
  int('pad_right', 0, SIDE_MAX),
]
const COUNTED = 8

function slidesOf(attrs: readonly bigint[]): readonly [rows: Slide, columns: Slide] {
  const at = (index: number): number => integerOf(attrs[index])
  const slide = (axis: 0 | 1): Slide => ({
    kernel: at(axis),
    stride: at(2 + axis),
    before: at(4 + axis),
    after: at(6 + axis),
    dilation: 1,
  })
  return [slide(0), slide(1)]
}

function pooledDims(args: readonly TensorType[], attrs: readonly bigint[]): number[] {
  const x = args[0] as TensorType
  expectRank(x, 4)
  const [batch, height, width, channels] = x.dims as unknown as Dims4
  const [rows, columns] = slidesOf(attrs)
  const places = (size: number, slide: Slide, axis: string): number => {
    for (const [side, pad] of [
      ['before', slide.before],
      ['after', slide.after],
    ] as const) {
      if (pad < slide.kernel) continue
      refuse('attribute_out_of_range', { attribute: `pad ${side} ${axis}`, value: pad })
    }
    const found = placesOn(size, slide)
    if (found === 0) mismatch(args, 'the window fits the padded input')
    // So no window is off the input: a pad shorter than the kernel leaves room for none.
    return found
  }
  return [batch, places(height, rows, 'rows'), places(width, columns, 'columns'), channels]
}

const poolShape: ShapeRule = (args, attrs) => {
  expect(args, F32)
  return { dtype: F32, dims: pooledDims(args, attrs) }
}

const gradientShape: ShapeRule = (args, attrs) => {
  expect(args, F32, F32)
  const [x, dy] = args as readonly [TensorType, TensorType]
  const dims = pooledDims(args, attrs)
  if (!sameDims(dy, { dtype: F32, dims })) mismatch(args, 'the gradient has the shape of the pool')
  return x
}

/** Elements that a window can hold. */
function areaOf(x: TensorType, attrs: readonly bigint[]): number {
  const [rows, columns] = slidesOf(attrs)
  const [, height, width] = x.dims as unknown as Dims4
  return Math.min(rows.kernel, height) * Math.min(columns.kernel, width)
}

const poolWork: OpDefinition['work'] = ({ args, attrs, out }) => ({
  macs: 0,
  steps: elementCount(out.dims) * areaOf(args[0] as TensorType, attrs),
})

/** Every window is searched, and every element written. */
const gradientWork: OpDefinition['work'] = ({ args, attrs, out }) => {
  const [x, dy] = args as readonly [TensorType, TensorType]
  const searched = elementCount(dy.dims) * (areaOf(x, attrs) + 1)
  return { macs: 0, steps: searched + elementCount(out.dims) }
}

/** One channel of a rectangle of an image. */
function rectangle(
  dims: Dims4,
  image: number,
  channel: number,
  down: Pick<Stretch, 'start' | 'count'>,
  across: Pick<Stretch, 'start' | 'count'>,
): ArgWindow {
  const runs = Array.from({ length: down.count }, (_, row) => ({
    start: numberOf([image, down.start + row, across.start, channel], dims),
    count: 1,
    times: across.count,
    stride: dims[3],
  }))
  return { runs, dims: [1, down.count, across.count, 1] }
}

/** The window alone, what lies off the image as padding. */
const poolWindow: WindowRule = (element, { args, attrs, out }) => {
  const dims = (args[0] as TensorType).dims as unknown as Dims4
  const [image, row, column, channel] = placeOf(element, out.dims) as unknown as Dims4
  const [rows, columns] = slidesOf(attrs)
  const down = stretchAt(dims[1], rows, row)
  const across = stretchAt(dims[2], columns, column)
  const sides = [down.before, across.before, down.after, across.after].map(BigInt)
  return {
    args: [rectangle(dims, image, channel, down, across)],
    dims: [1, 1, 1, 1],
    at: 0,
    attrs: [...attrs.slice(0, 2), 1n, 1n, ...sides, ...attrs.slice(COUNTED)],
  }
}

/** The stretch of one axis that the kernels over an element cover, and how they stand on it. */
interface Cover {
  readonly start: number
  readonly count: number
  /** Of the kernels. */
  readonly first: number
  readonly places: number
  readonly before: number
  readonly after: number
}

function coverOf(at: number, size: number, slide: Slide): Cover | undefined {
  const { first, count } = placesOver(at, size, slide)
  if (count === 0) return undefined
  const origin = first * slide.stride - slide.before
  const end = origin + (count - 1) * slide.stride + slide.kernel
  const [start, stop] = [Math.max(0, origin), Math.min(size, end)]
  return {
    start,
    count: stop - start,
    first,
    places: count,
    before: start - origin,
    after: end - stop,
  }
}

/** The kernels over the element, all that they see, and what flows back to them. */
const gradientWindow: WindowRule = (element, { args, attrs, out }) => {
  const dims = out.dims as unknown as Dims4
  const pooled = (args[1] as TensorType).dims as unknown as Dims4
  const [image, row, column, channel] = placeOf(element, dims) as unknown as Dims4
  const [rows, columns] = slidesOf(attrs)
  const down = coverOf(row, dims[1], rows)
  const across = coverOf(column, dims[2], columns)
  if (down === undefined || across === undefined) return passedOver(element)
  const kernels = rectangle(
    pooled,
    image,
    channel,
    { start: down.first, count: down.places },
    { start: across.first, count: across.places },
  )
  const sides = [down.before, across.before, down.after, across.after].map(BigInt)
  return {
    args: [rectangle(dims, image, channel, down, across), kernels],
    dims: [1, down.count, across.count, 1],
    at: (row - down.start) * across.count + (column - across.start),
    attrs: [...attrs.slice(0, 4), ...sides],
  }
}

/** An element that no kernel reaches: the second of two under a kernel of one and a stride of two. */
function passedOver(element: number): ReturnType<WindowRule> {
  return {
    args: [repeated(element, [1, 2, 1, 1]), one(0, 4)],
    dims: [1, 2, 1, 1],
    at: 1,
    attrs: [1n, 1n, 2n, 1n, 0n, 0n, 0n, 0n],
  }
}

/** So many elements of one channel, side by side and below one another. */
function reachOfRectangle(dims: Dims4, rows: number, columns: number): Reach[] {
  const [, , width, channels] = dims
  const strides = { rowStride: width * channels, columnStride: channels }
  return reachOfGrid({ rows, columns, ...strides, count: 1, align: 1 })
}

const poolReach: OpDefinition['reach'] = ({ args, attrs }) => {
  const dims = (args[0] as TensorType).dims as unknown as Dims4
  const [rows, columns] = slidesOf(attrs)
  const [down, across] = [Math.min(rows.kernel, dims[1]), Math.min(columns.kernel, dims[2])]
  return [reachOfRectangle(dims, down, across)]
}

/** At most so many kernels stand on one element, and see so many elements. */
function kernelsOn({ kernel, stride }: Slide, size: number, pooled: number): [number, number] {
  const places = Math.min(Math.ceil(kernel / stride), pooled)
  return [places, Math.min((places - 1) * stride + kernel, size)]
}

const gradientReach: OpDefinition['reach'] = ({ args, attrs }) => {
  const [x, dy] = args.map(({ dims }) => dims) as unknown as readonly [Dims4, Dims4]
  const [rows, columns] = slidesOf(attrs)
  const [placesDown, seenDown] = kernelsOn(rows, x[1], dy[1])
  const [placesAcross, seenAcross] = kernelsOn(columns, x[2], dy[2])
  return [reachOfRectangle(x, seenDown, seenAcross), reachOfRectangle(dy, placesDown, placesAcross)]
}

const pool = {
  arity: 1,
  shape: poolShape,
  work: poolWork,
  window: poolWindow,
  reach: poolReach,
} satisfies Partial<Entry>

export const POOLS: readonly Entry[] = [
  { id: 90, name: 'maxpool2d_f32', attributes: ATTRIBUTES, ...pool, run: maxpool2dF32 },
  {
    id: 91,
    name: 'avgpool2d_f32',
    attributes: [...ATTRIBUTES, int('counted', 0, 1)],
    ...pool,
    run: avgpool2dF32,
  },
  {
    id: 92,
    name: 'maxpool2d_grad_f32',
    arity: 2,
    attributes: ATTRIBUTES,
    shape: gradientShape,
    work: gradientWork,
    window: gradientWindow,
    reach: gradientReach,
    run: maxpool2dGradF32,
  },
]
