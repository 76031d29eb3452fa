/** Backward from a tensor: seeds, devices, and where gradients are kept. */

import { refuse } from '../base/refusal.ts'
import { elementCount } from '../program/shape.ts'
import { bytesOf, copyOf } from './compute.ts'
import { deviceNamed } from './device.ts'
import { emit, saved } from './emit.ts'
import { checkKept, isTracked, record, unrecorded, walkBack } from './tape.ts'
import type { View } from './view.ts'
import { constant, filled } from './write.ts'

/** Whether the record of the computation is given up, or kept for a further walk. */
export type Retain = 'nothing' | 'graph'

/** @throws RefusalError tensor_gradient_seed when several elements have no seed; see `walkBack` */
export function backward(root: View, seed: View | undefined, retain: Retain): void {
  if (seed === undefined && elementCount(root.dims) !== 1) {
    refuse('tensor_gradient_seed', { dims: root.dims.join(','), seed: 'none' })
  }
  unrecorded(() => {
    const start = seed ?? filled(root.storage.device, root.type, 1, 'seed')
    walkBack(root, start, retain, {
      add: (left, right) => emit('add_f32', [left, right]),
      // A gradient shares no memory with the seed, another gradient or a value of the tape.
      copy: copyOf,
    })
  })
}

/**
 * The same values on another device; the view itself, as a further view, on its own.
 * @throws RefusalError tensor_device_unknown | tensor_device_unavailable | trace_value_unknown
 */
export function moveTo(view: View, name: string): View {
  const { device } = view.storage
  const target = name === device.name ? device : deviceNamed(name)
  checkKept(view)
  const out =
    target === device
      ? view.under(view.layout)
      : constant(target, view.type, bytesOf(view), view.storage.label)
  if (isTracked([view])) {
    record('to', [view], out, [saved(view)], (_index, dy) => moveTo(dy, device.name))
  }
  return out
}
