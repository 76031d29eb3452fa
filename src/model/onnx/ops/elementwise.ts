/** Element by element: unary functions, two operands under numpy broadcasting, and choices. */

import { refuse } from '../../../base/refusal.ts'
import { f32Attribute, type Handle } from '../../../program/builder.ts'
import { elementCount } from '../../../program/shape.ts'
import { axes } from '../../attributes.ts'
import type { Draft } from '../../draft.ts'
import { constantNumber, type NodeReader } from '../node.ts'
import {
  atLeastVector,
  dimsIn,
  inOrder,
  naturalOrder,
  type Placed,
  placed,
  withRank,
} from '../value.ts'

/** The same function of every element; nothing moves. */
export function unary(op: string, ...attrs: readonly bigint[]): (node: NodeReader) => Placed {
  return (node) => applied(node.draft, op, node.float(0), attrs)
}

export function applied(
  draft: Draft,
  op: string,
  value: Placed,
  attrs: readonly bigint[] = [],
): Placed {
  return { ...value, meaning: 'float', handle: draft.op(op, [value.handle], attrs) }
}

/** value * factor. */
export function scaled(draft: Draft, value: Placed, factor: number): Placed {
  return factor === 1 ? value : applied(draft, 'scale_f32', value, [f32Attribute(factor)])
}

/** value + addend. */
export function shifted(draft: Draft, value: Placed, addend: number): Placed {
  return addend === 0 ? value : applied(draft, 'shift_f32', value, [f32Attribute(addend)])
}

/** Sizes of two operands under numpy broadcasting. @throws RefusalError shape_mismatch */
export function broadcastDims(left: readonly number[], right: readonly number[]): number[] {
  const rank = Math.max(left.length, right.length)
  return naturalOrder(rank).map((axis) => {
    const a = left[axis - rank + left.length] ?? 1
    const b = right[axis - rank + right.length] ?? 1
    if (a === b || b === 1) return a
    if (a === 1) return b
    const facts = { left: `[${left.join()}]`, right: `[${right.join()}]` }
    return refuse('shape_mismatch', { rule: 'sizes are equal or 1', ...facts })
  })
}

/** The order in which two operands meet: that of one which has all elements, at best computed. */
function commonOrder(draft: Draft, dims: readonly number[], values: readonly Placed[]): number[] {
  const whole = values.filter((value) => value.dims.join() === dims.join())
  const computed = whole.find(({ handle }) => draft.tensorOf(handle) === undefined)
  return [...((computed ?? whole[0])?.order ?? naturalOrder(dims.length))]
}

/** All elements, repeated where an axis has one. */
function expanded(draft: Draft, handle: Handle, dims: readonly number[]): Handle {
  if (handle.type.dims.join() === dims.join()) return handle
  return draft.op('expand_f32', [handle], axes(dims))
}

/** The second operand of a broadcasting op: whole, a row, or one number; all else is expanded. */
function secondOperand(draft: Draft, handle: Handle, dims: readonly number[]): Handle {
  const own = handle.type.dims
  if (own.join() === dims.join()) return handle
  const last = dims[dims.length - 1] as number
  const elements = elementCount(own)
  const isRow = own[own.length - 1] === elements
  if (elements === 1 || (isRow && elements === last)) return draft.reshape(handle, [elements])
  return expanded(draft, handle, dims)
}

export interface BinaryOptions {
  readonly isCommutative: boolean
}

/** One of the ops with a broadcast second operand on two values. */
export function binary(
  draft: Draft,
  op: string,
  a: Placed,
  b: Placed,
  { isCommutative }: BinaryOptions,
): Placed {
  const dims = broadcastDims(a.dims, b.dims)
  const pair = [withRank(a, dims.length), withRank(b, dims.length)] as const
  const order = commonOrder(draft, dims, pair)
  const sizes = atLeastVector(dimsIn(dims, order))
  const [first, second] = pair.map((value) => inOrder(draft, value, order)) as [Handle, Handle]
  const isWhole = (handle: Handle): boolean => elementCount(handle.type.dims) === elementCount(dims)
  const isSwapped = isCommutative && isWhole(second) && !isWhole(first)
  const [left, right] = isSwapped ? [second, first] : [first, second]
  const whole = left.type.dtype === 1 ? expanded(draft, left, sizes) : left
  const handle = draft.op(op, [whole, secondOperand(draft, right, sizes)])
  return { kind: 'placed', meaning: 'float', handle, dims, order }
}

/** Operands of one shape, in one order, for `select_f32`. */
function aligned(draft: Draft, values: readonly Placed[]): readonly [readonly Handle[], Placed] {
  const dims = values.reduce<readonly number[]>((sum, value) => broadcastDims(sum, value.dims), [])
  const same = values.map((value) => withRank(value, dims.length))
  const order = commonOrder(draft, dims, same)
  const sizes = atLeastVector(dimsIn(dims, order))
  const handles = same.map((value) => expanded(draft, inOrder(draft, value, order), sizes))
  return [handles, { ...placed(handles[0] as Handle, dims), order }]
}

/** condition > 0 ? yes : no, after broadcasting. */
export function select(draft: Draft, condition: Placed, yes: Placed, no: Placed): Placed {
  const [handles, shape] = aligned(draft, [condition, yes, no])
  return { ...shape, handle: draft.op('select_f32', handles) }
}

