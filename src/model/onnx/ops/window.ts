/** Where a kernel of a convolution or pool stands: sizes, strides, dilations and padding. */

import { refuse } from '../../../base/refusal.ts'
import type { NodeReader } from '../node.ts'

/** Height, then width. */
export type Pair = readonly [number, number]

export interface Window {
  readonly kernel: Pair
  readonly strides: Pair
  readonly dilations: Pair
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number]
}

/**
 * @param dims batch, channels, height, width
 * @param kernel as the weights have it; the attribute, if given, agrees
 */
export function windowOf(
  node: NodeReader,
  dims: readonly number[],
  kernel?: readonly number[],
): Window {
  const named = pairOf(node, 'kernel_shape')
  const size = (kernel ?? named) as Pair | undefined
  if (size === undefined) return refuse('onnx_attribute_missing', { attribute: 'kernel_shape' })
  if (named !== undefined && named.join() !== size.join()) {
    refuse('shape_mismatch', { rule: 'kernel_shape is that of the weights', kernel: named.join() })
  }
  const strides = pairOf(node, 'strides') ?? [1, 1]
  const dilations = pairOf(node, 'dilations') ?? [1, 1]
  const pads = padsOf(node, dims.slice(2) as unknown as Pair, { kernel: size, strides, dilations })
  return { kernel: size, strides, dilations, pads }
}

/** A list for each spatial axis; one of a value with one spatial axis goes to the width. */
function pairOf(node: NodeReader, name: string): Pair | undefined {
  const given = node.maybeInts(name)
  if (given === undefined) return undefined
  const pair = given.length === 1 ? [1, ...given] : given
  if (pair.length !== 2) refuse('onnx_rank_unsupported', { attribute: name, sizes: given.length })
  return pair as unknown as Pair
}

function padsOf(
  node: NodeReader,
  sizes: Pair,
  window: Omit<Window, 'pads'>,
): readonly [number, number, number, number] {
  const mode = node.text('auto_pad', 'NOTSET')
  const given = node.maybeInts('pads') ?? [0, 0, 0, 0]
  if (mode === 'VALID') return [0, 0, 0, 0]
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const [h, w] = [samePads(sizes, window, 0), samePads(sizes, window, 1)]
    const [low, high] = mode === 'SAME_UPPER' ? ([0, 1] as const) : ([1, 0] as const)
    return [h[low], w[low], h[high], w[high]]
  }
  if (mode !== 'NOTSET') {
    refuse('onnx_attribute_unsupported', { attribute: 'auto_pad', value: mode })
  }
  const whole = given.length === 2 ? [0, given[0], 0, given[1]] : given
  if (whole.length !== 4)
    refuse('onnx_rank_unsupported', { attribute: 'pads', sizes: given.length })
  return whole as unknown as readonly [number, number, number, number]
}

/** The smaller and the larger half of the padding that makes ceil(size / stride) places. */
function samePads(
  sizes: Pair,
  { kernel, strides, dilations }: Omit<Window, 'pads'>,
  axis: 0 | 1,
): Pair {
  const [size, stride] = [sizes[axis], strides[axis]]
  const reach = dilations[axis] * (kernel[axis] - 1) + 1
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size)
  const small = Math.floor(total / 2)
  return [small, total - small]
}
