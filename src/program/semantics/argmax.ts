/** The index of the largest element of each row (numerics.md, ops 51-53). */

import { lastAxis } from '../shape.ts'
import { loadElements, s8Elements, s32Elements } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'

type Run = OpDefinition['run']
type Elements = Float32Array | Int32Array | Int8Array

/** NaN counts as largest and yields to no later one; equal elements keep the lower index. */
export function beats(challenger: number, best: number): boolean {
  if (Number.isNaN(best)) return false
  return Number.isNaN(challenger) || challenger > best
}

function argmax(read: (tensor: Tensor) => Elements): Run {
  return (args, _attrs, out) => {
    const x = read(args[0] as Tensor)
    const width = lastAxis((args[0] as Tensor).type)
    const y = s32Elements(out)
    for (let row = 0; row < y.length; row++) {
      let best = 0
      for (let j = 1; j < width; j++) {
        if (beats(x[row * width + j] as number, x[row * width + best] as number)) best = j
      }
      y[row] = best
    }
  }
}

export const argmaxF32: Run = argmax(loadElements)
export const argmaxS32: Run = argmax(s32Elements)
export const argmaxS8: Run = argmax(s8Elements)
