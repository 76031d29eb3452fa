/**
 * SSZ made strict: exactly one encoding of a value, limits before allocation, ranges before bytes.
 *
 * The library wraps numbers, pads byte strings and reads past ends without a word, so every schema
 * carries its own check for encoding, and decoding re-encodes and compares.
 *
 * Source: ethereum/consensus-specs ssz/simple-serialize.md; optionals as EIP-6475.
 */

import {
  BooleanType,
  ByteListType,
  ByteVectorType,
  ContainerType,
  isCompositeType,
  ListBasicType,
  ListCompositeType,
  OptionalType,
  type Type,
  UintBigintType,
  UintNumberType,
} from '@chainsafe/ssz'

import { assert } from './assert.ts'
import { equalBytes } from './bytes.ts'
import { RefusalError, refuse } from './refusal.ts'

/** A schema: how a value of `Value` is checked, encoded, decoded and hashed. */
export interface Codec<Value> {
  readonly ssz: Type<unknown>
  /** Longest encoding, bytes. */
  readonly bytesMax: number
  /** Asserts that `value` has exactly one encoding; `path` names the field in the message. */
  readonly check: (value: Value, path: string) => void
}

export type Decoded<Schema> = Schema extends Codec<infer Value> ? Value : never

/** @throws InvariantError when a field is out of range: encoding what cannot be sent is our bug. */
export function encode<Value>(codec: Codec<Value>, value: Value): Uint8Array {
  codec.check(value, 'value')
  return codec.ssz.serialize(value)
}

/** @throws RefusalError codec_oversized | codec_malformed | codec_not_canonical. */
export function decode<Value>(codec: Codec<Value>, bytes: Uint8Array): Value {
  if (bytes.length > codec.bytesMax) {
    refuse('codec_oversized', { bytes: bytes.length, bytesMax: codec.bytesMax })
  }
  const value = parse(codec, bytes)
  if (!equalBytes(codec.ssz.serialize(value), bytes)) {
    refuse('codec_not_canonical', { bytes: bytes.length })
  }
  return value
}

/** hash_tree_root of a value. */
export function hashTreeRoot<Value>(codec: Codec<Value>, value: Value): Uint8Array {
  codec.check(value, 'value')
  return codec.ssz.hashTreeRoot(value)
}

function parse<Value>(codec: Codec<Value>, bytes: Uint8Array): Value {
  try {
    const value = codec.ssz.deserialize(bytes) as Value
    codec.check(value, 'value')
    return value
  } catch (error) {
    if (error instanceof RefusalError) throw error
    return refuse('codec_malformed', { reason: String((error as Error).message).slice(0, 160) })
  }
}

function uint(bytes: 1 | 2 | 4): Codec<number> {
  const limit = [0, 0x100, 0x1_0000, 0, 0x1_0000_0000][bytes] as number
  return {
    ssz: new UintNumberType(bytes),
    bytesMax: bytes,
    check: (value, path) =>
      assert(Number.isInteger(value) && value >= 0 && value < limit, `${path} fits u${8 * bytes}`),
  }
}

function bigUint(bytes: 8 | 16): Codec<bigint> {
  const limit = 1n << BigInt(8 * bytes)
  return {
    ssz: new UintBigintType(bytes),
    bytesMax: bytes,
    check: (value, path) =>
      assert(
        typeof value === 'bigint' && value >= 0n && value < limit,
        `${path} fits u${8 * bytes}`,
      ),
  }
}

export const u8: Codec<number> = uint(1)
export const u16: Codec<number> = uint(2)
export const u32: Codec<number> = uint(4)
export const u64: Codec<bigint> = bigUint(8)
export const u128: Codec<bigint> = bigUint(16)

export const bool: Codec<boolean> = {
  ssz: new BooleanType(),
  bytesMax: 1,
  check: (value, path) => assert(typeof value === 'boolean', `${path} is true or false`),
}

/** A byte string of known width. */
export function bytesOf(width: number): Codec<Uint8Array> {
  return {
    ssz: new ByteVectorType(width),
    bytesMax: width,
    check: (value, path) =>
      assert(value instanceof Uint8Array && value.length === width, `${path} is ${width} bytes`),
  }
}

export const bytes32: Codec<Uint8Array> = bytesOf(32)
export const bytes64: Codec<Uint8Array> = bytesOf(64)

/** A byte string of at most `bytesMax` bytes. */
export function byteList(bytesMax: number): Codec<Uint8Array> {
  return {
    ssz: new ByteListType(bytesMax),
    bytesMax,
    check: (value, path) =>
      assert(
        value instanceof Uint8Array && value.length <= bytesMax,
        `${path} is at most ${bytesMax} bytes`,
      ),
  }
}

/** At most `countMax` elements. */
export function list<Value>(element: Codec<Value>, countMax: number): Codec<readonly Value[]> {
  const inner = element.ssz
  const ssz: Type<unknown> = isCompositeType(inner)
    ? new ListCompositeType(inner, countMax)
    : new ListBasicType(inner as never, countMax)
  const offset = inner.fixedSize === null ? 4 : 0
  return {
    ssz,
    bytesMax: countMax * (element.bytesMax + offset),
    check: (value, path) => {
      assert(value.length <= countMax, `${path} has at most ${countMax} elements`)
      value.forEach((entry, index) => {
        element.check(entry, `${path}[${index}]`)
      })
    },
  }
}

/** A value or nothing; one selector byte. */
export function optional<Value>(element: Codec<Value>): Codec<Value | null> {
  // The library's optional takes composite elements only; a list of at most one is the same idea.
  if (!isCompositeType(element.ssz)) {
    assert(false, 'an optional holds a composite element')
  }
  return {
    ssz: new OptionalType(element.ssz as never),
    bytesMax: element.bytesMax + 1,
    check: (value, path) => {
      if (value !== null) element.check(value, path)
    },
  }
}

type Fields = Readonly<Record<string, Codec<never>>>
type Shape<F> = { readonly [K in keyof F]: F[K] extends Codec<infer Value> ? Value : never }

/** Fields in the order written, encoded in that order. */
export function container<F extends { readonly [K in keyof F]: Codec<never> | Codec<unknown> }>(
  fields: F,
): Codec<Shape<F>> {
  const entries = Object.entries(fields as unknown as Fields)
  const ssz = new ContainerType(
    Object.fromEntries(entries.map(([name, codec]) => [name, codec.ssz])) as never,
  ) as unknown as Type<unknown>
  const bytesMax = entries.reduce(
    (sum, [, codec]) => sum + codec.bytesMax + (codec.ssz.fixedSize === null ? 4 : 0),
    0,
  )
  return {
    ssz,
    bytesMax,
    check: (value, path) => {
      for (const [name, codec] of entries) {
        codec.check((value as Record<string, never>)[name] as never, `${path}.${name}`)
      }
    },
  }
}
