/** Gradients of ops over the last axis, and of sums over rows. */

import { intAttribute } from '../builder.ts'
import type { Emitted, Emitter } from '../emitter.ts'
import { lastAxis } from '../shape.ts'
import {
  alongRows,
  expanded,
  onesLike,
  product,
  reshaped,
  rowMean,
  scaled,
  summedRows,
  zerosLike,
} from './phrases.ts'
import { type Emission, type GradientRule, type GradientRules, operand } from './rule.ts'

/** y (dy - sum(dy y)). */
export function softmaxGradient<V extends Emitted>(emit: Emitter<V>, y: V, dy: V): V {
  const total = emit.op('sum_last_f32', [product(emit, dy, y)])
  return product(emit, y, emit.op('sub_f32', [dy, alongRows(emit, total, y.type.dims)]))
}

/** The first largest of a row takes all. */
const maxLast: GradientRule = (emit, step, _index, dy) => {
  const x = operand(step, 0)
  const winner = emit.op('argmax_f32', [x])
  const mask = emit.op('one_hot_f32', [winner], [intAttribute(lastAxis(x.type))])
  return product(emit, reshaped(emit, mask, x.type.dims), alongRows(emit, dy, x.type.dims))
}

interface Normed<V> {
  /** The row, centred or not, over its size. */
  readonly unit: V
  /** One over the size of the row, along it. */
  readonly inverse: V
}

function normed<V extends Emitted>(emit: Emitter<V>, centred: V, step: Emission<V>): Normed<V> {
  const variance = emit.op('mean_last_f32', [product(emit, centred, centred)])
  const inverse = emit.op('rsqrt_f32', [emit.op('shift_f32', [variance], step.attrs)])
  const along = alongRows(emit, inverse, centred.type.dims)
  return { unit: product(emit, centred, along), inverse: along }
}

const layernorm: GradientRule = (emit, step, index, dy) => {
  if (index === 2) return summedRows(emit, dy)
  const x = operand(step, 0)
  const { unit, inverse } = normed(emit, emit.op('sub_f32', [x, rowMean(emit, x)]), step)
  if (index === 1) return summedRows(emit, product(emit, dy, unit))
  const h = product(emit, dy, operand(step, 1))
  const level = emit.op('sub_f32', [h, rowMean(emit, h)])
  const along = product(emit, unit, rowMean(emit, product(emit, h, unit)))
  return product(emit, inverse, emit.op('sub_f32', [level, along]))
}

const rmsnorm: GradientRule = (emit, step, index, dy) => {
  const { unit, inverse } = normed(emit, operand(step, 0), step)
  if (index === 1) return summedRows(emit, product(emit, dy, unit))
  const h = product(emit, dy, operand(step, 1))
  const along = product(emit, unit, rowMean(emit, product(emit, h, unit)))
  return product(emit, inverse, emit.op('sub_f32', [h, along]))
}

/** What is masked passes nothing: the mask of ones is 1 or -infinity. */
const mask: GradientRule = (emit, _step, _index, dy) => {
  const ones = emit.op('mask_causal_f32', [onesLike(emit, dy)])
  return emit.op('select_f32', [ones, dy, zerosLike(emit, dy)])
}

export const ROWS: GradientRules = {
  softmax_f32: (emit, step, _index, dy) => softmaxGradient(emit, step.out, dy),
  sum_last_f32: (emit, step, _index, dy) => alongRows(emit, dy, operand(step, 0).type.dims),
  mean_last_f32: (emit, step, _index, dy) => {
    const { type } = operand(step, 0)
    return alongRows(emit, scaled(emit, dy, 1 / lastAxis(type)), type.dims)
  },
  sum_rows_f32: (emit, step, _index, dy) => expanded(emit, dy, operand(step, 0).type.dims),
  max_last_f32: maxLast,
  layernorm_f32: layernorm,
  rmsnorm_f32: rmsnorm,
  mask_causal_f32: mask,
  argmax_f32: () => undefined,
}
