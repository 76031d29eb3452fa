/** Single-step f32 arithmetic with broadcast, choices and steps of descent (numerics.md, ops 10-19, 23, 80). */

import { f32Elements, loadElements, settle, storedBits } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { fma, fromBits, higher, lower } from './float.ts'

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
export const divF32: Run = broadcast((a, b) => a / b)
export const maxF32: Run = broadcast(higher)
export const minF32: Run = broadcast(lower)
export const greaterF32: Run = broadcast((a, b) => (a > b ? 1 : 0))

/** One operand and a number. */
function withNumber(step: (a: number, number: number) => number): Run {
  return (args, attrs, out) => {
    const a = loadElements(args[0] as Tensor)
    const number = loadAttribute(attrs[0])
    const y = f32Elements(out)
    for (let i = 0; i < y.length; i++) y[i] = step(a[i] as number, number)
    settle(out)
  }
}

export const scaleF32: Run = withNumber((a, factor) => a * factor)
export const shiftF32: Run = withNumber((a, addend) => a + addend)

/** factor * scaled + base, rounded once, over two operands of one shape. */
function fused(step: (first: number, second: number, factor: number) => number): Run {
  return (args, attrs, out) => {
    const first = loadElements(args[0] as Tensor)
    const second = loadElements(args[1] as Tensor)
    const factor = loadAttribute(attrs[0])
    const y = f32Elements(out)
    for (let i = 0; i < y.length; i++) {
      y[i] = step(first[i] as number, second[i] as number, factor)
    }
    settle(out)
  }
}

export const axpyF32: Run = fused((a, b, alpha) => fma(alpha, a, b))
export const sgdF32: Run = fused((w, g, rate) => fma(-rate, g, w))

export const selectF32: Run = (args, _attrs, out) => {
  const [c, a, b] = args.map(loadElements) as [Float32Array, Float32Array, Float32Array]
  const y = f32Elements(out)
  for (let i = 0; i < y.length; i++) y[i] = ((c[i] as number) > 0 ? a[i] : b[i]) as number
  settle(out)
}
