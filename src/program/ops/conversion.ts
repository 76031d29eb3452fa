/** Passages between s8, s32 and f32 (numerics.md, ops 30 to 35). */

import {
  dequantiseS8,
  dequantiseS32,
  quantiseF32,
  requantise,
  truncateF32,
  widenS8,
} from '../semantics/integer.ts'
import { mapShape } from '../shape.ts'
import { type AttributeRule, type Dtype, F32, S8, S32 } from '../types.ts'
import { mapWindow } from '../windows.ts'
import { type Entry, int, outputSteps, positive } from './entry.ts'

const ZERO_POINT = int('zp', -128, 127)
const SCALE = positive('scale')

function conversion(
  id: number,
  name: string,
  [from, to]: readonly [Dtype, Dtype],
  attributes: readonly AttributeRule[],
  steps: number,
  run: Entry['run'],
): Entry {
  return {
    id,
    name,
    arity: 1,
    attributes,
    shape: mapShape(from, to),
    work: outputSteps(steps),
    window: mapWindow,
    run,
  }
}

const REQUANTISE = [int('m', 1, 0x7fff_ffff), int('s', 1, 62), ZERO_POINT]

export const CONVERSIONS: readonly Entry[] = [
  conversion(30, 'requantise', [S32, S8], REQUANTISE, 2, requantise),
  conversion(31, 'quantise_f32', [F32, S8], [SCALE, ZERO_POINT], 4, quantiseF32),
  conversion(32, 'dequantise_s8', [S8, F32], [SCALE, ZERO_POINT], 1, dequantiseS8),
  conversion(33, 'dequantise_s32', [S32, F32], [SCALE], 1, dequantiseS32),
  conversion(34, 'widen_s8', [S8, S32], [], 1, widenS8),
  conversion(35, 'truncate_f32', [F32, S32], [], 1, truncateF32),
]
