/**
 * Shape rules: from the types of an op's operands to the type of its output, or a refusal.
 *
 * Sizes are bounded before they are multiplied, so no product here can lose a digit: every tensor
 * has at most 2^31 elements.
 */

import { refuse } from '../base/refusal.ts'
import { type Dtype, F32, S8, S32, type TensorType } from './types.ts'

export const RANK_MAX = 8
export const TENSOR_ELEMENTS_MAX = 0x8000_0000
/** Largest depth of `matmul_s8`: 2^16 products of 2^14 still fit s32. */
export const MATMUL_S8_DEPTH_MAX = 65_536

const SIZES: ReadonlyMap<Dtype, number> = new Map([
  [F32, 4],
  [S8, 1],
  [S32, 4],
])
const NAMES: ReadonlyMap<Dtype, string> = new Map([
  [F32, 'f32'],
  [S8, 's8'],
  [S32, 's32'],
])

/** Bytes of one element. */
export function elementBytes(dtype: Dtype): number {
  return SIZES.get(dtype) ?? refuse('dtype_unknown', { dtype })
}

/** `f32[64,784]`, for people. */
export function describeType(type: TensorType): string {
  return `${NAMES.get(type.dtype) ?? type.dtype}[${type.dims.join(',')}]`
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

export function tensorBytes(type: TensorType): number {
  return elementCount(type.dims) * elementBytes(type.dtype)
}

/** Size of the last axis. */
export function lastAxis(type: TensorType): number {
  return type.dims[type.dims.length - 1] as number
}

export function sameDims(left: TensorType, right: TensorType): boolean {
  return (
    left.dims.length === right.dims.length &&
    left.dims.every((size, axis) => size === right.dims[axis])
  )
}

/** @throws RefusalError dtype_unknown | shape_rank | shape_empty | shape_overflow. */
export function checkType(type: TensorType): void {
  elementBytes(type.dtype)
  if (type.dims.length < 1 || type.dims.length > RANK_MAX) {
    refuse('shape_rank', { rank: type.dims.length, rankMax: RANK_MAX })
  }
  let elements = 1
  for (const size of type.dims) {
    if (size === 0) refuse('shape_empty', { type: describeType(type) })
    // Both factors are below 2^32, so the product is exact before it is compared.
    elements *= size
    if (elements > TENSOR_ELEMENTS_MAX) {
      refuse('shape_overflow', { type: describeType(type), elementsMax: TENSOR_ELEMENTS_MAX })
    }
  }
}

export type ShapeRule = (args: readonly TensorType[]) => TensorType

function expect(args: readonly TensorType[], ...dtypes: readonly Dtype[]): void {
  dtypes.forEach((dtype, index) => {
    const found = args[index] as TensorType
    if (found.dtype !== dtype) {
      refuse('dtype_mismatch', {
        argument: index,
        expected: NAMES.get(dtype) ?? dtype,
        found: describeType(found),
      })
    }
  })
}

function mismatch(args: readonly TensorType[], rule: string): never {
  return refuse('shape_mismatch', { rule, arguments: args.map(describeType).join(' ') })
}

function expectRank2(type: TensorType): void {
  if (type.dims.length !== 2) {
    refuse('shape_rank', { rank: type.dims.length, expected: 2 })
  }
}

/** A[M,K], B[N,K] -> [M,N]. */
export function matmulShape(dtype: Dtype, out: Dtype, depthMax: number): ShapeRule {
  return (args) => {
    expect(args, dtype, dtype)
    const [a, b] = args as readonly [TensorType, TensorType]
    expectRank2(a)
    expectRank2(b)
    const depth = a.dims[1] as number
    if (depth !== b.dims[1]) mismatch(args, 'both operands have the same last axis')
    if (depth > depthMax) refuse('matmul_depth_exceeded', { depth, depthMax })
    return { dtype: out, dims: [a.dims[0] as number, b.dims[0] as number] }
  }
}

/** Second operand: same shape, a row over the last axis, or [1]. */
export function broadcastShape(dtype: Dtype): ShapeRule {
  return (args) => {
    expect(args, dtype, dtype)
    const [a, b] = args as readonly [TensorType, TensorType]
    const isVector = b.dims.length === 1 && (b.dims[0] === 1 || b.dims[0] === lastAxis(a))
    if (!sameDims(a, b) && !isVector) {
      mismatch(args, 'the second operand has the shape of the first, is its last axis, or is [1]')
    }
    return a
  }
}

/** One operand; the output has its shape. */
export function mapShape(from: Dtype, to: Dtype): ShapeRule {
  return (args) => {
    expect(args, from)
    return { dtype: to, dims: (args[0] as TensorType).dims }
  }
}

/** Two operands of one shape. */
export function pairShape(dtype: Dtype): ShapeRule {
  return (args) => {
    expect(args, dtype, dtype)
    const [a, b] = args as readonly [TensorType, TensorType]
    if (!sameDims(a, b)) mismatch(args, 'both operands have the same shape')
    return a
  }
}

/** The last axis goes; a vector gives [1]. */
export function dropLastShape(from: Dtype, to: Dtype): ShapeRule {
  return (args) => {
    expect(args, from)
    const { dims } = args[0] as TensorType
    return { dtype: to, dims: dims.length === 1 ? [1] : dims.slice(0, -1) }
  }
}

/** [M,N] -> [N,M]. */
export function transposeShape(dtype: Dtype): ShapeRule {
  return (args) => {
    expect(args, dtype)
    const type = args[0] as TensorType
    expectRank2(type)
    return { dtype, dims: [type.dims[1] as number, type.dims[0] as number] }
  }
}

/** [M,N] -> [N]. */
export function sumRowsShape(args: readonly TensorType[]): TensorType {
  expect(args, F32)
  const type = args[0] as TensorType
  expectRank2(type)
  return { dtype: F32, dims: [type.dims[1] as number] }
}
