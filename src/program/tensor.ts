/**
 * Tensors as bytes and as typed arrays, and the rule for every stored f32.
 *
 * Bytes are little-endian, as is every machine this runs on. A view of bytes that do not start at a
 * multiple of the element size is a copy; freshly made tensors are always aligned.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { elementBytes, elementCount, tensorBytes } from './shape.ts'
import { F32, S8, S32, type Tensor, type TensorType } from './types.ts'

const MAGNITUDE = 0x7fff_ffff
const INFINITY_BITS = 0x7f80_0000
/** The one NaN. */
export const NAN_BITS = 0x7fc0_0000
/** 2^-103: what is smaller is stored as +0. */
const STORE_BOUND_BITS = 0x0c00_0000
/** 2^-40: what is smaller counts as +0 when it is multiplied inside a fused op. */
const FLOOR_BOUND_BITS = 0x2b80_0000

/** Zeros. */
export function emptyTensor(type: TensorType): Tensor {
  return { type, bytes: new Uint8Array(tensorBytes(type)) }
}

/** @throws RefusalError tensor_length. */
export function tensorOf(type: TensorType, bytes: Uint8Array): Tensor {
  const expected = tensorBytes(type)
  if (bytes.length !== expected) refuse('tensor_length', { bytes: bytes.length, expected })
  return { type, bytes }
}

function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
}

export function words(bytes: Uint8Array): Uint32Array {
  const whole = aligned(bytes)
  return new Uint32Array(whole.buffer, whole.byteOffset, whole.byteLength >>> 2)
}

/** Raw elements, no rule applied. */
export function f32Elements(tensor: Tensor): Float32Array {
  assert(tensor.type.dtype === F32, 'an f32 op reads an f32 tensor')
  const whole = aligned(tensor.bytes)
  return new Float32Array(whole.buffer, whole.byteOffset, whole.byteLength >>> 2)
}

export function s32Elements(tensor: Tensor): Int32Array {
  assert(tensor.type.dtype === S32, 'an s32 op reads an s32 tensor')
  const whole = aligned(tensor.bytes)
  return new Int32Array(whole.buffer, whole.byteOffset, whole.byteLength >>> 2)
}

export function s8Elements(tensor: Tensor): Int8Array {
  assert(tensor.type.dtype === S8, 'an s8 op reads an s8 tensor')
  return new Int8Array(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength)
}

/** The bit pattern that the rule makes of a bit pattern. */
function ruled(bits: number, bound: number): number {
  const magnitude = bits & MAGNITUDE
  if (magnitude > INFINITY_BITS) return NAN_BITS
  return magnitude < bound ? 0 : bits
}

/** BT-Num `store` (and `load`) on a bit pattern. */
export function storedBits(bits: number): number {
  return ruled(bits, STORE_BOUND_BITS)
}

/** A copy only where a rule changes something. */
function underRule(tensor: Tensor, bound: number): Float32Array {
  const raw = words(tensor.bytes)
  let out = raw
  for (let index = 0; index < raw.length; index++) {
    const bits = raw[index] as number
    const kept = ruled(bits, bound)
    if (kept !== bits) {
      if (out === raw) out = raw.slice()
      out[index] = kept
    }
  }
  return new Float32Array(out.buffer, out.byteOffset, out.length)
}

/** Elements after BT-Num `load`. Do not write to them. */
export function loadElements(tensor: Tensor): Float32Array {
  return underRule(tensor, STORE_BOUND_BITS)
}

/** Elements after BT-Num `floor`. Do not write to them. */
export function floorElements(tensor: Tensor): Float32Array {
  return underRule(tensor, FLOOR_BOUND_BITS)
}

/** Applies BT-Num `store` to every element of a tensor just computed. */
export function settle(tensor: Tensor): void {
  const bits = words(tensor.bytes)
  for (let index = 0; index < bits.length; index++) {
    bits[index] = storedBits(bits[index] as number)
  }
}

/** Number of the first element that no op could have stored, or -1. Integers are always canonical. */
export function firstNonCanonical(tensor: Tensor): number {
  if (tensor.type.dtype !== F32) return -1
  return words(tensor.bytes).findIndex((bits) => storedBits(bits) !== bits)
}

/** Number of the first element in which two tensors of one type differ, or -1. */
export function firstDifference(type: TensorType, left: Uint8Array, right: Uint8Array): number {
  const width = elementBytes(type.dtype)
  const elements = elementCount(type.dims)
  for (let index = 0; index < elements * width; index++) {
    if (left[index] !== right[index]) return (index - (index % width)) / width
  }
  return -1
}

/** An f32 tensor from numbers, each rounded once. */
export function f32Tensor(dims: readonly number[], values: Iterable<number>): Tensor {
  const elements = Float32Array.from(values)
  return tensorOf({ dtype: F32, dims }, bytesOfArray(elements))
}

export function s8Tensor(dims: readonly number[], values: Iterable<number>): Tensor {
  return tensorOf({ dtype: S8, dims }, bytesOfArray(Int8Array.from(values)))
}

export function s32Tensor(dims: readonly number[], values: Iterable<number>): Tensor {
  return tensorOf({ dtype: S32, dims }, bytesOfArray(Int32Array.from(values)))
}

function bytesOfArray(elements: Float32Array | Int8Array | Int32Array): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}
