/** From one kind of number to another. */

import { refuse } from '../../base/refusal.ts'
import { f32Attribute, intAttribute } from '../../program/builder.ts'
import { S8, S32 } from '../../program/types.ts'
import { type DtypeName, dtypeName } from '../dtype.ts'
import { emit } from '../emit.ts'
import type { View } from '../view.ts'
import { reshape } from './shape.ts'

const ONE: bigint = f32Attribute(1)

/** By op and attributes; s32 to s8 is (2x + 1) >> 1 = x, clamped. */
const CASTS: Readonly<Record<string, readonly [op: string, attrs: readonly bigint[]]>> = {
  'f32 s32': ['truncate_f32', []],
  'f32 s8': ['quantise_f32', [ONE, 0n]],
  's32 f32': ['dequantise_s32', [ONE]],
  's32 s8': ['requantise', [2n, 1n, 0n]],
  's8 f32': ['dequantise_s8', [ONE, 0n]],
  's8 s32': ['widen_s8', []],
}

/**
 * f32 to s32 rounds towards zero, f32 to s8 to the nearest; both saturate, and so does s32 to s8.
 * s32 to f32 rounds to the nearest.
 */
export function cast(view: View, to: DtypeName): View {
  const from = dtypeName(view.type.dtype)
  if (from === to) return reshape(view, view.dims)
  const [op, attrs] = CASTS[`${from} ${to}`] ?? refuse('tensor_dtype_unsupported', { dtype: to })
  return emit(op, [view], attrs)
}

/** f32 -> s8: round(x / scale) + zero point. */
export function quantise(view: View, scale: number, zeroPoint: number): View {
  return emit('quantise_f32', [view], [f32Attribute(scale), intAttribute(zeroPoint)])
}

/** s8 or s32 -> f32: (x - zero point) scale; an s32 has no zero point. */
export function dequantise(view: View, scale: number, zeroPoint: number): View {
  if (view.type.dtype === S8) {
    return emit('dequantise_s8', [view], [f32Attribute(scale), intAttribute(zeroPoint)])
  }
  if (view.type.dtype !== S32 || zeroPoint !== 0) {
    refuse('tensor_dtype_mismatch', {
      op: 'dequantise',
      left: dtypeName(view.type.dtype),
      zeroPoint,
    })
  }
  return emit('dequantise_s32', [view], [f32Attribute(scale)])
}

export interface Requantisation {
  readonly multiplier: number
  readonly shift: number
  readonly zeroPoint?: number
}

/** s32 -> s8: x multiplier / 2^shift + zero point, rounded and clamped. */
export function requantise(view: View, { multiplier, shift, zeroPoint = 0 }: Requantisation): View {
  return emit('requantise', [view], [multiplier, shift, zeroPoint].map(intAttribute))
}
