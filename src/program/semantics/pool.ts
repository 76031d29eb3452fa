/** Pools over windows of images, and the gradient of the largest (numerics.md, ops 90 to 92). */

import { f32Elements, loadElements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { integerOf } from '../typing.ts'
import { beats } from './argmax.ts'
import { higher } from './float.ts'

type Run = OpDefinition['run']
type Dims4 = readonly [number, number, number, number]

/** The numbers of the elements of x that lie in the window at one place, in order. */
function elementsIn(
  [, height, width, channels]: Dims4,
  attrs: readonly bigint[],
  [image, row, column, channel]: Dims4,
): number[] {
  const [kernelH, kernelW, strideH, strideW, top, left] = attrs.map(integerOf) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [above, aside] = [row * strideH - top, column * strideW - left]
  const found: number[] = []
  for (let h = Math.max(0, above); h < Math.min(height, above + kernelH); h++) {
    for (let w = Math.max(0, aside); w < Math.min(width, aside + kernelW); w++) {
      found.push(((image * height + h) * width + w) * channels + channel)
    }
  }
  return found
}

/** Calls `visit` for each window, in order, with the numbers of its elements. */
function windows(
  x: Dims4,
  [batch, rows, columns, channels]: Dims4,
  attrs: readonly bigint[],
  visit: (window: number, places: readonly number[]) => void,
): void {
  let window = 0
  for (let image = 0; image < batch; image++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let channel = 0; channel < channels; channel++) {
          visit(window++, elementsIn(x, attrs, [image, row, column, channel]))
        }
      }
    }
  }
}

function dims4(tensor: Tensor): Dims4 {
  return tensor.type.dims as unknown as Dims4
}

export const maxpool2dF32: Run = (args, attrs, out) => {
  const x = args[0] as Tensor
  const elements = loadElements(x)
  const y = f32Elements(out)
  windows(dims4(x), dims4(out), attrs, (window, places) => {
    y[window] = places.map((place) => elements[place] as number).reduce(higher)
  })
  settle(out)
}

export const avgpool2dF32: Run = (args, attrs, out) => {
  const x = args[0] as Tensor
  const elements = loadElements(x)
  const area = integerOf(attrs[0]) * integerOf(attrs[1])
  const isCounted = integerOf(attrs[8]) === 1
  const y = f32Elements(out)
  windows(dims4(x), dims4(out), attrs, (window, places) => {
    let sum = 0
    for (const place of places) sum = Math.fround(sum + (elements[place] as number))
    y[window] = sum / Math.fround(isCounted ? area : places.length)
  })
  settle(out)
}

/** Each window gives what flows back to the first largest of its elements. */
export const maxpool2dGradF32: Run = (args, attrs, out) => {
  const [x, dy] = args as readonly [Tensor, Tensor]
  const elements = loadElements(x)
  const gradient = loadElements(dy)
  const dx = f32Elements(out)
  windows(dims4(x), dims4(dy), attrs, (window, places) => {
    let chosen = places[0] as number
    for (const place of places) {
      if (beats(elements[place] as number, elements[chosen] as number)) chosen = place
    }
    // The write rounds the sum of two f32, once.
    dx[chosen] = (dx[chosen] as number) + (gradient[window] as number)
  })
  settle(out)
}
