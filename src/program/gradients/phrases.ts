/** Short phrases of ops that gradients are made of: moving, repeating and summing. */

import { f32Attribute, intAttribute } from '../builder.ts'
import type { Emitted, Emitter } from '../emitter.ts'
import { elementCount, lastAxis, RANK_MAX, sameDims } from '../shape.ts'

type Dims = readonly number[]

/** One attribute for each axis that a tensor may have; `beyond` stands past the rank. */
export function perAxis(values: Dims, beyond: (axis: number) => number = () => 0): bigint[] {
  return Array.from({ length: RANK_MAX }, (_, axis) => intAttribute(values[axis] ?? beyond(axis)))
}

export function scaled<V extends Emitted>(emit: Emitter<V>, x: V, factor: number): V {
  return emit.op('scale_f32', [x], [f32Attribute(factor)])
}

export function shifted<V extends Emitted>(emit: Emitter<V>, x: V, addend: number): V {
  return emit.op('shift_f32', [x], [f32Attribute(addend)])
}

export function product<V extends Emitted>(emit: Emitter<V>, left: V, right: V): V {
  return emit.op('mul_f32', [left, right])
}

/** Zeros like x, for whatever x holds but NaN. */
export function zerosLike<V extends Emitted>(emit: Emitter<V>, x: V): V {
  return emit.op('clip_f32', [x], [f32Attribute(0), f32Attribute(0)])
}

export function onesLike<V extends Emitted>(emit: Emitter<V>, x: V): V {
  return shifted(emit, zerosLike(emit, x), 1)
}

export function reshaped<V extends Emitted>(emit: Emitter<V>, x: V, dims: Dims): V {
  if (sameDims(x.type, { dtype: x.type.dtype, dims })) return x
  return emit.op('reshape_f32', [x], perAxis(dims))
}

export function permuted<V extends Emitted>(emit: Emitter<V>, x: V, order: Dims): V {
  if (order.every((axis, place) => axis === place)) return x
  return emit.op(
    'permute_f32',
    [x],
    perAxis(order, (axis) => axis),
  )
}

export function expanded<V extends Emitted>(emit: Emitter<V>, x: V, dims: Dims): V {
  if (sameDims(x.type, { dtype: x.type.dtype, dims })) return x
  return emit.op('expand_f32', [x], perAxis(dims))
}

export function sliced<V extends Emitted>(emit: Emitter<V>, x: V, starts: Dims, sizes: Dims): V {
  if (sameDims(x.type, { dtype: x.type.dtype, dims: sizes })) return x
  return emit.op('slice_f32', [x], [...perAxis(starts), ...perAxis(sizes)])
}

export function padded<V extends Emitted>(emit: Emitter<V>, x: V, before: Dims, after: Dims): V {
  if ([...before, ...after].every((count) => count === 0)) return x
  return emit.op('pad_f32', [x], [...perAxis(before), ...perAxis(after)])
}

/** [M,N] -> [N,M]. */
export function transposed<V extends Emitted>(emit: Emitter<V>, x: V): V {
  return emit.op('transpose_f32', [x])
}

/** [B,M,N] -> [B,N,M]. */
export function swapped<V extends Emitted>(emit: Emitter<V>, x: V): V {
  return permuted(emit, x, [0, 2, 1])
}

/** One number for each row, [...] or [1], repeated over the last axis of `dims`. */
export function alongRows<V extends Emitted>(emit: Emitter<V>, perRow: V, dims: Dims): V {
  return expanded(emit, reshaped(emit, perRow, [...dims.slice(0, -1), 1]), dims)
}

/** x minus its mean over the last axis, and such. */
export function rowMean<V extends Emitted>(emit: Emitter<V>, x: V): V {
  return alongRows(emit, emit.op('mean_last_f32', [x]), x.type.dims)
}

/** [..., N] -> [N]: sums over everything but the last axis. */
export function summedRows<V extends Emitted>(emit: Emitter<V>, x: V): V {
  const columns = lastAxis(x.type)
  const flat = reshaped(emit, x, [elementCount(x.type.dims) / columns, columns])
  // A transpose and a sum over rows, because a wide column cannot be opened in a fraud proof.
  return emit.op('sum_last_f32', [transposed(emit, flat)])
}

/** Sums a gradient over what `add`, `mul` and their like repeated: rows, or everything. */
export function unbroadcast<V extends Emitted>(emit: Emitter<V>, dy: V, from: V): V {
  if (sameDims(dy.type, from.type)) return dy
  const isRow = from.type.dims[0] === lastAxis(dy.type)
  if (isRow) return summedRows(emit, dy)
  return emit.op('sum_last_f32', [reshaped(emit, dy, [elementCount(dy.type.dims)])])
}

/** Sums over the axes that `expand` repeated, back to `dims`. */
export function unexpanded<V extends Emitted>(emit: Emitter<V>, dy: V, dims: Dims): V {
  const wide = dy.type.dims
  const added = wide.length - dims.length
  const axes = wide.map((_, axis) => axis)
  const isRepeated = (axis: number): boolean =>
    axis < added || (dims[axis - added] === 1 && wide[axis] !== 1)
  const repeated = axes.filter(isRepeated)
  if (repeated.length === 0) return reshaped(emit, dy, dims)
  const order = [...axes.filter((axis) => !isRepeated(axis)), ...repeated]
  const times = elementCount(repeated.map((axis) => wide[axis] as number))
  const rows = elementCount(dims)
  const flat = reshaped(emit, permuted(emit, dy, order), [rows, times])
  return reshaped(emit, emit.op('sum_last_f32', [flat]), dims)
}
