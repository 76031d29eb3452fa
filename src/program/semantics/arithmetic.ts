/** Single-step f32 arithmetic with broadcast, and the SGD update (numerics.md, ops 10-13, 80). */

import { f32Elements, loadElements, settle, storedBits } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { fma, fromBits } from './float.ts'

type Run = OpDefinition['run']

/** An f32 attribute after `load`. */
export function loadAttribute(attr: bigint | undefined): number {
  return fromBits(storedBits(Number(attr)))
}

/** The write to an f32 array rounds the f64 result of two f32 operands, once. */
function broadcast(step: (a: number, b: number) => number): Run {
  return (args, _attrs, out) => {
    const a = loadElements(args[0] as Tensor)
    const b = loadElements(args[1] as Tensor)
    const y = f32Elements(out)
    for (let i = 0; i < y.length; i++) {
      y[i] = step(a[i] as number, b[i % b.length] as number)
    }
    settle(out)
  }
}

export const addF32: Run = broadcast((a, b) => a + b)
export const subF32: Run = broadcast((a, b) => a - b)
export const mulF32: Run = broadcast((a, b) => a * b)

export const scaleF32: Run = (args, attrs, out) => {
  const a = loadElements(args[0] as Tensor)
  const factor = loadAttribute(attrs[0])
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = (a[i] as number) * factor
  settle(out)
}

export const sgdF32: Run = (args, attrs, out) => {
  const w = loadElements(args[0] as Tensor)
  const g = loadElements(args[1] as Tensor)
  const rate = loadAttribute(attrs[0])
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = fma(-rate, g[i] as number, w[i] as number)
  settle(out)
}
