/**
 * safetensors: named tensors in one file.
 *
 *     u64 length of the header | header, JSON | data
 *     header  { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, ... }
 *
 * Tensors lie end to end in the order of the header and fill the data. A gap, an overlap or another
 * order is refused, so a file has no bytes that no tensor shows.
 *
 * Source: the safetensors format description; the strictness is ours.
 */

import { concatBytes, u64Bytes, utf8 } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { TENSOR_ELEMENTS_MAX } from '../program/shape.ts'
import { HeaderReader } from './header-reader.ts'
import { brainsToF32, doublesToF32, halvesToF32, singlesToF32 } from './numbers.ts'

/** The largest file that is read. */
export const SAFETENSORS_BYTES_MAX: number = 2 * 1024 * 1024 * 1024
const HEADER_BYTES_MAX: number = 16 * 1024 * 1024
const TENSORS_MAX = 65_536
const NAME_LENGTH_MAX = 4_096
const LENGTH_BYTES = 8

/** Bytes of an element. */
const WIDTHS: ReadonlyMap<string, number> = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I32', 4],
  ['I8', 1],
  ['U8', 1],
])

export interface NamedTensor {
  readonly name: string
  /** F64, F32, F16, BF16, I32, I8 or U8. */
  readonly dtype: string
  readonly dims: readonly number[]
  readonly bytes: Uint8Array
}

/**
 * The tensors of a file; their bytes are views of it.
 * @throws RefusalError safetensors_oversized | safetensors_malformed | safetensors_dtype_unknown |
 *   safetensors_offsets | safetensors_name_repeated, with the tensor in its facts
 */
export function readSafetensors(file: Uint8Array): NamedTensor[] {
  if (file.length > SAFETENSORS_BYTES_MAX) {
    refuse('safetensors_oversized', { bytes: file.length, bytesMax: SAFETENSORS_BYTES_MAX })
  }
  const header = headerOf(file)
  const data = file.subarray(LENGTH_BYTES + header.length)
  const tensors: NamedTensor[] = []
  const names = new Set<string>()
  let end = 0
  for (const entry of new HeaderReader(header).entries()) {
    const { name } = entry
    if (names.has(name)) refuse('safetensors_name_repeated', { tensor: name })
    names.add(name)
    if (name.length > NAME_LENGTH_MAX || names.size > TENSORS_MAX) {
      refuse('safetensors_oversized', { tensors: names.size, name: name.length })
    }
    tensors.push(tensorOf(entry, data, end))
    end = entry.end
  }
  if (end !== data.length) refuse('safetensors_offsets', { end, bytes: data.length })
  return tensors
}

function headerOf(file: Uint8Array): Uint8Array {
  if (file.length < LENGTH_BYTES) refuse('safetensors_malformed', { bytes: file.length })
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > BigInt(HEADER_BYTES_MAX)) {
    refuse('safetensors_oversized', { header: length, headerMax: HEADER_BYTES_MAX })
  }
  const left = file.length - LENGTH_BYTES
  if (length > BigInt(left)) refuse('safetensors_malformed', { header: length, bytes: left })
  return file.subarray(LENGTH_BYTES, LENGTH_BYTES + Number(length))
}

/** What the header says of one tensor. */
interface Entry {
  readonly name: string
  readonly dtype: string
  readonly dims: readonly number[]
  readonly start: number
  readonly end: number
}

function tensorOf(entry: Entry, data: Uint8Array, from: number): NamedTensor {
  const { name, dtype, dims, start, end } = entry
  const width = WIDTHS.get(dtype)
  if (width === undefined) return refuse('safetensors_dtype_unknown', { tensor: name, dtype })
  if (start !== from || end < start || end > data.length) {
    refuse('safetensors_offsets', { tensor: name, start, end, expected: from, bytes: data.length })
  }
  let elements = 1
  for (const size of dims) {
    elements *= size
    if (elements > TENSOR_ELEMENTS_MAX) refuse('shape_overflow', { tensor: name })
  }
  if (elements * width !== end - start) {
    const wanted = elements * width
    refuse('safetensors_offsets', { tensor: name, bytes: end - start, wanted })
  }
  return { name, dtype, dims, bytes: data.subarray(start, end) }
}

/** The elements of a tensor of floats as f32; undefined for integers. */
export function floatsOf({ dtype, bytes }: NamedTensor): Float32Array | undefined {
  switch (dtype) {
    case 'F32':
      return singlesToF32(bytes)
    case 'F16':
      return halvesToF32(bytes)
    case 'BF16':
      return brainsToF32(bytes)
    case 'F64':
      return doublesToF32(bytes)
    default:
      return undefined
  }
}

/** A file of these tensors, in this order; the data begins at a multiple of eight bytes. */
export function writeSafetensors(tensors: readonly NamedTensor[]): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, dtype, dims, bytes }) => {
    const start = end
    end += bytes.length
    const fields = { dtype, shape: dims, data_offsets: [start, end] }
    return `${JSON.stringify(name)}:${JSON.stringify(fields)}`
  })
  const header = utf8(`{${entries.join()}}`)
  const padding = utf8(' '.repeat((LENGTH_BYTES - (header.length % LENGTH_BYTES)) % LENGTH_BYTES))
  const length = u64Bytes(BigInt(header.length + padding.length))
  return concatBytes(length, header, padding, ...tensors.map(({ bytes }) => bytes))
}
