/** Two-dimensional convolutions as products of patches and kernels (numerics.md, ops 4 and 5). */

import { f32Elements, floorElements, s8Elements, s32Elements, settle } from '../tensor.ts'
import type { OpDefinition, Tensor } from '../types.ts'
import { integerOf } from '../typing.ts'
import { dotF32, dotS8 } from './matmul.ts'

type Run = OpDefinition['run']
type Dims4 = readonly [number, number, number, number]
type Dot<Numbers> = (a: Numbers, at: number, b: Numbers, bt: number, depth: number) => number

function dims4(tensor: Tensor): Dims4 {
  return tensor.type.dims as unknown as Dims4
}

/**
 * For every place of the kernel the patch under it, +0 where it hangs over, against each kernel of
 * its group.
 */
function convolve<Numbers extends Float32Array | Int8Array>(
  [x, w]: readonly [Numbers, Numbers],
  patch: Numbers,
  y: Float32Array | Int32Array,
  [xDims, wDims, yDims]: readonly [Dims4, Dims4, Dims4],
  attrs: readonly bigint[],
  dot: Dot<Numbers>,
): void {
  const [strideH, strideW, top, left, , , dilationH, dilationW, groups] = attrs.map(integerOf) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [, height, width, channels] = xDims
  const [kernels, kernelH, kernelW, depth] = wDims
  const [batch, rows, columns] = yDims
  const perGroup = kernels / groups
  const fill = (image: number, row: number, column: number, group: number): void => {
    let k = 0
    for (let kh = 0; kh < kernelH; kh++) {
      for (let kw = 0; kw < kernelW; kw++) {
        const h = row * strideH - top + kh * dilationH
        const v = column * strideW - left + kw * dilationW
        const isInside = h >= 0 && h < height && v >= 0 && v < width
        const from = ((image * height + h) * width + v) * channels + group * depth
        for (let c = 0; c < depth; c++) patch[k++] = isInside ? (x[from + c] as number) : 0
      }
    }
  }
  let number = 0
  for (let image = 0; image < batch; image++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let o = 0; o < kernels; o++) {
          if (o % perGroup === 0) fill(image, row, column, o / perGroup)
          y[number++] = dot(patch, 0, w, o * patch.length, patch.length)
        }
      }
    }
  }
}

function patchLength([, height, width, depth]: Dims4): number {
  return height * width * depth
}

export const conv2dF32: Run = (args, attrs, out) => {
  const [x, w] = args as readonly [Tensor, Tensor]
  const dims = [dims4(x), dims4(w), dims4(out)] as const
  const operands = [floorElements(x), floorElements(w)] as const
  const patch = new Float32Array(patchLength(dims[1]))
  convolve(operands, patch, f32Elements(out), dims, attrs, dotF32)
  settle(out)
}

export const conv2dS8: Run = (args, attrs, out) => {
  const [x, w] = args as readonly [Tensor, Tensor]
  const dims = [dims4(x), dims4(w), dims4(out)] as const
  const operands = [s8Elements(x), s8Elements(w)] as const
  const patch = new Int8Array(patchLength(dims[1]))
  convolve(operands, patch, s32Elements(out), dims, attrs, dotS8)
}
