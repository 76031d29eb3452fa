/**
 * One entry of the determinism lab log: its fields, and the encoding that the chain hashes.
 *
 * Source: docs/reference/lab-log.md, section 2.
 */

import {
  bool,
  byteList,
  bytes32,
  container,
  type Decoded,
  list,
  optional,
  u8,
  u16,
  u32,
  u64,
} from '../base/codec.ts'
import { INPUTS_MAX, OPS_MAX, OUTPUTS_MAX } from '../program/ir.ts'

/** What an entry is about: one program, or all golden vectors of one op. */
export const COVERS = ['program', 'vectors'] as const

export const NAME_BYTES_MAX = 64
export const TEXT_BYTES_MAX = 128

/** What computed. */
const LabFabricCodec = container({
  name: byteList(NAME_BYTES_MAX),
  version: byteList(NAME_BYTES_MAX),
  isa: byteList(NAME_BYTES_MAX),
  device: byteList(TEXT_BYTES_MAX),
  vendor: byteList(TEXT_BYTES_MAX),
  driver: byteList(TEXT_BYTES_MAX),
  /** Of the fabric; zero for the loops of the specification. */
  kernelDigest: bytes32,
})

/** Where it computed. */
const LabMachineCodec = container({
  system: byteList(TEXT_BYTES_MAX),
  processor: byteList(TEXT_BYTES_MAX),
  cores: u32,
  memoryBytes: u64,
  /** The version of Node. */
  runtime: byteList(NAME_BYTES_MAX),
})

export const LabEntryCodec = container({
  name: byteList(NAME_BYTES_MAX),
  /** Index into COVERS. */
  covers: u8,
  /** Of the program; of vectors, BLAKE3 of the joined digests of their programs. */
  program: bytes32,
  /** BLAKE3 of each input; of vectors, one digest of the joined digests of all operands. */
  inputs: list(bytes32, INPUTS_MAX),
  /** The op that makes each output; none for vectors. */
  outputs: list(u16, OUTPUTS_MAX),
  /** BLAKE3 of each op output in program order; none for vectors. */
  ops: list(bytes32, OPS_MAX),
  /** Of the outputs; of vectors, BLAKE3 of the joined digests of their results. */
  outputDigest: bytes32,
  /** docs/reference/profile.md; none where the fabric tells of no allocations. */
  profileEpoch: optional(bytes32),
  fabric: LabFabricCodec,
  machine: LabMachineCodec,
  /** Milliseconds since 1970. */
  timeMs: u64,
  /** 40 hexadecimal digits, or none outside of a checkout. */
  commit: byteList(40),
  /** Whether the checkout had changes that the commit does not. */
  modified: bool,
  /** Where benchmark figures of this commit are, if there are any. */
  benchmark: byteList(TEXT_BYTES_MAX),
})
export type LabEntry = Decoded<typeof LabEntryCodec>

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
