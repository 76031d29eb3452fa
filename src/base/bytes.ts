/** Byte strings: hexadecimal, comparison, joining. */

import { refuse } from './refusal.ts'

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)

/** Lower-case hexadecimal, two digits a byte, no prefix. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte] as string
  return hex
}

/** @throws RefusalError hex_malformed unless `hex` is lower-case hexadecimal of `width` bytes. */
export function fromHex(hex: string, width?: number): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex) || (width !== undefined && hex.length !== 2 * width)) {
    refuse('hex_malformed', { digits: hex.length, width: width ?? 'any' })
  }
  const bytes = new Uint8Array(hex.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16)
  }
  return bytes
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareBytes(left, right) === 0
}

/** Lexicographic order; a prefix sorts before what it begins. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let index = 0; index < shared; index++) {
    const difference = (left[index] as number) - (right[index] as number)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Little-endian, 8 bytes: the order SSZ uses. */
export function u64Bytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

/** Little-endian, 4 bytes. */
export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

export const ZERO_32: Uint8Array = new Uint8Array(32)
