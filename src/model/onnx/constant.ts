/**
 * Constants of a model: floats as f32, all whole numbers and truth values as exact doubles.
 *
 * The doubles hold every s32 exactly. The few larger numbers that exporters write (`2^63 - 1` as
 * "to the end") are rounded, which no user of them can tell.
 */

import { refuse } from '../../base/refusal.ts'
import { elementCount, TENSOR_ELEMENTS_MAX } from '../../program/shape.ts'
import { brainsToF32, doublesToF32, halvesToF32, singlesToF32 } from '../numbers.ts'
import type { OnnxDtype, OnnxTensor } from './schema.ts'

/** Element types of the ONNX schema that are read. */
export const ONNX = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const

const NAMES: ReadonlyMap<OnnxDtype, string> = new Map(
  Object.entries(ONNX).map(([name, dtype]) => [dtype, name]),
)

export interface FloatConstant {
  readonly kind: 'floats'
  readonly dims: readonly number[]
  readonly values: Float32Array
  /** The type in the file when it was another one than f32. */
  readonly from: string | undefined
}

export interface IntConstant {
  readonly kind: 'ints'
  /** int8, uint8, bool, int32, int64 or one of the other integers. */
  readonly dtype: OnnxDtype
  readonly dims: readonly number[]
  readonly values: Float64Array
}

export function dtypeName(dtype: OnnxDtype): string {
  return NAMES.get(dtype) ?? String(dtype)
}

export function isFloat(dtype: OnnxDtype): boolean {
  return [ONNX.float, ONNX.float16, ONNX.double, ONNX.bfloat16].some((known) => known === dtype)
}

export function ints(values: Iterable<number>, dims: readonly number[]): IntConstant {
  return { kind: 'ints', dtype: ONNX.int64, dims, values: Float64Array.from(values) }
}

/**
 * @param name for refusals
 * @throws RefusalError onnx_external_data | onnx_dtype_unsupported | onnx_tensor_malformed
 */
export function decodeConstant(tensor: OnnxTensor, name: string): FloatConstant | IntConstant {
  const { dtype } = tensor
  if (tensor.isExternal) refuse('onnx_external_data', { tensor: name })
  const dims = dimsOf(tensor, name)
  const isKnown = NAMES.has(dtype)
  if (!isKnown) refuse('onnx_dtype_unsupported', { tensor: name, dtype: dtypeName(dtype) })
  if (!isFloat(dtype)) return { kind: 'ints', dtype, dims, values: intValues(tensor, name, dims) }
  const values = floatValues(tensor, name, dims)
  const from = dtype === ONNX.float ? undefined : dtypeName(dtype)
  return { kind: 'floats', dims, values, from }
}

function dimsOf(tensor: OnnxTensor, name: string): number[] {
  let elements = 1
  return tensor.dims.map((dim) => {
    if (dim < 0n || dim > BigInt(TENSOR_ELEMENTS_MAX)) malformed(name, `a size of ${dim}`)
    elements *= Number(dim)
    if (elements > TENSOR_ELEMENTS_MAX) refuse('shape_overflow', { tensor: name })
    return Number(dim)
  })
}

function malformed(tensor: string, what: string): never {
  return refuse('onnx_tensor_malformed', { tensor, what })
}

function checked<Values extends { readonly length: number }>(
  values: Values,
  name: string,
  dims: readonly number[],
): Values {
  const wanted = elementCount(dims)
  if (values.length !== wanted) malformed(name, `${values.length} elements instead of ${wanted}`)
  return values
}

/** Bytes per element of the raw form. */
const WIDTHS: ReadonlyMap<OnnxDtype, number> = new Map<OnnxDtype, number>([
  [ONNX.float, 4],
  [ONNX.uint8, 1],
  [ONNX.int8, 1],
  [ONNX.bool, 1],
  [ONNX.uint16, 2],
  [ONNX.int16, 2],
  [ONNX.float16, 2],
  [ONNX.bfloat16, 2],
  [ONNX.int32, 4],
  [ONNX.uint32, 4],
  [ONNX.int64, 8],
  [ONNX.uint64, 8],
  [ONNX.double, 8],
])

function rawOf({ dtype, raw }: OnnxTensor, name: string, dims: readonly number[]): Uint8Array {
  const wanted = elementCount(dims) * (WIDTHS.get(dtype) as number)
  if (raw.length !== wanted) malformed(name, `${raw.length} bytes instead of ${wanted}`)
  return raw
}

function floatValues(tensor: OnnxTensor, name: string, dims: readonly number[]): Float32Array {
  const { dtype, raw, floats, doubles, ints: words } = tensor
  const isRaw = raw.length > 0
  if (dtype === ONNX.float) {
    return checked(singlesToF32(isRaw ? rawOf(tensor, name, dims) : floats), name, dims)
  }
  if (dtype === ONNX.double) {
    return checked(doublesToF32(isRaw ? rawOf(tensor, name, dims) : doubles), name, dims)
  }
  // Halves that are not raw stand as bit patterns among the integers.
  const bits = isRaw ? rawOf(tensor, name, dims) : bitsOf(words)
  return checked(dtype === ONNX.float16 ? halvesToF32(bits) : brainsToF32(bits), name, dims)
}

function bitsOf(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(2 * words.length)
  const view = new DataView(bytes.buffer)
  words.forEach((word, index) => {
    view.setUint16(2 * index, Number(BigInt.asUintN(16, word)), true)
  })
  return bytes
}

function intValues(tensor: OnnxTensor, name: string, dims: readonly number[]): Float64Array {
  const { dtype, raw, ints: words } = tensor
  if (raw.length === 0) return checked(Float64Array.from(words, Number), name, dims)
  const bytes = rawOf(tensor, name, dims)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = WIDTHS.get(dtype) as number
  const length = bytes.length / width
  return Float64Array.from({ length }, (_, index) => readInt(view, index * width, dtype))
}

function readInt(view: DataView, offset: number, dtype: OnnxDtype): number {
  switch (dtype) {
    case ONNX.int8:
      return view.getInt8(offset)
    case ONNX.uint8:
      return view.getUint8(offset)
    case ONNX.bool:
      return view.getUint8(offset) === 0 ? 0 : 1
    case ONNX.int16:
      return view.getInt16(offset, true)
    case ONNX.uint16:
      return view.getUint16(offset, true)
    case ONNX.int32:
      return view.getInt32(offset, true)
    case ONNX.uint32:
      return view.getUint32(offset, true)
    case ONNX.int64:
      return Number(view.getBigInt64(offset, true))
    default:
      return Number(view.getBigUint64(offset, true))
  }
}
