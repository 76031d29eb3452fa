/**
 * Attestations: what a validator has seen with its own eyes, at most one batch a height.
 *
 * Source: protocol.md §5, Attestations.
 */

import { bytes32, container, type Decoded, list, u8, u32, u64 } from '../../base/codec.ts'

export const ATTESTATION_ITEMS_MAX = 256

/** What an item says. `available` is about a program or an offer, the rest about a receipt. */
export const STATEMENTS: readonly ['available', 'valid', 'invalid', 'unavailable'] = [
  'available',
  'valid',
  'invalid',
  'unavailable',
]
export type Statement = (typeof STATEMENTS)[number]

export const AttestationItemCodec = container({
  /** Program id, offer id or receipt id. */
  object: bytes32,
  /** Index into STATEMENTS. */
  statement: u8,
  /** Wall time of the verify call on data in memory; 0 for `available` and `unavailable`. */
  micros: u32,
})
export type AttestationItem = Decoded<typeof AttestationItemCodec>

/** Signed by the validator's consensus key. */
export const AttestationBatchCodec = container({
  /** The validator's account id. */
  validator: bytes32,
  height: u64,
  items: list(AttestationItemCodec, ATTESTATION_ITEMS_MAX),
})
export type AttestationBatch = Decoded<typeof AttestationBatchCodec>
