/**
 * Writing in place: through a view into the storage that other views share.
 *
 * On a host the elements are written where they lie. Elsewhere, and in a trace, the storage gets
 * other contents: what is written, put where the view lies, chosen over what was there.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { perAxis } from '../program/gradients/phrases.ts'
import { sameDims } from '../program/shape.ts'
import { emptyTensor, settle } from '../program/tensor.ts'
import { F32, type TensorType } from '../program/types.ts'
import { bytesOf, compute, copyOf, inOrder, isInOrder, operandOf } from './compute.ts'
import type { Device } from './device.ts'
import { bytesOver, dtypeName, elementsOver } from './dtype.ts'
import { contiguousLayout, eachElement, isContiguous, isInjective } from './layout.ts'
import { type Move, movesOf } from './moves.ts'
import { checkKept, rewritten } from './tape.ts'
import { type View, viewOf } from './view.ts'

/**
 * Makes the elements of `target` those of `source`, in the tape too while it records.
 * @throws RefusalError tensor_broadcast_mismatch | tensor_dtype_mismatch, and tensor_alias_overlap
 *   when elements of `target` are one
 */
export function overwrite(target: View, source: View): void {
  checkFits(target, source)
  checkKept(source)
  const { layout, storage } = target
  if (!isInjective(layout)) {
    refuse('tensor_alias_overlap', { dims: target.dims.join(','), label: storage.label })
  }
  // Elements that move within one memory would meet themselves on the way.
  const apart = source.storage === storage ? copyOf(source) : source
  if (storage.device.kind === 'host') writeHost(target, apart)
  else writeWhole(target, apart)
  storage.version++
  rewritten(target, source)
}

function checkFits({ type }: View, source: View): void {
  if (!sameDims(type, source.type)) {
    refuse('tensor_broadcast_mismatch', {
      left: type.dims.join(','),
      right: source.dims.join(','),
    })
  }
  if (type.dtype !== source.type.dtype) {
    refuse('tensor_dtype_mismatch', {
      op: 'write',
      left: dtypeName(type.dtype),
      right: dtypeName(source.type.dtype),
    })
  }
}

function writeHost({ layout, storage, type }: View, source: View): void {
  const to = elementsOver(type.dtype, storage.hostBytes)
  const from = elementsOver(type.dtype, alignedBytes(bytesOf(source)))
  if (isContiguous(layout)) {
    to.set(from, layout.offset)
    return
  }
  eachElement(layout, (at, index) => {
    to[at] = from[index] as number
  })
}

function alignedBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
}

function writeWhole(target: View, source: View): void {
  const { storage } = target
  const contents = isInOrder(target) ? source : chosen(target, source)
  if (storage.device.kind === 'trace') {
    storage.replace(operandOf(contents, storage.device).block)
    return
  }
  // The fresh storage gives its block away, so it must not give it back as well.
  const fresh = contents === source ? copyOf(source) : contents
  storage.replace(fresh.storage.yield())
}

/** All elements of the storage: of `source` where `target` lies, and what they were elsewhere. */
function chosen(target: View, source: View): View {
  const { layout, storage, type } = target
  const moves = movesOf(layout, storage.elements)
  if (type.dtype !== F32 || moves === undefined) {
    return refuse('tensor_layout_unsupported', { dims: target.dims.join(','), write: 'partly' })
  }
  const row = contiguousLayout([storage.elements])
  const placed = moves.reduceRight(unmade(moves, row.dims), inOrder(source))
  const ones = new Float32Array(storage.elements)
  eachElement(layout, (at) => {
    ones[at] = 1
  })
  const mask = constant(storage.device, storage.type, bytesOver(ones), 'mask')
  return compute('select_f32', [mask, placed.under(row), target.under(row)])
}

/** The other way round: from the dimensions after each move to those before it. */
function unmade(
  moves: readonly Move[],
  first: readonly number[],
): (view: View, move: Move, at: number) => View {
  return (view, move, at) => {
    const before = moves[at - 1]?.dims ?? first
    switch (move.kind) {
      case 'reshape':
        return view.under(contiguousLayout(before, view.layout.offset))
      case 'slice': {
        const after = before.map(
          (size, axis) => size - (move.starts[axis] as number) - (move.dims[axis] as number),
        )
        return compute('pad_f32', [view], [...perAxis(move.starts), ...perAxis(after)])
      }
      case 'pad':
        return compute('slice_f32', [view], [...perAxis([]), ...perAxis(before)])
      case 'permute': {
        const back = move.order.map((_, axis) => move.order.indexOf(axis))
        return compute(
          'permute_f32',
          [view],
          perAxis(back, (axis) => axis),
        )
      }
      case 'expand':
        assert(false, 'a view that may be written repeats no element')
    }
  }
}

/** A tensor of these bytes in memory of the device's own. */
export function constant(device: Device, type: TensorType, bytes: Uint8Array, label: string): View {
  if (device.kind !== 'host') {
    return viewOf({ device, type, block: device.adopt(type, bytes, label), label })
  }
  const block = device.zeros(type, label)
  device.bytesOf(type, block).set(bytes)
  return viewOf({ device, type, block, label })
}

/** `value` in every element, as it is stored. */
export function filled(device: Device, type: TensorType, value: number, label: string): View {
  const tensor = emptyTensor(type)
  elementsOver(type.dtype, tensor.bytes).fill(value)
  if (type.dtype === F32) settle(tensor)
  return constant(device, type, tensor.bytes, label)
}
