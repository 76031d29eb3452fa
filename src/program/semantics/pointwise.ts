/** Functions of one element (numerics.md, ops 40-49, 54-57). */

import { f32Elements, loadElements, s8Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { loadAttribute } from './arithmetic.ts'
import { erf, exp, gelu, log, rsqrt, sigmoid, silu, sqrt, tanh } from './elementary.ts'

type Run = OpDefinition['run']

export const reluF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) {
    const value = x[i] as number
    y[i] = value > 0 || Number.isNaN(value) ? value : 0
  }
  settle(out)
}

export const reluS8: Run = (args, _attrs, out) => {
  const x = s8Elements(args[0] as Tensor)
  const y = s8Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = Math.max(x[i] as number, 0)
}

/** The slope of relu times what flows back: dy where x > 0. */
export const reluGradF32: Run = (args, _attrs, out) => {
  const x = loadElements(args[0] as Tensor)
  const dy = loadElements(args[1] as Tensor)
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) {
    const value = x[i] as number
    if (Number.isNaN(value)) y[i] = value
    else y[i] = value > 0 ? (dy[i] as number) : 0
  }
  settle(out)
}

/** `fn` takes a loaded element and gives an f32. */
function map(fn: (x: number) => number): Run {
  return (args, _attrs, out) => {
    const x = loadElements(args[0] as Tensor)
    const y = f32Elements(out)
    for (let i = 0; i < y.length; i++) y[i] = fn(x[i] as number)
    settle(out)
  }
}

export const absF32: Run = map(Math.abs)
export const expF32: Run = map(exp)
export const logF32: Run = map(log)
export const sqrtF32: Run = map(sqrt)
export const rsqrtF32: Run = map(rsqrt)
export const tanhF32: Run = map(tanh)
export const erfF32: Run = map(erf)
export const geluF32: Run = map(gelu)
export const siluF32: Run = map(silu)
export const sigmoidF32: Run = map(sigmoid)

/** The low bound wins where the bounds cross. */
export const clipF32: Run = (args, attrs, out) => {
  const low = loadAttribute(attrs[0])
  const high = loadAttribute(attrs[1])
  map((x) => (x < low ? low : x > high ? high : x))(args, attrs, out)
}
