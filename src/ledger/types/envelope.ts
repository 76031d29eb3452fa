/**
 * The envelope every gossiped ledger object travels in: kind, body, signature.
 *
 * The id of an object is the digest that is signed, SHA-256("bt/<kind>/1" || genesisHash || body):
 * it binds kind and chain, and excludes the signature, so a re-signed object is the same object.
 * Who must have signed stands in the body; see `signerOf` in each kind's file.
 *
 * Source: protocol.md §1, §2.
 */

import { byteList, bytes64, container, type Decoded, u8 } from '../../base/codec.ts'
import { signingDigest } from '../../base/hash.ts'

export type ObjectKind =
  | 'transaction'
  | 'offer'
  | 'cancel-offer'
  | 'receipt'
  | 'proof-announce'
  | 'attestation-batch'
  | 'evidence'

/** Kind bytes on the wire. A number once used is never given another meaning. */
export const OBJECT_KIND_BYTES: Readonly<Record<ObjectKind, number>> = {
  transaction: 1,
  offer: 2,
  'cancel-offer': 3,
  receipt: 4,
  'proof-announce': 5,
  'attestation-batch': 6,
  evidence: 7,
}

/** Longest body of any kind, bytes; each kind has its own, smaller limit. */
export const ENVELOPE_BODY_BYTES_MAX: number = 96 * 1024

/** Longest envelope of each kind on gossip and in a block, bytes (protocol.md §2). */
export const ENVELOPE_BYTES_MAX: Readonly<Record<ObjectKind, number>> = {
  transaction: 96 * 1024,
  offer: 8 * 1024,
  'cancel-offer': 8 * 1024,
  receipt: 16 * 1024,
  'proof-announce': 16 * 1024,
  'attestation-batch': 16 * 1024,
  evidence: 64 * 1024,
}

export const EnvelopeCodec = container({
  kind: u8,
  body: byteList(ENVELOPE_BODY_BYTES_MAX),
  signature: bytes64,
})

export type Envelope = Decoded<typeof EnvelopeCodec>

/** The kind's name, or undefined for a byte nobody has defined. */
export function objectKind(envelope: Envelope): ObjectKind | undefined {
  const entries = Object.entries(OBJECT_KIND_BYTES) as [ObjectKind, number][]
  return entries.find(([, byte]) => byte === envelope.kind)?.[0]
}

/** The digest that is signed, and the object's id everywhere. 32 bytes. */
export function objectId(kind: ObjectKind, genesisHash: Uint8Array, body: Uint8Array): Uint8Array {
  return signingDigest(kind, genesisHash, body)
}
