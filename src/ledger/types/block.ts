/**
 * Blocks: header, five sections in the order they are executed, and the certificate of the parent.
 *
 * The block's id is the hash_tree_root of its header; the header commits to everything else.
 *
 * Source: protocol.md §2, §3.
 */

import {
  byteList,
  bytes32,
  bytes64,
  bytesOf,
  container,
  type Decoded,
  hashTreeRoot,
  list,
  u8,
  u32,
  u64,
} from '../../base/codec.ts'
import { EnvelopeCodec } from './envelope.ts'

export const BLOCK_VERSION = 1
export const VALIDATORS_MAX = 128
/** ECVRF-EDWARDS25519-SHA512-TAI proof, bytes (RFC 9381 §5.5). */
export const BEACON_PROOF_BYTES = 80
/** Most bytes of a whole encoded block: 8 proposal parts of 60 KiB. */
export const BLOCK_BYTES_MAX: number = 8 * 60 * 1024

/** More than two thirds of the power signed this block: bitmap over the set, one signature a bit. */
export const CommitCodec = container({
  height: u64,
  round: u32,
  blockId: bytes32,
  /** Bit i (little-endian in each byte) stands for validator i; ceil(n / 8) bytes. */
  signers: byteList(VALIDATORS_MAX / 8),
  signatures: list(bytes64, VALIDATORS_MAX),
})
export type Commit = Decoded<typeof CommitCodec>

/** The certificate before block 1: no signer. */
export const EMPTY_COMMIT: Commit = {
  height: 0n,
  round: 0,
  blockId: new Uint8Array(32),
  signers: new Uint8Array(0),
  signatures: [],
}

const SectionRoots = container({
  evidence: bytes32,
  attestations: bytes32,
  receipts: bytes32,
  transactions: bytes32,
  offers: bytes32,
})

export const HeaderCodec = container({
  version: u8,
  height: u64,
  /** Milliseconds since the Unix epoch. */
  time: u64,
  parentId: bytes32,
  lastCommitHash: bytes32,
  sectionRoots: SectionRoots,
  /** Receipts sorted by (job, attempt), for proofs to light clients. */
  receiptRoot: bytes32,
  evidenceRoot: bytes32,
  /** Of the block before: its events and the state after it. */
  eventsRoot: bytes32,
  stateRoot: bytes32,
  paramsHash: bytes32,
  validatorsHash: bytes32,
  nextValidatorsHash: bytes32,
  /** Account id of the validator that first proposed this block. */
  proposer: bytes32,
  beaconProof: bytesOf(BEACON_PROOF_BYTES),
})
export type Header = Decoded<typeof HeaderCodec>

/** Section limits, objects. */
export const SECTION_MAX: Readonly<Record<SectionName, number>> = {
  evidence: 64,
  attestations: 512,
  receipts: 512,
  transactions: 4096,
  offers: 1024,
}

export type SectionName = 'evidence' | 'attestations' | 'receipts' | 'transactions' | 'offers'

export const BlockCodec = container({
  header: HeaderCodec,
  lastCommit: CommitCodec,
  evidence: list(EnvelopeCodec, SECTION_MAX.evidence),
  attestations: list(EnvelopeCodec, SECTION_MAX.attestations),
  /** Receipts and proof announcements. */
  receipts: list(EnvelopeCodec, SECTION_MAX.receipts),
  transactions: list(EnvelopeCodec, SECTION_MAX.transactions),
  /** Offers and cancellations. */
  offers: list(EnvelopeCodec, SECTION_MAX.offers),
})
export type Block = Decoded<typeof BlockCodec>

export function blockId(header: Header): Uint8Array {
  return hashTreeRoot(HeaderCodec, header)
}
