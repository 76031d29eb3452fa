/**
 * The protobuf wire format, as far as model files use it: a message is a row of (field, value) pairs.
 *
 *     key varint = field << 3 | kind     kind 0 varint · 1 eight bytes · 2 length and bytes · 5 four bytes
 *
 * Nothing is copied and nothing recurses: a nested message is a view of bytes until somebody reads
 * it, so how deep a file nests is decided by the reader of the schema and not by the file.
 *
 * Source: the protobuf encoding guide; groups (kinds 3 and 4) are not used by ONNX and refused.
 */

import { refuse } from '../../base/refusal.ts'

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
/** A varint carries 64 bits in groups of 7. */
const VARINT_BYTES_MAX = 10
/** Names, operators and documentation; longer text is not a name. */
const TEXT_BYTES_MAX = 4096
/** Fields of one message, so that a file of empty fields is not read for minutes. */
const FIELDS_MAX = 1 << 20

/** One field of a message; exactly one of the values is meaningful, by `kind`. */
export interface Field {
  readonly message: string
  readonly number: number
  readonly kind: number
  /** Kind 0: the 64 bits, unsigned. */
  readonly bits: bigint
  /** Kinds 1, 2 and 5: the bytes of the value. */
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)

interface Cursor {
  readonly bytes: Uint8Array
  offset: number
}

/**
 * The fields of one message, in order.
 * @param message its name, for refusals
 * @throws RefusalError protobuf_malformed, protobuf_field_repeated
 */
export function* fieldsOf(message: string, bytes: Uint8Array): Generator<Field> {
  const cursor: Cursor = { bytes, offset: 0 }
  for (let count = 0; cursor.offset < bytes.length; count++) {
    if (count >= FIELDS_MAX) refuse('protobuf_field_repeated', { message, most: FIELDS_MAX })
    yield nextField(message, cursor)
  }
}

function nextField(message: string, cursor: Cursor): Field {
  const key = readVarint(message, cursor)
  const number = Number(key >> 3n)
  const kind = Number(key & 7n)
  if (number < 1 || number > 0x1fff_ffff) malformed(message, cursor, 'a field number')
  const field = { message, number, kind, bits: 0n, bytes: NOTHING }
  switch (kind) {
    case VARINT:
      return { ...field, bits: readVarint(message, cursor) }
    case FIXED64:
      return { ...field, bytes: take(message, cursor, 8n) }
    case BYTES:
      return { ...field, bytes: take(message, cursor, readVarint(message, cursor)) }
    case FIXED32:
      return { ...field, bytes: take(message, cursor, 4n) }
    default:
      return malformed(message, cursor, 'a wire kind')
  }
}

function readVarint(message: string, cursor: Cursor): bigint {
  // Nearly all are short, and small numbers are much faster than big ones.
  let low = 0
  for (let index = 0; index < 4; index++) {
    const byte = nextByte(message, cursor)
    low += (byte & 0x7f) * (1 << (7 * index))
    if (byte < 0x80) return BigInt(low)
  }
  let value = BigInt(low)
  for (let index = 4; index < VARINT_BYTES_MAX; index++) {
    const byte = nextByte(message, cursor)
    value |= BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
  return malformed(message, cursor, 'a varint')
}

function nextByte(message: string, cursor: Cursor): number {
  const byte = cursor.bytes[cursor.offset]
  if (byte === undefined) return malformed(message, cursor, 'the end')
  cursor.offset++
  return byte
}

function take(message: string, cursor: Cursor, length: bigint): Uint8Array {
  const left = cursor.bytes.length - cursor.offset
  if (length > BigInt(left)) malformed(message, cursor, 'a length')
  const start = cursor.offset
  cursor.offset += Number(length)
  return cursor.bytes.subarray(start, cursor.offset)
}

function malformed(message: string, { offset }: Cursor, what: string): never {
  return refuse('protobuf_malformed', { message, offset, what })
}

function wrongKind(field: Field): never {
  return refuse('protobuf_malformed', {
    message: field.message,
    field: field.number,
    what: `wire kind ${field.kind}`,
  })
}

/** The bytes of a nested message, a string or raw data. @throws RefusalError protobuf_malformed */
export function bytesIn(field: Field): Uint8Array {
  return field.kind === BYTES ? field.bytes : wrongKind(field)
}

/** @throws RefusalError protobuf_malformed, protobuf_text_long */
export function textIn(field: Field): string {
  const bytes = bytesIn(field)
  if (bytes.length > TEXT_BYTES_MAX) {
    const { message, number } = field
    refuse('protobuf_text_long', { message, field: number, bytes: bytes.length })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse('protobuf_malformed', {
      message: field.message,
      field: field.number,
      what: 'UTF-8',
    })
  }
}

/** A signed 64-bit integer. @throws RefusalError protobuf_malformed */
export function intIn(field: Field): bigint {
  return field.kind === VARINT ? BigInt.asIntN(64, field.bits) : wrongKind(field)
}

/** A single float. @throws RefusalError protobuf_malformed */
export function floatIn(field: Field): number {
  return field.kind === FIXED32 ? dataView(field.bytes).getFloat32(0, true) : wrongKind(field)
}

/** A repeated integer, packed or one of many: appended to `into`. @throws RefusalError */
export function intsIn(field: Field, into: bigint[], most: number): void {
  if (field.kind === VARINT) {
    into.push(intIn(field))
  } else {
    const cursor: Cursor = { bytes: bytesIn(field), offset: 0 }
    while (cursor.offset < cursor.bytes.length && into.length <= most) {
      into.push(BigInt.asIntN(64, readVarint(field.message, cursor)))
    }
  }
  const { message, number } = field
  if (into.length > most) refuse('protobuf_field_repeated', { message, field: number, most })
}

/**
 * The bytes of a repeated float (width 4) or double (width 8): all of them packed, or one of many.
 * @throws RefusalError protobuf_malformed
 */
export function fixedIn(field: Field, width: 4 | 8): Uint8Array {
  if (field.kind === (width === 4 ? FIXED32 : FIXED64)) return field.bytes
  const bytes = bytesIn(field)
  return bytes.length % width === 0 ? bytes : wrongKind(field)
}

function dataView({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
