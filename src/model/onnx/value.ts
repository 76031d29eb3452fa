/**
 * Values of an ONNX graph while it is imported, and the order in which their elements lie.
 *
 * ONNX says what the axes mean (batch, channel, height, width); our kernels want certain axes last.
 * So a value has its logical axes and an order: place i in memory is axis `order[i]`. A transpose
 * changes the order and moves nothing. Elements are moved when an op wants another order, and all
 * of a convolution network runs in the order of its first convolution.
 */

import type { Handle } from '../../program/builder.ts'
import type { Draft } from '../draft.ts'
import type { IntConstant } from './constant.ts'

/** What the elements stand for: bool is f32 0 or 1, int is s32, uint8 is s8 less by 128. */
export type Meaning = 'float' | 'bool' | 'int' | 'int8' | 'uint8'

export interface Placed {
  readonly kind: 'placed'
  readonly meaning: Meaning
  /** Has the elements in order, under whatever dimensions. */
  readonly handle: Handle
  /** Logical sizes; none for a scalar. */
  readonly dims: readonly number[]
  /** A permutation of the axes, outermost first. */
  readonly order: readonly number[]
}

export type Value = Placed | IntConstant

export function naturalOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis)
}

/** A value whose elements lie in the order of its axes. */
export function placed(
  handle: Handle,
  dims: readonly number[] = handle.type.dims,
  meaning: Meaning = 'float',
): Placed {
  return { kind: 'placed', meaning, handle, dims, order: naturalOrder(dims.length) }
}

/** Sizes as they lie in memory. */
export function dimsIn(dims: readonly number[], order: readonly number[]): number[] {
  return order.map((axis) => dims[axis] as number)
}

/** No tensor has rank 0: a scalar is [1]. */
export function atLeastVector(dims: readonly number[]): readonly number[] {
  return dims.length === 0 ? [1] : dims
}

/** The elements moved into an order, under the sizes of that order. */
export function inOrder(draft: Draft, value: Placed, order: readonly number[]): Handle {
  const { dims, handle } = value
  const isThere = (axis: number): boolean => dims[axis] !== 1
  const has = value.order.filter(isThere)
  const wants = order.filter(isThere)
  if (has.join() === wants.join()) {
    return draft.reshape(handle, atLeastVector(dimsIn(dims, order)))
  }
  const here = draft.reshape(handle, dimsIn(dims, value.order))
  return draft.permute(
    here,
    order.map((axis) => value.order.indexOf(axis)),
  )
}

/** The elements in the order of the axes, under the logical sizes. */
export function inNaturalOrder(draft: Draft, value: Placed): Handle {
  return inOrder(draft, value, naturalOrder(value.dims.length))
}

/** More axes of size 1 in front, as numpy broadcasting counts them. */
export function withRank(value: Placed, rank: number): Placed {
  const more = rank - value.dims.length
  if (more <= 0) return value
  return {
    ...value,
    dims: [...Array.from({ length: more }, () => 1), ...value.dims],
    order: [...naturalOrder(more), ...value.order.map((axis) => axis + more)],
  }
}

/** The order with some axes moved to the end, all else as it was. */
export function withLast(order: readonly number[], last: readonly number[]): number[] {
  return [...order.filter((axis) => !last.includes(axis)), ...last]
}
