/**
 * The tensor: a view with methods. What they do is in the files they call; here are the names.
 *
 * Shapes are lists of 1 to 8 sizes. A method without a line of its own takes and gives f32 and keeps
 * the shape. Names that end in `_` write in place and give the tensor itself. Every method refuses
 * with a coded reason (docs/errors.md) shapes and types that do not fit, tensors on different
 * devices, and memory that has been given back.
 * Source: docs/reference/tensor.md.
 */

import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { tensorDigest } from '../program/digest.ts'
import { elementCount } from '../program/shape.ts'
import { bytesOf } from './compute.ts'
import {
  type DtypeName,
  dtypeCode,
  dtypeName,
  type Elements,
  elementsFrom,
  elementsOver,
} from './dtype.ts'
import { cloned, ordered } from './emit.ts'
import { backward, moveTo, type Retain } from './gradient.ts'
import { isContiguous } from './layout.ts'
import {
  type DataOptions,
  type Dims,
  fullOf,
  overData,
  type TensorOptions,
  zerosOf,
} from './making.ts'
import * as math from './ops/elementwise.ts'
import * as number from './ops/number.ts'
import * as product from './ops/product.ts'
import * as reduce from './ops/reduce.ts'
import * as shape from './ops/shape.ts'
import { leaf, type Vertex } from './tape.ts'
import type { View } from './view.ts'
import { filled, overwrite } from './write.ts'

/** A tensor, or one number in its place. */
export type Operand = Tensor | number

function innerOf(other: Operand): View | number {
  return typeof other === 'number' ? other : other.inner
}

export class Tensor {
  /** What the methods work on; not for use outside of the package. */
  readonly inner: View
  #leaf: Vertex | undefined

  constructor(inner: View) {
    this.inner = inner
  }

  // --- making -----------------------------------------------------------------------------------

  /** Memory for these elements: zeros, as there is nothing else that is the same everywhere. */
  static empty(dims: Dims, options: TensorOptions = {}): Tensor {
    return Tensor.zeros(dims, { label: 'empty', ...options })
  }

  static zeros(dims: Dims, options: TensorOptions = {}): Tensor {
    return new Tensor(zerosOf(dims, options))
  }

  static ones(dims: Dims, options: TensorOptions = {}): Tensor {
    return Tensor.full(dims, 1, { label: 'ones', ...options })
  }

  static full(dims: Dims, value: number, options: TensorOptions = {}): Tensor {
    return new Tensor(fullOf(dims, value, options))
  }

  /** Zeros with the shape, type and device of this tensor. */
  zerosLike(): Tensor {
    return this.#like(0)
  }

  onesLike(): Tensor {
    return this.#like(1)
  }

