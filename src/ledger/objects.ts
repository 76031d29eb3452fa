/**
 * Envelopes opened: the decoded object, who must have signed it, and with which key.
 */

import { equalBytes, toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { signingDigest } from '../base/hash.ts'
import { refuse } from '../base/refusal.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { evidenceSignatureChecks } from './evidence-check.ts'
import { envelopeBytes } from './sections.ts'
import type { Reader } from './state.ts'
import { type AttestationBatch, AttestationBatchCodec } from './types/attestation.ts'
import {
  ENVELOPE_BYTES_MAX,
  type Envelope,
  type ObjectKind,
  objectId,
  objectKind,
} from './types/envelope.ts'
import { type Evidence, EvidenceCodec } from './types/evidence.ts'
import {
  type CancelOffer,
  CancelOfferCodec,
  type Offer,
  OfferCodec,
  type ProofAnnounce,
  ProofAnnounceCodec,
  type Receipt,
  ReceiptCodec,
} from './types/market.ts'
import {
  type Action,
  decodeAction,
  type Transaction,
  TransactionCodec,
} from './types/transaction.ts'
import { validatorOf } from './validators.ts'

export type Opened = { readonly id: string; readonly bytes: number } & (
  | { readonly kind: 'transaction'; readonly body: Transaction; readonly action: Action }
  | { readonly kind: 'offer'; readonly body: Offer }
  | { readonly kind: 'cancel-offer'; readonly body: CancelOffer }
  | { readonly kind: 'receipt'; readonly body: Receipt }
  | { readonly kind: 'proof-announce'; readonly body: ProofAnnounce }
  | { readonly kind: 'attestation-batch'; readonly body: AttestationBatch }
  | { readonly kind: 'evidence'; readonly body: Evidence }
)

/** @throws RefusalError object_kind_unknown, object_oversized, action_unknown, or of the codec. */
export function openEnvelope(genesisHash: Uint8Array, envelope: Envelope): Opened {
  const kind = objectKind(envelope)
  if (kind === undefined) return refuse('object_kind_unknown', { kind: envelope.kind })
  const id = toHex(objectId(kind, genesisHash, envelope.body))
  const bytes = envelopeBytes(envelope)
  const bytesMax = ENVELOPE_BYTES_MAX[kind]
  if (bytes > bytesMax) return refuse('object_oversized', { kind, bytes, bytesMax })
  return { id, bytes, ...openBody(kind, envelope.body) } as Opened
}

function openBody(kind: ObjectKind, bytes: Uint8Array): object {
  switch (kind) {
    case 'transaction': {
      const body = decode(TransactionCodec, bytes)
      return { kind, body, action: decodeAction(body) }
    }
    case 'offer':
      return { kind, body: decode(OfferCodec, bytes) }
    case 'cancel-offer':
      return { kind, body: decode(CancelOfferCodec, bytes) }
    case 'receipt':
      return { kind, body: decode(ReceiptCodec, bytes) }
    case 'proof-announce':
      return { kind, body: decode(ProofAnnounceCodec, bytes) }
    case 'attestation-batch':
      return { kind, body: decode(AttestationBatchCodec, bytes) }
    case 'evidence':
      return { kind, body: decode(EvidenceCodec, bytes) }
  }
}

/** Hex account id of whoever speaks; the account that pays, for what pays. */
export function speakerOf(opened: Opened): string {
  switch (opened.kind) {
    case 'transaction':
      return toHex(opened.body.sender)
    case 'offer':
    case 'cancel-offer':
      return toHex(opened.body.buyer)
    case 'receipt':
    case 'proof-announce':
      return toHex(opened.body.provider)
    case 'attestation-batch':
      return toHex(opened.body.validator)
    case 'evidence':
      return toHex(opened.body.reporter)
  }
}

/**
 * Every signature that must hold for the object: its own first, then those inside it.
 * @throws RefusalError validator_unknown, possession_key_mismatch, or of the evidence.
 */
export function signatureChecks(
  reader: Reader,
  genesisHash: Uint8Array,
  envelope: Envelope,
  opened: Opened,
  height: bigint,
): SignatureCheck[] {
  const digest = objectId(opened.kind, genesisHash, envelope.body)
  const { signature } = envelope
  const own = { publicKey: keyOf(reader, opened), digest, signature }
  return [own, ...innerChecks(reader, genesisHash, opened, height)]
}

function keyOf(reader: Reader, opened: Opened): Uint8Array {
  switch (opened.kind) {
    case 'transaction':
      return opened.body.sender
    case 'offer':
    case 'cancel-offer':
      return opened.body.buyer
    case 'receipt':
    case 'proof-announce':
      return opened.body.provider
    case 'evidence':
      return opened.body.reporter
    case 'attestation-batch': {
      const id = toHex(opened.body.validator)
      const record = validatorOf(reader, id)
      return record?.consensusKey ?? refuse('validator_unknown', { validator: id })
    }
  }
}

function innerChecks(
  reader: Reader,
  genesisHash: Uint8Array,
  opened: Opened,
  height: bigint,
): SignatureCheck[] {
  if (opened.kind === 'evidence') {
    return evidenceSignatureChecks(reader, genesisHash, opened.body, height)
  }
  if (opened.kind !== 'transaction') return []
  const { action, body } = opened
  const proves = action.name === 'rotate-key' || (action.name === 'bond' && hasKey(action.payload))
  if (!proves) return []
  const { consensusKey, possession } = action.payload
  const digest = signingDigest('possession', genesisHash, body.sender)
  return [{ publicKey: consensusKey, digest, signature: possession }]
}

/** Adding to a bond, and a provider's bond, name no key. */
function hasKey({ consensusKey }: { readonly consensusKey: Uint8Array }): boolean {
  return !equalBytes(consensusKey, new Uint8Array(32))
}
