/**
 * Computing at once: one op on views, whatever their layouts, giving a fresh view.
 *
 * Kernels take elements side by side. A view that lies otherwise is first brought in order by ops
 * that move elements, so that every op computes on the view and not on the storage behind it, with
 * the same bits on every device and in every trace.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { perAxis } from '../program/gradients/phrases.ts'
import { elementCount, tensorBytes } from '../program/shape.ts'
import { F32, S32 } from '../program/types.ts'
import type { Device, Operand } from './device.ts'
import { dtypeName, elementsOver } from './dtype.ts'
import { contiguousLayout, eachElement, isContiguous, type Layout } from './layout.ts'
import { type Move, movesOf } from './moves.ts'
import { signatureOf } from './signature.ts'
import { type View, viewOf } from './view.ts'

/**
 * Runs one op; not in the tape.
 * @throws RefusalError tensor_device_mismatch | tensor_disposed | op_unknown, every code of the op's
 *   shape rule, and those of the device
 */
export function compute(name: string, args: readonly View[], attrs: readonly bigint[] = []): View {
  const device = deviceOf(args)
  const signature = signatureOf(
    name,
    args.map(({ type }) => type),
    attrs,
  )
  const ordered = args.map(inOrder)
  const operands = ordered.map((arg) => operandOf(arg, device))
  const block = device.run({ signature, args: operands })
  for (const [at, temporary] of ordered.entries()) discard(temporary, args[at] as View)
  return viewOf({ device, type: signature.out, block, label: name })
}

/** Gives back the memory of what was made on the way and is not in the memory of `from`. */
function discard(temporary: View, from: View): void {
  if (temporary.storage !== from.storage) temporary.storage.dispose()
}

/** Where an op on these operands runs. A trace takes values of devices as constants. */
function deviceOf(args: readonly View[]): Device {
  const devices = args.map(({ storage }) => storage.device)
  const device = devices.find(({ kind }) => kind === 'trace') ?? devices[0]
  assert(device !== undefined, 'every op has an operand')
  for (const other of devices) {
    if (other !== device && (device.kind !== 'trace' || other.kind === 'trace')) {
      refuse('tensor_device_mismatch', { left: device.name, right: other.name })
    }
  }
  return device
}

/** A view as `device` takes it; from another device, as a constant. */
export function operandOf(view: View, device: Device): Operand {
  const ordered = inOrder(view)
  if (ordered.storage.device === device) {
    return { type: view.type, block: ordered.storage.block, offset: ordered.layout.offset }
  }
  const block = device.adopt(view.type, bytesOf(ordered).slice(), view.storage.label)
  return { type: view.type, block, offset: 0 }
}

/** Whether an op can be given the view as it lies. */
export function isInOrder({ layout, storage }: View): boolean {
  if (!isContiguous(layout)) return false
  return storage.device.kind === 'host' || elementCount(layout.dims) === storage.elements
}

/** The view itself, or the same elements side by side in other memory. */
export function inOrder(view: View): View {
  return isInOrder(view) ? view : moved(view)
}

/**
 * The bytes of a view in order: on a host its memory, elsewhere a copy.
 * @throws RefusalError trace_value_unknown
 */
export function bytesOf(view: View): Uint8Array {
  const { storage, layout, type } = inOrder(view)
  const bytes = storage.device.bytesOf(storage.type, storage.block)
  const width = bytes.byteLength / storage.elements
  const start = layout.offset * width
  return bytes.subarray(start, start + elementCount(type.dims) * width)
}

/** The same values in memory of their own, whatever memory they lie in. */
export function copyOf(view: View): View {
  return compute(`reshape_${dtypeName(view.type.dtype)}`, [view], perAxis(view.dims))
}

function moved(view: View): View {
  const { storage, layout, type } = view
  const moves = movesOf(layout, storage.elements) ?? unsupported(layout)
  const canMove =
    type.dtype === F32 || moves.every(({ kind }) => kind !== 'pad' && kind !== 'expand')
  if (!canMove) return gathered(view)
  const row = view.under(contiguousLayout([storage.elements]))
  return moves.reduce((before, move) => {
    const after = made(before, move)
    if (after.storage !== before.storage) discard(before, view)
    return after
  }, row)
}

function unsupported({ dims, strides }: Layout): never {
  return refuse('tensor_layout_unsupported', { dims: dims.join(','), strides: strides.join(',') })
}

/** One move of a view in order. */
function made(view: View, move: Move): View {
  const dtype = dtypeName(view.type.dtype)
  const { offset } = view.layout
  switch (move.kind) {
    case 'reshape':
      return view.under(contiguousLayout(move.dims, offset))
    case 'slice': {
      const isRun = view.storage.device.kind === 'host' && move.dims[0] === 1
      if (isRun) return view.under(contiguousLayout(move.dims, offset + (move.starts[1] as number)))
      return compute(`slice_${dtype}`, [view], [...perAxis(move.starts), ...perAxis(move.dims)])
    }
    case 'pad':
      return compute('pad_f32', [view], [...perAxis([]), ...perAxis(move.after)])
    case 'permute':
      if (move.order.length === 2 && view.type.dtype !== S32) {
        return compute(`transpose_${dtype}`, [view])
      }
      return compute(
        `permute_${dtype}`,
        [view],
        perAxis(move.order, (axis) => axis),
      )
    case 'expand':
      return compute('expand_f32', [view], perAxis(move.dims))
  }
}

/** Integers one by one: they have no rule for stored elements, so any copy has the right bits. */
function gathered(view: View): View {
  const { storage, layout, type } = view
  const { device } = storage
  if (device.kind === 'trace') unsupported(layout)
  const from = elementsOver(type.dtype, device.bytesOf(storage.type, storage.block))
  const bytes = new Uint8Array(tensorBytes(type))
  const to = elementsOver(type.dtype, bytes)
  eachElement(layout, (at, index) => {
    to[index] = from[at] as number
  })
  const block = device.adopt(type, bytes, 'gathered')
  return viewOf({ device, type, block, label: 'gathered' })
}
