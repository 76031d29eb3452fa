/**
 * The gate of the five topics of the ledger: size, encoding, kind, copy; then the ledger's query.
 *
 * [REJECT] not one canonical envelope, or longer than its kind allows.
 * [REJECT] a kind that does not belong on the topic.
 * [IGNORE] an object whose id was accepted before. A copy with another signature has the same id,
 *          so only accepted objects count: a forged copy must not keep out the genuine one.
 *
 * Source: protocol.md §2.
 */

import { toHex } from '../../base/bytes.ts'
import { decode } from '../../base/codec.ts'
import { attempt, refusal } from '../../base/refusal.ts'
import {
  ENVELOPE_BYTES_MAX,
  EnvelopeCodec,
  type ObjectKind,
  objectId,
  objectKind,
} from '../../ledger/types/envelope.ts'
import type { Topic } from '../../runtime/ports.ts'
import type { SeenSet } from '../seen-set.ts'
import type { Admitters, GateAnswer } from './types.ts'

export type LedgerTopic = Exclude<Topic, 'consensus-votes' | 'consensus-proposals'>

/** Which kinds travel on which topic. */
export const KINDS_OF_TOPIC: Readonly<Record<LedgerTopic, readonly ObjectKind[]>> = {
  transactions: ['transaction'],
  'job-offers': ['offer', 'cancel-offer'],
  receipts: ['receipt', 'proof-announce'],
  attestations: ['attestation-batch'],
  'slashing-evidence': ['evidence'],
}

export function ledgerGate(
  topic: LedgerTopic,
  bytes: Uint8Array,
  admitters: Admitters,
  seen: SeenSet,
): GateAnswer {
  const decoded = attempt(() => decode(EnvelopeCodec, bytes))
  if ('refused' in decoded) return { kind: 'reject', refusal: decoded.refused }
  const envelope = decoded.value
  const kind = objectKind(envelope)
  if (kind === undefined || !KINDS_OF_TOPIC[topic].includes(kind)) {
    return {
      kind: 'reject',
      refusal: refusal('gossip_wrong_topic', { topic, kind: envelope.kind }),
    }
  }
  const bytesMax = ENVELOPE_BYTES_MAX[kind]
  if (bytes.length > bytesMax) {
    return {
      kind: 'reject',
      refusal: refusal('gossip_oversized', { bytes: bytes.length, bytesMax }),
    }
  }
  const id = objectId(kind, admitters.genesisHash, envelope.body)
  const key = toHex(id)
  if (seen.has(key)) return { kind: 'ignore', refusal: refusal('gossip_duplicate', { id: key }) }
  const admission = admitters.admitObject(envelope, kind, id)
  if (admission.kind !== 'check') return admission
  const object = { kind: 'ledger', objectKind: kind, envelope, id } as const
  return { kind: 'check', object, checks: admission.checks, key }
}
