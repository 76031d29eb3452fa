/**
 * The market's objects: offers, receipts, proof announcements.
 *
 * Words kept apart: `lane` is the market's (consumer, industrial); how a result is checked is
 * `verification` (fold, succinct, replay).
 *
 * Source: protocol.md §4, §5.
 */

import {
  byteList,
  bytes32,
  container,
  type Decoded,
  list,
  optional,
  u8,
  u32,
  u64,
  u128,
} from '../../base/codec.ts'

export const LANES: readonly ['consumer', 'industrial'] = ['consumer', 'industrial']
export type Lane = (typeof LANES)[number]
export const VERIFICATIONS: readonly ['fold', 'succinct', 'replay'] = ['fold', 'succinct', 'replay']
export type Verification = (typeof VERIFICATIONS)[number]

export const OFFER_INPUTS_MAX = 16
export const CAPABILITIES_MAX = 8

const BlobRef = container({
  digest: bytes32,
  /** Bytes. */
  length: u64,
})

/** What the job descriptor digest covers: SHA-256 of this encoding. */
export const JobDescriptorCodec = container({
  program: bytes32,
  inputs: list(BlobRef, OFFER_INPUTS_MAX),
  lane: u8,
  verification: u8,
})

/** An offer to buy one run. Its id is the job's id. */
export const OfferCodec = container({
  buyer: bytes32,
  /** Tells two offers for the same work apart. */
  salt: u64,
  tip: u128,
  program: bytes32,
  inputs: list(BlobRef, OFFER_INPUTS_MAX),
  /** Index into LANES. */
  lane: u8,
  /** Index into VERIFICATIONS. */
  verification: u8,
  /** Most nBLOCK the run may cost; escrowed. */
  priceCeiling: u128,
  deadlineBlocks: u32,
  capabilities: list(byteList(32), CAPABILITIES_MAX),
  expiryHeight: u64,
  descriptorDigest: bytes32,
})
export type Offer = Decoded<typeof OfferCodec>

export const CancelOfferCodec = container({
  buyer: bytes32,
  offer: bytes32,
  tip: u128,
  expiryHeight: u64,
})
export type CancelOffer = Decoded<typeof CancelOfferCodec>

/** What the run allocated and released; docs/reference/profile.md. */
export const TensorProfileCodec = container({
  /** Over the events that follow from the program alone, so that every machine has the same. */
  epoch: bytes32,
  allocations: u32,
  releases: u32,
  /** Bytes allocated and never released. */
  allocFreeDelta: u64,
})

/** A provider's signed claim that a job ran, on which kernels, and what came out. */
export const ReceiptCodec = container({
  job: bytes32,
  /** Counts from 1. */
  attempt: u8,
  provider: bytes32,
  fabric: byteList(32),
  program: bytes32,
  inputs: list(BlobRef, OFFER_INPUTS_MAX),
  /** BLAKE3 over the concatenated 32-byte digests of the program's outputs, in order. */
  outputDigest: bytes32,
  traceRoot: bytes32,
  /** Index into VERIFICATIONS. */
  proofKind: u8,
  /** fold and replay: BLAKE3 of the trace manifest (all op output digests); succinct: zero. */
  proofDigest: bytes32,
  proofBytes: u64,
  units: u64,
  /** nBLOCK asked: unit price x units. */
  payment: u128,
  /** kernel_variant.digest. */
  kernelDigest: bytes32,
  descriptorDigest: bytes32,
  /** Empty when the fabric has no benchmark on record. */
  benchmarkCommit: byteList(40),
  /** Absent when the provider does not profile. */
  tensorProfile: optional(TensorProfileCodec),
  gradientDigests: list(bytes32, OFFER_INPUTS_MAX),
})
export type Receipt = Decoded<typeof ReceiptCodec>

export const ProofAnnounceCodec = container({
  receipt: bytes32,
  provider: bytes32,
  proofDigest: bytes32,
  bytes: u64,
})
export type ProofAnnounce = Decoded<typeof ProofAnnounceCodec>
