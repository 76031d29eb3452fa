/** Rectifiers and transposes: elements chosen or moved, never computed (numerics.md, ops 40-61). */

import { f32Elements, loadElements, s8Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'

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

function transpose<Elements extends Float32Array | Int8Array>(
  from: Elements,
  to: Elements,
  dims: readonly number[],
): void {
  const [rows, columns] = dims as readonly [number, number]
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) to[n * rows + m] = from[m * columns + n] as number
  }
}

export const transposeF32: Run = (args, _attrs, out) => {
  const x = args[0] as Tensor
  transpose(loadElements(x), f32Elements(out), x.type.dims)
  settle(out)
}

export const transposeS8: Run = (args, _attrs, out) => {
  const x = args[0] as Tensor
  transpose(s8Elements(x), s8Elements(out), x.type.dims)
}
