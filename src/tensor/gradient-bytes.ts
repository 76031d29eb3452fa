/**
 * Gradients as bytes, with a digest for each group of parameters.
 *
 *   "BTGR" | u32 header length | header | elements of all tensors, group by group
 *
 * The header is the SSZ encoding of `HeaderCodec`; all is little-endian. Groups stand in ascending
 * order of their names. The digest of a group is that of its tensor, or BLAKE3 of the joined digests
 * of several. A set of gradients has one encoding: elements are f32 as ops store them, and nothing
 * follows the last. Its digest, BLAKE3 of the bytes, may stand in a receipt or a log.
 */

import { compareBytes, concatBytes, equalBytes, u32Bytes, utf8 } from '../base/bytes.ts'
import {
  byteList,
  bytes32,
  type Codec,
  container,
  decode,
  encode,
  list,
  u16,
} from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import { outputDigest, tensorDigest } from '../program/digest.ts'
import { TensorTypeCodec } from '../program/ir.ts'
import { checkType, tensorBytes } from '../program/shape.ts'
import { firstNonCanonical } from '../program/tensor.ts'
import { type Tensor as Bytes, F32, type TensorType } from '../program/types.ts'
import { bytesOf } from './compute.ts'
import { Tensor } from './tensor.ts'

export const GROUPS_MAX = 1024
export const GROUP_TENSORS_MAX = 64
export const GROUP_NAME_BYTES_MAX = 128
/** Of one serialisation: 2 GiB. */
export const GRADIENT_BYTES_MAX: number = 2 * 1024 * 1024 * 1024
const FORMAT_VERSION = 1
const MAGIC: Uint8Array = utf8('BTGR')
const PREFIX_BYTES = 8
const NAME = /^[A-Za-z0-9._/-]+$/

interface GroupHeader {
  readonly name: Uint8Array
  readonly tensors: readonly TensorType[]
  readonly digest: Uint8Array
}

interface Header {
  readonly version: number
  readonly groups: readonly GroupHeader[]
}

export const HeaderCodec: Codec<Header> = container({
  version: u16,
  groups: list(
    container({
      name: byteList(GROUP_NAME_BYTES_MAX),
      tensors: list(TensorTypeCodec, GROUP_TENSORS_MAX),
      digest: bytes32,
    }),
    GROUPS_MAX,
  ),
})

/** The gradients of one group of parameters. */
export interface GradientGroup {
  readonly name: string
  readonly tensors: readonly Float32Array[]
  readonly dims: readonly (readonly number[])[]
  readonly digest: Uint8Array
}

/** Parameters by group, as they are; those without a gradient have zeros. */
export type ParameterGroups = Readonly<Record<string, Tensor | readonly Tensor[]>>

/**
 * The gradients of these parameters.
 * @throws RefusalError gradients_malformed when a name or a number of tensors is out of bounds
 */
export function serialiseGradients(groups: ParameterGroups): Uint8Array {
  const named = Object.entries(groups)
    .map(([name, own]) => ({ name: utf8(name), tensors: gradientsOf(own) }))
    .sort((left, right) => compareBytes(left.name, right.name))
  const header = {
    version: FORMAT_VERSION,
    groups: named.map(({ name, tensors }) => ({
      name,
      tensors: tensors.map(({ type }) => type),
      digest: groupDigest(tensors),
    })),
  }
  checkHeader(header)
  const encoded = encode(HeaderCodec, header)
  const elements = named.flatMap(({ tensors }) => tensors.map(({ bytes }) => bytes))
  return concatBytes(MAGIC, u32Bytes(encoded.length), encoded, ...elements)
}

function gradientsOf(own: Tensor | readonly Tensor[]): Bytes[] {
  const parameters = own instanceof Tensor ? [own] : own
  return parameters.map((parameter) => {
    const { inner } = parameter.grad ?? parameter.zerosLike()
    return { type: inner.type, bytes: bytesOf(inner) }
  })
}

function groupDigest(tensors: readonly Bytes[]): Uint8Array {
  if (tensors.length === 0) malformed('a group has no tensor')
  return outputDigest(tensors.map(({ bytes }) => tensorDigest(bytes)))
}

/**
 * Reads what anybody may have written.
 * @throws RefusalError gradients_malformed | gradients_digest_mismatch, and the codes of the codec
 */
export function parseGradients(bytes: Uint8Array): GradientGroup[] {
  if (bytes.length < PREFIX_BYTES || !equalBytes(bytes.slice(0, 4), MAGIC)) malformed('no header')
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
  if (length > bytes.length - PREFIX_BYTES) malformed('the header is cut off')
  const header = decode(HeaderCodec, bytes.slice(PREFIX_BYTES, PREFIX_BYTES + length))
  checkHeader(header)
  const wanted = header.groups.flatMap(({ tensors }) => tensors.map(tensorBytes))
  const sum = wanted.reduce((total, each) => total + each, PREFIX_BYTES + length)
  if (sum !== bytes.length) malformed('the elements have another length')
  let at = PREFIX_BYTES + length
  return header.groups.map(({ name, tensors, digest }) => {
    const read = tensors.map((type): Bytes => {
      const own = bytes.slice(at, at + tensorBytes(type))
      at += own.length
      return { type, bytes: own }
    })
    return readGroup(name, read, digest)
  })
}

function readGroup(name: Uint8Array, tensors: readonly Bytes[], digest: Uint8Array): GradientGroup {
  const text = String.fromCharCode(...name)
  if (!equalBytes(groupDigest(tensors), digest)) {
    refuse('gradients_digest_mismatch', { group: text })
  }
  const foreign = tensors.findIndex((tensor) => firstNonCanonical(tensor) >= 0)
  if (foreign >= 0) malformed('an element is not one that an op stores')
  return {
    name: text,
    tensors: tensors.map(({ bytes }) => new Float32Array(bytes.buffer)),
    dims: tensors.map(({ type }) => type.dims),
    digest,
  }
}

function checkHeader({ version, groups }: Header): void {
  if (version !== FORMAT_VERSION) malformed('another version')
  if (groups.length === 0 || groups.length > GROUPS_MAX) malformed('no group, or too many')
  groups.forEach(({ name }, index) => {
    checkName(name)
    const before = groups[index - 1]?.name
    if (before !== undefined && compareBytes(before, name) >= 0)
      malformed('groups are not in order')
  })
  const sum = groups.reduce((total, { tensors }) => total + groupBytes(tensors), 0)
  if (sum > GRADIENT_BYTES_MAX) malformed('too many elements')
}

function checkName(name: Uint8Array): void {
  const isWord = NAME.test(String.fromCharCode(...name.subarray(0, GROUP_NAME_BYTES_MAX)))
  if (name.length > GROUP_NAME_BYTES_MAX || !isWord) malformed('a name is not a word')
}

function groupBytes(tensors: readonly TensorType[]): number {
  if (tensors.length === 0 || tensors.length > GROUP_TENSORS_MAX) {
    malformed('a group has no tensor, or too many')
  }
  return tensors.reduce((sum, type) => {
    checkType(type)
    return type.dtype === F32 ? sum + tensorBytes(type) : malformed('a gradient is not f32')
  }, 0)
}

function malformed(reason: string): never {
  return refuse('gradients_malformed', { reason })
}
