/** Names and attributes of the ops that exist once for each element type and once for each axis. */

import { intAttribute } from '../program/builder.ts'
import { RANK_MAX } from '../program/shape.ts'
import { F32, S8, S32, type TensorType } from '../program/types.ts'

const SUFFIXES: ReadonlyMap<number, string> = new Map([
  [F32, 'f32'],
  [S8, 's8'],
  [S32, 's32'],
])

/** `f32` in `reshape_f32`. */
export function suffix({ dtype }: Pick<TensorType, 'dtype'>): string {
  return SUFFIXES.get(dtype) as string
}

/** Eight attributes, one an axis; those beyond the rank as `beyond` says. */
export function axes(
  values: readonly number[],
  beyond: (axis: number) => number = () => 0,
): bigint[] {
  return Array.from({ length: RANK_MAX }, (_, axis) => intAttribute(values[axis] ?? beyond(axis)))
}
