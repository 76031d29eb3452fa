/**
 * Arrays of samples in the formats that data sets come in.
 *
 *   .npy   magic, version, header of text, elements; C order, little-endian numbers
 *   IDX    two zeros, a type, a rank, sizes in big-endian, elements; bytes or big-endian f32
 *   raw    f32 or, for inputs of whole numbers, s32, little-endian
 *
 * Source: the format description of NumPy; the page of the MNIST database for IDX.
 */

import { refuse } from '../base/refusal.ts'
import { elementCount, TENSOR_ELEMENTS_MAX } from '../program/shape.ts'

export interface SampleArray {
  /** Bytes come as pictures do: 0 to 255. */
  readonly kind: 'floats' | 'integers' | 'bytes'
  readonly dims: readonly number[]
  readonly values: Float64Array
}

const NPY_MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
const IDX_BYTES = 0x08
const IDX_FLOATS = 0x0d
const RANK_MAX = 8

interface ElementKind {
  readonly width: number
  readonly kind: SampleArray['kind']
  readonly read: (view: DataView, offset: number) => number
}

const NPY_KINDS: ReadonlyMap<string, ElementKind> = new Map<string, ElementKind>([
  ['<f4', { width: 4, kind: 'floats', read: (view, at) => view.getFloat32(at, true) }],
  ['<f8', { width: 8, kind: 'floats', read: (view, at) => view.getFloat64(at, true) }],
  ['|u1', { width: 1, kind: 'bytes', read: (view, at) => view.getUint8(at) }],
  ['|i1', { width: 1, kind: 'integers', read: (view, at) => view.getInt8(at) }],
  ['<i2', { width: 2, kind: 'integers', read: (view, at) => view.getInt16(at, true) }],
  ['<i4', { width: 4, kind: 'integers', read: (view, at) => view.getInt32(at, true) }],
  ['<i8', { width: 8, kind: 'integers', read: (view, at) => Number(view.getBigInt64(at, true)) }],
])
const RAW_FLOATS = NPY_KINDS.get('<f4') as ElementKind
const RAW_INTEGERS = NPY_KINDS.get('<i4') as ElementKind
const IDX_KINDS: ReadonlyMap<number, ElementKind> = new Map<number, ElementKind>([
  [IDX_BYTES, { width: 1, kind: 'bytes', read: (view, at) => view.getUint8(at) }],
  [IDX_FLOATS, { width: 4, kind: 'floats', read: (view, at) => view.getFloat32(at) }],
])

/**
 * @param isWhole whether raw bytes are s32
 * @throws RefusalError array_malformed
 */
export function readArray(bytes: Uint8Array, isWhole: boolean): SampleArray {
  if (NPY_MAGIC.every((byte, index) => bytes[index] === byte)) return readNpy(bytes)
  const idx = readIdx(bytes)
  if (idx !== undefined) return idx
  const kind = isWhole ? RAW_INTEGERS : RAW_FLOATS
  if (bytes.length % kind.width !== 0) refuse('array_malformed', { bytes: bytes.length })
  return elements(bytes, 0, [bytes.length / kind.width], kind)
}

function elements(
  bytes: Uint8Array,
  start: number,
  dims: readonly number[],
  { width, kind, read }: ElementKind,
): SampleArray {
  const count = elementCount(dims)
  if (count > TENSOR_ELEMENTS_MAX || bytes.length - start !== count * width) {
    refuse('array_malformed', { dims: dims.join(), bytes: bytes.length - start })
  }
  const view = viewOf(bytes)
  const values = new Float64Array(count)
  for (let index = 0; index < count; index++) values[index] = read(view, start + index * width)
  return { kind, dims, values }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function readNpy(bytes: Uint8Array): SampleArray {
  const version = bytes[6] ?? 0
  const lengthBytes = version === 1 ? 2 : 4
  const start = 8 + lengthBytes
  if (bytes.length < start) return refuse('array_malformed', { bytes: bytes.length })
  const view = viewOf(bytes)
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const header = new TextDecoder().decode(bytes.subarray(start, start + length))
  const descr = /'descr':\s*'([^']{1,8})'/.exec(header)?.[1] ?? ''
  const isRowMajor = /'fortran_order':\s*False/.test(header)
  const shape = /'shape':\s*\(([\d, ]*)\)/.exec(header)?.[1]
  const kind = NPY_KINDS.get(descr)
  if (kind === undefined || shape === undefined || !isRowMajor) {
    return refuse('array_malformed', { descr, rowMajor: isRowMajor })
  }
  const dims = shape
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number)
  return elements(bytes, start + length, dims, kind)
}

/** undefined when the sizes do not fit the bytes: raw elements may begin with anything. */
function readIdx(bytes: Uint8Array): SampleArray | undefined {
  const [zero, alsoZero, type, rank] = bytes
  const kind = IDX_KINDS.get(type ?? 0)
  if (zero !== 0 || alsoZero !== 0 || kind === undefined || rank === undefined) return undefined
  const start = 4 + 4 * rank
  if (rank < 1 || rank > RANK_MAX || bytes.length < start) return undefined
  const view = viewOf(bytes)
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  if (elementCount(dims) * kind.width !== bytes.length - start) return undefined
  return elements(bytes, start, dims, kind)
}
