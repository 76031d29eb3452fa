/**
 * Evidence: what proves an offence, signed and bonded by who reports it.
 *
 * Replay key: (type, offender, subject); it stays in state until the offence is too old to punish.
 *
 * Source: protocol.md §6.
 */

import { byteList, bytes32, container, type Decoded, u8 } from '../../base/codec.ts'

export type EvidenceType =
  | 'duplicate-vote'
  | 'duplicate-proposal'
  | 'amnesia'
  | 'light-client-attack'
  | 'receipt-equivocation'
  | 'fraud-proof'
  | 'false-verdict'

/** Type bytes on the wire: C1-C4, P1, P4, V1 of protocol.md §6. */
export const EVIDENCE_TYPE_BYTES: Readonly<Record<EvidenceType, number>> = {
  'duplicate-vote': 1,
  'duplicate-proposal': 2,
  amnesia: 3,
  'light-client-attack': 4,
  'receipt-equivocation': 11,
  'fraud-proof': 14,
  'false-verdict': 21,
}

export const EVIDENCE_PAYLOAD_BYTES_MAX: number = 60 * 1024

/** Signed by the reporter's account key. */
export const EvidenceCodec = container({
  reporter: bytes32,
  type: u8,
  /** Account id of the validator or provider. */
  offender: bytes32,
  /** What the offence is about: a receipt id, or SHA-256 over (height, round) for votes. */
  subject: bytes32,
  payload: byteList(EVIDENCE_PAYLOAD_BYTES_MAX),
})
export type Evidence = Decoded<typeof EvidenceCodec>
