/** Element types by name, and the typed arrays whose elements they are. */

import { refuse } from '../base/refusal.ts'
import { elementBytes } from '../program/shape.ts'
import { type Dtype, F32, S8, S32 } from '../program/types.ts'

export type DtypeName = 'f32' | 's8' | 's32'
export type Elements = Float32Array | Int8Array | Int32Array

const CODES: ReadonlyMap<string, Dtype> = new Map([
  ['f32', F32],
  ['s8', S8],
  ['s32', S32],
])
const NAMES: ReadonlyMap<Dtype, DtypeName> = new Map([
  [F32, 'f32'],
  [S8, 's8'],
  [S32, 's32'],
])

/** @throws RefusalError tensor_dtype_unsupported */
export function dtypeCode(name: string): Dtype {
  return CODES.get(name) ?? refuse('tensor_dtype_unsupported', { dtype: String(name) })
}

export function dtypeName(dtype: Dtype): DtypeName {
  return NAMES.get(dtype) ?? refuse('tensor_dtype_unsupported', { dtype })
}

/** @throws RefusalError tensor_dtype_unsupported when no tensor has elements of this kind. */
export function dtypeOf(elements: ArrayBufferView): Dtype {
  if (elements instanceof Float32Array) return F32
  if (elements instanceof Int8Array) return S8
  if (elements instanceof Int32Array) return S32
  const kind: unknown = Object.prototype.toString.call(elements)
  return refuse('tensor_dtype_unsupported', { dtype: String(kind) })
}

/** The same memory as elements. Bytes of f32 and s32 start at a multiple of 4. */
export function elementsOver(dtype: Dtype, bytes: Uint8Array): Elements {
  const count = bytes.byteLength / elementBytes(dtype)
  if (dtype === F32) return new Float32Array(bytes.buffer, bytes.byteOffset, count)
  if (dtype === S32) return new Int32Array(bytes.buffer, bytes.byteOffset, count)
  return new Int8Array(bytes.buffer, bytes.byteOffset, count)
}

/** The same memory as bytes. */
export function bytesOver(elements: ArrayBufferView): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}

/** A fresh array of the elements of `dtype`. */
export function elementsFrom(dtype: Dtype, values: Iterable<number>): Elements {
  if (dtype === F32) return Float32Array.from(values)
  if (dtype === S32) return Int32Array.from(values)
  return Int8Array.from(values)
}