  #like(value: number): Tensor {
    const { device } = this.inner.storage
    return new Tensor(filled(device, this.inner.type, value, value === 0 ? 'zeros' : 'ones'))
  }

  /**
   * A tensor over the elements of a typed array. On a device in this process nothing is copied: what
   * is written to one is read from the other.
   * @param dims those of a vector when absent
   * @throws RefusalError tensor_length_mismatch and, with strides, those of `strided`
   */
  static fromData(data: Elements, dims?: Dims, options: DataOptions = {}): Tensor {
    return new Tensor(overData(data, dims, options))
  }

  /** A tensor of its own with these numbers, each rounded to the type of the elements. */
  static from(values: Iterable<number>, dims?: Dims, options: TensorOptions = {}): Tensor {
    const { dtype = 'f32', ...rest } = options
    return Tensor.fromData(elementsFrom(dtypeCode(dtype), values), dims, rest).clone()
  }

  // --- looking ----------------------------------------------------------------------------------

  get dims(): Dims {
    return this.inner.dims
  }

  get rank(): number {
    return this.inner.dims.length
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.inner.dims)
  }

  get dtype(): DtypeName {
    return dtypeName(this.inner.type.dtype)
  }

  get device(): string {
    return this.inner.storage.device.name
  }

  /** In elements. */
  get strides(): Dims {
    return this.inner.layout.strides
  }

  /** Element of the storage with which the view begins. */
  get offset(): number {
    return this.inner.layout.offset
  }

  get label(): string {
    return this.inner.storage.label
  }

  get isContiguous(): boolean {
    return isContiguous(this.inner.layout)
  }

  /** Whether both look at the same memory. */
  isAliasOf(other: Tensor): boolean {
    return this.inner.storage === other.inner.storage
  }

  /**
   * The elements themselves: writing to the array writes to the tensor.
   * @throws RefusalError tensor_not_contiguous | tensor_memory_remote | trace_value_unknown
   */
  data(): Elements {
    const { storage, layout, type } = this.inner
    if (storage.device.kind === 'trace') refuse('trace_value_unknown')
    if (storage.device.kind !== 'host') refuse('tensor_memory_remote', { device: this.device })
    if (!isContiguous(layout))
      refuse('tensor_not_contiguous', { strides: layout.strides.join(',') })
    storage.isExposed = true
    return elementsOver(type.dtype, bytesOf(this.inner))
  }

  /** A copy of the elements in row-major order, whatever the layout and the device. */
  toArray(): Elements {
    return elementsOver(this.inner.type.dtype, bytesOf(this.inner).slice())
  }

  /** @throws RefusalError tensor_not_scalar */
  item(): number {
    if (this.size !== 1) refuse('tensor_not_scalar', { dims: this.dims.join(',') })
    return this.toArray()[0] as number
  }

  /** Hexadecimal BLAKE3 of the elements, as receipts name a tensor. */
  digest(): string {
    return toHex(tensorDigest(bytesOf(this.inner)))
  }

  /** `f32[2,3] on cpu`. */
  toString(): string {
    return `${this.dtype}[${this.dims.join(',')}] on ${this.device}`
  }

  // --- memory -----------------------------------------------------------------------------------

  /** The same values in memory of their own. */
  clone(): Tensor {
    return new Tensor(cloned(this.inner))
  }

  /** The same memory, of which the tape knows nothing. */
  detach(): Tensor {
    return new Tensor(this.inner.under(this.inner.layout))
  }

  /** Side by side; the same memory where they lie so already. */
  contiguous(): Tensor {
    return new Tensor(ordered(this.inner))
  }

  /** On another device; the same memory on its own. */
  to(device: string): Tensor {
    return new Tensor(moveTo(this.inner, device))
  }

  /** Gives the memory back; all views of it are unusable from then on. */
  dispose(): void {
    this.inner.storage.dispose()
  }

  get isDisposed(): boolean {
    return this.inner.storage.isDisposed
  }

  // --- shape ------------------------------------------------------------------------------------

  /**
   * The same memory under other dimensions; one may be -1.
   * @throws RefusalError tensor_view_impossible when the elements do not lie so
   */
  view(dims: Dims): Tensor {
    return new Tensor(shape.viewed(this.inner, dims))
  }

  /** As `view`, with a copy where that cannot be. */
  reshape(dims: Dims): Tensor {
    return new Tensor(shape.reshape(this.inner, dims))
  }

  /** Axis i of the result is axis order[i] of this. */
  permute(order: Dims): Tensor {
    return new Tensor(shape.permute(this.inner, order))
  }

  /** Two axes change places; the last two when none are named. */
  transpose(first = -2, second = -1): Tensor {
    return new Tensor(shape.transpose(this.inner, first, second))
  }

  /** Elements start, start + step, ... below end of one axis, as a view. */
  slice(axis: number, start: number, end: number, step = 1): Tensor {
    return new Tensor(shape.slice(this.inner, axis, start, end, step))
  }

  /** Axes of one element, and new ones in front, repeated without being copied. */
  expand(dims: Dims): Tensor {
    return new Tensor(shape.expand(this.inner, dims))
  }

  /** Any nested window on the memory, outside of the tape. */
  strided(dims: Dims, strides: Dims, offset = 0): Tensor {
    return new Tensor(shape.strided(this.inner, dims, strides, offset))
  }

  /** One after another along an axis; f32 and s8. */
  static concat(tensors: readonly Tensor[], axis = 0): Tensor {
    return new Tensor(
      shape.concat(
        tensors.map(({ inner }) => inner),
        axis,
      ),
    )
  }

  /** Zeros before and after, a number for each axis. */
  pad(before: Dims, after: Dims): Tensor {
    return new Tensor(shape.pad(this.inner, before, after))
  }

  /** Reversed along these axes. */
  flip(axes: Dims): Tensor {
    return new Tensor(shape.flip(this.inner, axes))
  }

  /** Rows of axis 0: f32[R, ...] by s32[...]. Numbers out of range count as the nearest in it. */
  gather(index: Tensor): Tensor {
    return new Tensor(shape.gather(this.inner, index.inner))
  }

  /** s32[...] -> f32[..., classes]. */
  oneHot(classes: number): Tensor {
    return new Tensor(shape.oneHot(this.inner, classes))
  }

  // --- arithmetic -------------------------------------------------------------------------------
  // Shapes are broadcast as in NumPy; add, sub and mul take s32 too.

  add(other: Operand): Tensor {
    return new Tensor(math.arithmetic('add', this.inner, innerOf(other)))
  }

  sub(other: Operand): Tensor {
    return new Tensor(math.arithmetic('sub', this.inner, innerOf(other)))
  }

  mul(other: Operand): Tensor {
    return new Tensor(math.arithmetic('mul', this.inner, innerOf(other)))
  }

  /**
   * @param onZero `refuse` a divisor that is zero, give 0 there and no gradient (`safe`), or divide as
   *   the format does (`ieee`); a trace cannot look, and refuses nothing
   * @throws RefusalError tensor_division_by_zero
   */
  div(other: Operand, onZero: math.OnZero = 'refuse'): Tensor {
    return new Tensor(math.divide(this.inner, innerOf(other), onZero))
  }

  /** The larger of each pair; the first where they are equal. */
  maximum(other: Operand): Tensor {
    return new Tensor(math.arithmetic('max', this.inner, innerOf(other)))
  }

  minimum(other: Operand): Tensor {
    return new Tensor(math.arithmetic('min', this.inner, innerOf(other)))
  }

  /** 1 where this is larger, else 0. */
  greater(other: Operand): Tensor {
    return new Tensor(math.arithmetic('greater', this.inner, innerOf(other)))
  }

  /** `chosen` where this is above zero, `other` elsewhere. */
  select(chosen: Tensor, other: Tensor): Tensor {
    return new Tensor(math.select(this.inner, chosen.inner, other.inner))
  }

  neg(): Tensor {
    return new Tensor(math.scaled(this.inner, -1))
  }

  abs(): Tensor {
    return new Tensor(math.unary('abs', this.inner))
  }

  exp(): Tensor {
    return new Tensor(math.unary('exp', this.inner))
  }

  log(): Tensor {
    return new Tensor(math.unary('log', this.inner))
  }

  sqrt(): Tensor {
    return new Tensor(math.unary('sqrt', this.inner))
  }

  /** 1 / sqrt. */
  rsqrt(): Tensor {
    return new Tensor(math.unary('rsqrt', this.inner))
  }

  tanh(): Tensor {
    return new Tensor(math.unary('tanh', this.inner))
  }

  erf(): Tensor {
    return new Tensor(math.unary('erf', this.inner))
  }

  sigmoid(): Tensor {
    return new Tensor(math.unary('sigmoid', this.inner))
  }

  /** f32 or s8. */
  relu(): Tensor {
    return new Tensor(math.relu(this.inner))
  }

  gelu(): Tensor {
    return new Tensor(math.unary('gelu', this.inner))
  }

  silu(): Tensor {
    return new Tensor(math.unary('silu', this.inner))
  }

  clip(low: number, high: number): Tensor {
    return new Tensor(math.clip(this.inner, low, high))
  }

  // --- reductions -------------------------------------------------------------------------------
  // Over all axes, one, or several; `keep` leaves each with one element. Of all axes: [1].

  sum(axes?: reduce.Axes, axis: reduce.Keep = 'drop'): Tensor {
    return new Tensor(reduce.reduced(this.inner, 'sum_last_f32', axes, axis))
  }

  mean(axes?: reduce.Axes, axis: reduce.Keep = 'drop'): Tensor {
    return new Tensor(reduce.reduced(this.inner, 'mean_last_f32', axes, axis))
  }

  max(axes?: reduce.Axes, axis: reduce.Keep = 'drop'): Tensor {
    return new Tensor(reduce.reduced(this.inner, 'max_last_f32', axes, axis))
  }

  min(axes?: reduce.Axes, axis: reduce.Keep = 'drop'): Tensor {
    return new Tensor(reduce.smallest(this.inner, axes, axis))
  }

  /** s32 number of the largest element along an axis, of any type; the lowest of equals. */
  argmax(along?: number, axis: reduce.Keep = 'drop'): Tensor {
    return new Tensor(reduce.argmax(this.inner, along, axis))
  }

  softmax(axis = -1): Tensor {
    return new Tensor(reduce.softmax(this.inner, axis))
  }

  // --- products ---------------------------------------------------------------------------------

  /** [..., M, K] by [..., K, N] -> [..., M, N]; f32, and s8 to s32 by one matrix. */
  matmul(other: Tensor): Tensor {
    return new Tensor(product.matmul(this.inner, other.inner))
  }

  /** Queries [..., T, D] with keys [..., S, D] and values [..., S, E] -> [..., T, E]. */
  attention(keys: Tensor, values: Tensor, options: product.AttentionOptions = {}): Tensor {
    return new Tensor(product.attention(this.inner, keys.inner, values.inner, options))
  }

  /** [..., T, D] turned by cosines and sines [T, D/2]. */
  rope(cosines: Tensor, sines: Tensor): Tensor {
    return new Tensor(product.rope(this.inner, cosines.inner, sines.inner))
  }

  /** -infinity where a row [..., T, S] would see a later column. */
  maskCausal(): Tensor {
    return new Tensor(product.maskCausal(this.inner))
  }

  /** Over the last axis; gain and bias are vectors. */
  layerNorm(gain: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
    return new Tensor(product.layerNorm(this.inner, gain.inner, bias.inner, epsilon))
  }

  rmsNorm(gain: Tensor, epsilon = 1e-6): Tensor {
    return new Tensor(product.rmsNorm(this.inner, gain.inner, epsilon))
  }

  /** [N, H, W, C] with kernels [O, KH, KW, C/groups] -> [N, OH, OW, O]; f32, and s8 to s32. */
  conv2d(kernel: Tensor, options: product.ConvolutionOptions = {}): Tensor {
    return new Tensor(product.conv2d(this.inner, kernel.inner, options))
  }

  /** [N, H, W, C] -> [N, OH, OW, C]. */
  maxPool2d(options: product.PoolOptions): Tensor {
    return new Tensor(product.maxPool2d(this.inner, options))
  }

  avgPool2d(options: product.PoolOptions, padding: product.Counting = 'ignored'): Tensor {
    return new Tensor(product.avgPool2d(this.inner, options, padding))
  }

  // --- kinds of numbers -------------------------------------------------------------------------

  /** Rounds towards zero to s32 and to the nearest elsewhere; saturates. */
  cast(dtype: DtypeName): Tensor {
    return new Tensor(number.cast(this.inner, dtype))
  }

  /** f32 -> s8: round(x / scale) + zero point. */
  quantise(scale: number, zeroPoint = 0): Tensor {
    return new Tensor(number.quantise(this.inner, scale, zeroPoint))
  }

  /** s8 or s32 -> f32: (x - zero point) scale. */
  dequantise(scale: number, zeroPoint = 0): Tensor {
    return new Tensor(number.dequantise(this.inner, scale, zeroPoint))
  }

  /** s32 -> s8: x multiplier / 2^shift + zero point, rounded and clamped. */
  requantise(how: number.Requantisation): Tensor {
    return new Tensor(number.requantise(this.inner, how))
  }

  // --- in place ---------------------------------------------------------------------------------
  // What is written is seen by every view of the memory.

  fill_(value: number): this {
    const { storage, type } = this.inner
    return this.#become(filled(storage.device, type, value, 'fill'))
  }

  /** The values of another tensor, broadcast to this shape. */
  copy_(other: Tensor): this {
    const moved = other.device === this.device ? other : other.to(this.device)
    overwrite(this.inner, shape.expand(moved.inner, this.dims))
    return this
  }

  add_(other: Operand): this {
    return this.#become(this.add(other).inner)
  }

  sub_(other: Operand): this {
    return this.#become(this.sub(other).inner)
  }

  mul_(other: Operand): this {
    return this.#become(this.mul(other).inner)
  }

  div_(other: Operand, onZero: math.OnZero = 'refuse'): this {
    return this.#become(this.div(other, onZero).inner)
  }

  /** @param values made for this alone, so that their memory goes as soon as they are written */
  #become(values: View): this {
    overwrite(this.inner, values)
    if (values.vertex === undefined) values.storage.dispose()
    return this
  }

  // --- gradients --------------------------------------------------------------------------------

  /** Whether backward may lead here. */
  get requiresGrad(): boolean {
    return this.inner.vertex !== undefined
  }

  /** @throws RefusalError tensor_gradient_dtype | tensor_gradient_derived */
  set requiresGrad(wanted: boolean) {
    const { vertex } = this.inner
    if (vertex?.step !== undefined) refuse('tensor_gradient_derived', { op: vertex.step.name })
    if (wanted === (vertex !== undefined)) return
    this.inner.vertex = wanted ? leaf(this.inner.type) : undefined
    this.#leaf = this.inner.vertex
  }

  /** The sum of all gradients that backward has brought here; undefined when there is none. */
  get grad(): Tensor | undefined {
    const grad = (this.#leaf ?? this.inner.vertex)?.grad
    return grad === undefined ? undefined : new Tensor(grad)
  }

  /** Forgets the gradient. */
  zeroGrad(): void {
    const vertex = this.#leaf ?? this.inner.vertex
    if (vertex !== undefined) vertex.grad = undefined
  }

  /** Keeps the gradient of a tensor that was computed from others. */
  retainGrad(): this {
    const { vertex } = this.inner
    if (vertex === undefined) refuse('tensor_gradient_untracked', { op: 'retainGrad' })
    vertex.isRetained = true
    return this
  }

  /**
   * Adds to the gradient of every leaf that this was computed from.
   * @param seed the gradient of this tensor; 1 when absent, which takes a single element
   * @param retain `graph` keeps the record for a further backward
   */
  backward(seed?: Tensor, retain: Retain = 'nothing'): void {
    backward(this.inner, seed?.inner, retain)
  }
}
