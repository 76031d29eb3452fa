/** Pools over windows and over whole images. */

import { refuse } from '../../../base/refusal.ts'
import { intAttribute } from '../../../program/builder.ts'
import type { NodeReader } from '../node.ts'
import { inOrder, naturalOrder, type Placed } from '../value.ts'
import { asImage, CHANNELS_LAST, windowAttributes, withRankOf } from './convolution.ts'
import { reduced } from './reduce.ts'
import { type Pair, type Window, windowOf } from './window.ts'

export function maxPool(node: NodeReader): Placed {
  node.ignore('storage_order')
  node.outputsAtMost(1)
  return pooled(node, 'maxpool2d_f32', () => [])
}

export function averagePool(node: NodeReader): Placed {
  const isCounted = node.int('count_include_pad', 0)
  return pooled(node, 'avgpool2d_f32', (grown) => {
    // What rounding up has added must not count, and the op cannot tell it from padding.
    if (grown && isCounted !== 0) {
      refuse('onnx_attribute_unsupported', { attribute: 'ceil_mode', count_include_pad: 1 })
    }
    return [intAttribute(isCounted)]
  })
}

function pooled(
  node: NodeReader,
  op: string,
  more: (hasGrown: boolean) => readonly bigint[],
): Placed {
  const { draft } = node
  const value = node.float(0)
  const image = asImage(value)
  const window = windowOf(node, image.dims)
  if (window.dilations.join() !== '1,1') {
    refuse('onnx_attribute_unsupported', {
      attribute: 'dilations',
      value: window.dilations.join(),
    })
  }
  const isUp = node.int('ceil_mode', 0) !== 0
  const grown = isUp ? roundedUp(window, image.dims.slice(2) as unknown as Pair) : window
  const attrs = [
    ...window.kernel.map(intAttribute),
    ...windowAttributes(grown),
    ...more(grown.pads.join() !== window.pads.join()),
  ]
  const handle = draft.op(op, [inOrder(draft, image, CHANNELS_LAST)], attrs)
  const [batch, height, width, channels] = handle.type.dims
  const dims = [batch, channels, height, width] as number[]
  return withRankOf({ ...image, handle, dims, order: CHANNELS_LAST }, value.dims.length)
}

/**
 * More padding below and to the right, so that the last window is whole. A window that would begin
 * in that padding is left out.
 */
function roundedUp(window: Window, sizes: Pair): Window {
  const [top, left, bottom, right] = window.pads
  const grow = (axis: 0 | 1, before: number, after: number): number => {
    const [kernel, stride] = [window.kernel[axis], window.strides[axis]]
    const room = sizes[axis] + before + after - kernel
    const last = Math.ceil(room / stride)
    const begins = last * stride < sizes[axis] + before
    return begins ? after + Math.max(0, last * stride - room) : after
  }
  return { ...window, pads: [top, left, grow(0, top, bottom), grow(1, left, right)] }
}

/** Over all spatial axes, which stay with size 1. */
export function globalPool(op: 'mean_last_f32' | 'max_last_f32'): (node: NodeReader) => Placed {
  return (node) => {
    const value = node.float(0)
    const spatial = naturalOrder(value.dims.length).slice(2)
    return reduced(node.draft, op, value, spatial, true)
  }
}