const INTEGER_OPS: ReadonlyMap<string, string> = new Map([
  ['add_f32', 'add_s32'],
  ['sub_f32', 'sub_s32'],
  ['mul_f32', 'mul_s32'],
])

/** Both operands, which are both floats or both integers. */
function pairOf(node: NodeReader, op: string): readonly [string, Placed, Placed] {
  const [a, b] = [node.placed(0), node.placed(1)]
  const areInts = a.meaning === 'int' && b.meaning === 'int'
  const integer = INTEGER_OPS.get(op)
  if (areInts && integer !== undefined) return [integer, a, b]
  return [op, node.float(0), node.float(1)]
}

/** @param op the f32 op; add, sub and mul have one for integers too */
function arithmetic(
  op: string,
  isCommutative: boolean,
  withNumber: (draft: Draft, value: Placed, number: number) => Placed | undefined = () => undefined,
): (node: NodeReader) => Placed {
  return (node) => {
    const { draft } = node
    const [name, a, b] = pairOf(node, op)
    const meaning = name === op ? 'float' : 'int'
    if (meaning === 'float') {
      const number = constantNumber(draft, b)
      const quick = number === undefined ? undefined : withNumber(draft, a, number)
      if (quick !== undefined && b.dims.length <= a.dims.length) return quick
    }
    return { ...binary(draft, name, a, b, { isCommutative }), meaning }
  }
}

/** Only numbers that an f32 attribute holds. */
function whenFinite(
  apply: (draft: Draft, value: Placed, number: number) => Placed,
): (draft: Draft, value: Placed, number: number) => Placed | undefined {
  return (draft, value, number) =>
    Number.isFinite(number) ? apply(draft, value, number) : undefined
}

const flipped = (lower: (node: NodeReader) => Placed, op: typeof scaled) => {
  return (node: NodeReader): Placed => {
    const number = constantNumber(node.draft, node.operand(0))
    const other = node.operand(1)
    const isQuick =
      number !== undefined &&
      Number.isFinite(number) &&
      other.kind === 'placed' &&
      other.meaning === 'float' &&
      node.operand(0).dims.length <= other.dims.length
    return isQuick ? op(node.draft, other, number) : lower(node)
  }
}

export const add: (node: NodeReader) => Placed = flipped(
  arithmetic('add_f32', true, whenFinite(shifted)),
  shifted,
)
export const multiply: (node: NodeReader) => Placed = flipped(
  arithmetic('mul_f32', true, whenFinite(scaled)),
  scaled,
)
/** number - x is -x + number, to the bit. */
export const subtract: (node: NodeReader) => Placed = flipped(
  arithmetic(
    'sub_f32',
    false,
    whenFinite((draft, value, number) => shifted(draft, value, -number)),
  ),
  (draft, value, number) => shifted(draft, scaled(draft, value, -1), number),
)
/** A division by a power of two is a product, to the bit. */
export const divide: (node: NodeReader) => Placed = arithmetic(
  'div_f32',
  false,
  (draft, value, number) => (isPowerOfTwo(number) ? scaled(draft, value, 1 / number) : undefined),
)

const POWERS: ReadonlySet<number> = new Set(
  Array.from({ length: 61 }, (_, index) => powerOfTwo(index - 30)),
)

function powerOfTwo(exponent: number): number {
  return exponent < 0
    ? 1 / powerOfTwo(-exponent)
    : exponent === 0
      ? 1
      : 2 * powerOfTwo(exponent - 1)
}

function isPowerOfTwo(value: number): boolean {
  return POWERS.has(Math.abs(value))
}

/** The largest or smallest of one or more operands. */
export function extreme(op: 'max_f32' | 'min_f32'): (node: NodeReader) => Placed {
  return (node) => {
    const values = node.node.inputs.map((_, index) => node.float(index))
    const [first, ...rest] = values
    if (first === undefined) return refuse('onnx_operand_missing', { operand: 0 })
    return rest.reduce(
      (sum, value) => binary(node.draft, op, sum, value, { isCommutative: true }),
      first,
    )
  }
}

/** 1 where a > b, else 0. */
function greaterThan(draft: Draft, a: Placed, b: Placed): Placed {
  return { ...binary(draft, 'greater_f32', a, b, { isCommutative: false }), meaning: 'bool' }
}

export function greater(node: NodeReader): Placed {
  return greaterThan(node.draft, node.float(0), node.float(1))
}

export function less(node: NodeReader): Placed {
  return greaterThan(node.draft, node.float(1), node.float(0))
}

/** Neither greater nor less; so a NaN counts as equal to everything. */
export function equal(node: NodeReader): Placed {
  const [a, b] = [node.float(0), node.float(1)]
  const { draft } = node
  const differ = binary(draft, 'max_f32', greaterThan(draft, a, b), greaterThan(draft, b, a), {
    isCommutative: true,
  })
  return inverse(draft, differ)
}

function inverse(draft: Draft, value: Placed): Placed {
  return { ...shifted(draft, scaled(draft, value, -1), 1), meaning: 'bool' }
}

export function not(node: NodeReader): Placed {
  return inverse(node.draft, node.float(0))
}

export function where(node: NodeReader): Placed {
  return select(node.draft, node.float(0), node.float(1), node.float(2))
}
