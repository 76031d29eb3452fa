/** Arithmetic of f32 and s32 with broadcast, and steps of descent (numerics.md, ops 10 to 23, 80). */

import {
  addF32,
  axpyF32,
  divF32,
  greaterF32,
  maxF32,
  minF32,
  mulF32,
  scaleF32,
  selectF32,
  sgdF32,
  shiftF32,
  subF32,
} from '../semantics/arithmetic.ts'
import { addS32, mulS32, subS32 } from '../semantics/integer.ts'
import { broadcastShape, mapShape, sameShape } from '../shape.ts'
import { type Dtype, F32, S32 } from '../types.ts'
import { broadcastWindow, mapWindow } from '../windows.ts'
import { type Entry, outputSteps, real } from './entry.ts'

/** A division takes as long as four other steps. */
const DIVISION_STEPS = 4

type Run = Entry['run']

function broadcast(id: number, name: string, dtype: Dtype, run: Run, steps = 1): Entry {
  return {
    id,
    name,
    arity: 2,
    shape: broadcastShape(dtype),
    work: outputSteps(steps),
    window: broadcastWindow,
    run,
  }
}

function withNumber(id: number, name: string, attribute: string, run: Run): Entry {
  return {
    id,
    name,
    arity: 1,
    attributes: [real(attribute)],
    shape: mapShape(F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run,
  }
}

/** Two operands of one shape, and a factor of the one. */
function withFactor(id: number, name: string, attribute: string, run: Run): Entry {
  return {
    id,
    name,
    arity: 2,
    attributes: [real(attribute)],
    shape: sameShape(F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run,
  }
}

export const ARITHMETIC: readonly Entry[] = [
  broadcast(10, 'add_f32', F32, addF32),
  broadcast(11, 'sub_f32', F32, subF32),
  broadcast(12, 'mul_f32', F32, mulF32),
  withNumber(13, 'scale_f32', 'factor', scaleF32),
  broadcast(14, 'div_f32', F32, divF32, DIVISION_STEPS),
  broadcast(15, 'max_f32', F32, maxF32),
  broadcast(16, 'min_f32', F32, minF32),
  broadcast(17, 'greater_f32', F32, greaterF32),
  withNumber(18, 'shift_f32', 'addend', shiftF32),
  withFactor(19, 'axpy_f32', 'alpha', axpyF32),
  broadcast(20, 'add_s32', S32, addS32),
  broadcast(21, 'sub_s32', S32, subS32),
  broadcast(22, 'mul_s32', S32, mulS32),
  {
    id: 23,
    name: 'select_f32',
    arity: 3,
    shape: sameShape(F32, F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: selectF32,
  },
  withFactor(80, 'sgd_f32', 'lr', sgdF32),
]
