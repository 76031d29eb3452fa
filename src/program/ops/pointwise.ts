/** Functions of one element (numerics.md, ops 40 to 49 and 54 to 57). */

import {
  absF32,
  clipF32,
  erfF32,
  expF32,
  geluF32,
  logF32,
  reluF32,
  reluGradF32,
  reluS8,
  rsqrtF32,
  sigmoidF32,
  siluF32,
  sqrtF32,
  tanhF32,
} from '../semantics/pointwise.ts'
import { mapShape, sameShape } from '../shape.ts'
import { F32, S8 } from '../types.ts'
import { mapWindow } from '../windows.ts'
import { type Entry, outputSteps, real } from './entry.ts'

function unary(id: number, name: string, steps: number, run: Entry['run']): Entry {
  return {
    id,
    name,
    arity: 1,
    shape: mapShape(F32, F32),
    work: outputSteps(steps),
    window: mapWindow,
    run,
  }
}

export const POINTWISE: readonly Entry[] = [
  unary(40, 'relu_f32', 1, reluF32),
  {
    id: 41,
    name: 'relu_s8',
    arity: 1,
    shape: mapShape(S8, S8),
    work: outputSteps(1),
    window: mapWindow,
    run: reluS8,
  },
  {
    id: 42,
    name: 'relu_grad_f32',
    arity: 2,
    shape: sameShape(F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: reluGradF32,
  },
  unary(43, 'abs_f32', 1, absF32),
  unary(44, 'exp_f32', 12, expF32),
  unary(45, 'log_f32', 16, logF32),
  unary(46, 'sqrt_f32', 4, sqrtF32),
  unary(47, 'rsqrt_f32', 8, rsqrtF32),
  unary(48, 'tanh_f32', 24, tanhF32),
  unary(49, 'erf_f32', 28, erfF32),
  unary(54, 'gelu_f32', 28, geluF32),
  unary(55, 'silu_f32', 16, siluF32),
  unary(56, 'sigmoid_f32', 16, sigmoidF32),
  {
    id: 57,
    name: 'clip_f32',
    arity: 1,
    attributes: [real('low'), real('high')],
    shape: mapShape(F32, F32),
    work: outputSteps(2),
    window: mapWindow,
    run: clipF32,
  },
]
