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

export type ShapeRule = (args: readonly TensorType[], attrs: readonly bigint[]) => TensorType

/** @throws RefusalError dtype_mismatch. */
export function expect(args: readonly TensorType[], ...dtypes: readonly Dtype[]): void {
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

/** @param rule that the shapes of the operands break, as a sentence */
export function mismatch(args: readonly TensorType[], rule: string): never {
  return refuse('shape_mismatch', { rule, arguments: args.map(describeType).join(' ') })
}

/** @throws RefusalError shape_rank unless the rank is `rank`, or more where that is taken. */
export function expectRank(
  type: TensorType,
  rank: number,
  how: 'exactly' | 'more' = 'exactly',
): void {
  const found = type.dims.length
  if (found === rank || (how === 'more' && found > rank)) return
  refuse('shape_rank', { rank: found, expected: rank })
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

/** Operands of these types and of one shape, which is that of the output, as is the first type. */
export function sameShape(...dtypes: readonly Dtype[]): ShapeRule {
  return (args) => {
    expect(args, ...dtypes)
    const first = args[0] as TensorType
    if (!args.every((type) => sameDims(type, first))) {
      mismatch(args, 'all operands have the same shape')
    }
    return first
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
