/** Element by element: arithmetic with broadcasting, comparisons, functions of one number. */

import { refuse } from '../../base/refusal.ts'
import { f32Attribute } from '../../program/builder.ts'
import { elementCount, lastAxis, sameDims } from '../../program/shape.ts'
import { F32, S8, S32 } from '../../program/types.ts'
import { bytesOf } from '../compute.ts'
import { dtypeName, elementsOver } from '../dtype.ts'
import { emit } from '../emit.ts'
import { broadcastDims } from '../layout.ts'
import type { View } from '../view.ts'
import { filled } from '../write.ts'
import { expand, reshape, typed } from './shape.ts'

export type Binary = 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'greater'
export type Unary =
  | 'abs'
  | 'erf'
  | 'exp'
  | 'gelu'
  | 'log'
  | 'rsqrt'
  | 'sigmoid'
  | 'silu'
  | 'sqrt'
  | 'tanh'

/** Ops whose operands may change places: add and mul to the bit, max and min because ties are equal. */
const COMMUTES: ReadonlySet<Binary> = new Set<Binary>(['add', 'mul', 'max', 'min'])
const INTEGER: ReadonlySet<Binary> = new Set<Binary>(['add', 'sub', 'mul'])

/**
 * Operands are broadcast to each other as NumPy does it.
 * @throws RefusalError tensor_dtype_mismatch | tensor_broadcast_mismatch
 */
export function binary(op: Binary, left: View, right: View): View {
  checkDtypes(op, left, right)
  const dims = broadcastDims(left.dims, right.dims)
  const isWhole = (view: View): boolean => sameDims(view.type, { dtype: F32, dims })
  const swaps = COMMUTES.has(op) && !isWhole(left) && isWhole(right)
  const [first, second] = swaps ? [right, left] : [left, right]
  return emit(typed(op, left), [spreadTo(first, dims), asSecond(second, dims)])
}

function checkDtypes(op: Binary, left: View, right: View): void {
  const { dtype } = left.type
  const takes = dtype === F32 || (dtype === S32 && INTEGER.has(op))
  if (dtype === right.type.dtype && takes) return
  refuse('tensor_dtype_mismatch', {
    op,
    left: dtypeName(dtype),
    right: dtypeName(right.type.dtype),
  })
}

/** Kernels repeat a row or one number themselves; everything else is expanded. */
function asSecond(view: View, dims: readonly number[]): View {
  const count = elementCount(view.dims)
  const last = dims[dims.length - 1] as number
  const isRow = count === 1 || (count === last && lastAxis(view.type) === last)
  const isWhole = sameDims(view.type, { dtype: F32, dims })
  return isRow && !isWhole ? reshape(view, [count]) : spreadTo(view, dims)
}

function spreadTo(view: View, dims: readonly number[]): View {
  return sameDims(view.type, { dtype: F32, dims }) ? view : expand(view, dims)
}

/** One number like the elements of `view`, on its device. */
function scalarLike(view: View, value: number): View {
  return filled(view.storage.device, { dtype: view.type.dtype, dims: [1] }, value, 'scalar')
}

/** @param other a number is brought to the type of the elements */
export function arithmetic(op: Binary, view: View, other: View | number): View {
  if (typeof other !== 'number') return binary(op, view, other)
  if (view.type.dtype === F32) {
    if (op === 'add') return emit('shift_f32', [view], [f32Attribute(other)])
    if (op === 'sub') return emit('shift_f32', [view], [f32Attribute(-other)])
    if (op === 'mul') return scaled(view, other)
  }
  return binary(op, view, scalarLike(view, other))
}

export function scaled(view: View, factor: number): View {
  return emit('scale_f32', [view], [f32Attribute(factor)])
}

/** What a division does where the divisor is zero. */
export type OnZero = 'refuse' | 'safe' | 'ieee'

/**
 * `refuse` looks at the divisor first, which a trace cannot: there it divides as `ieee` does.
 * `safe` gives zero, and no gradient, where the divisor is zero.
 * @throws RefusalError tensor_division_by_zero
 */
export function divide(view: View, divisor: View | number, onZero: OnZero): View {
  const by = typeof divisor === 'number' ? scalarLike(view, divisor) : divisor
  checkDtypes('div', view, by)
  if (onZero === 'safe') return divideSafely(view, by)
  if (onZero === 'refuse') refuseZero(by)
  return binary('div', view, by)
}

function refuseZero(by: View): void {
  if (by.storage.device.kind === 'trace') return
  const zero = elementsOver(F32, bytesOf(by)).findIndex(isZero)
  if (zero >= 0) refuse('tensor_division_by_zero', { element: zero })
}

/** Whether an f32 counts as zero when an op loads it: below 2^-103. */
function isZero(value: number): boolean {
  return Math.abs(value) < 9.860761315262648e-32
}

function divideSafely(view: View, by: View): View {
  const dims = broadcastDims(view.dims, by.dims)
  const [whole, below] = [spreadTo(view, dims), spreadTo(by, dims)]
  const counts = unary('abs', below)
  const one = expand(scalarLike(view, 1), dims)
  const zero = expand(scalarLike(view, 0), dims)
  const quotient = emit('div_f32', [whole, emit('select_f32', [counts, below, one])])
  const chosen = emit('select_f32', [counts, quotient, zero])
  // A NaN counts as no divisor above; here it comes back, and nothing else does.
  const constants = below.under(below.layout)
  const poison = emit('clip_f32', [constants], [f32Attribute(0), f32Attribute(0)])
  return emit('add_f32', [chosen, poison])
}

export function unary(op: Unary, view: View): View {
  return emit(`${op}_f32`, [view])
}

export function relu(view: View): View {
  return emit(view.type.dtype === S8 ? 'relu_s8' : 'relu_f32', [view])
}

export function clip(view: View, low: number, high: number): View {
  return emit('clip_f32', [view], [f32Attribute(low), f32Attribute(high)])
}

/** `chosen` where the condition is above zero, `other` elsewhere. */
export function select(condition: View, chosen: View, other: View): View {
  const dims = broadcastDims(broadcastDims(condition.dims, chosen.dims), other.dims)
  return emit(
    'select_f32',
    [condition, chosen, other].map((view) => spreadTo(view, dims)),
  )
}

/** fma(alpha, view, addend). */
export function axpy(view: View, addend: View, alpha: number): View {
  return emit('axpy_f32', [view, addend], [f32Attribute(alpha)])
}
