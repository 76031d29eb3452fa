/**
 * Reporting offences: what consensus or verification has proven becomes evidence on the ledger.
 */

import { assert } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { type ConsensusEvidence, evidencePayload, offenders } from '../consensus/misbehavior.ts'
import { isEvidenceSeen } from '../ledger/evidence-records.ts'
import {
  EVIDENCE_TYPE_BYTES,
  type Evidence,
  EvidenceCodec,
  type EvidenceType,
} from '../ledger/types/evidence.ts'
import { roundSubject } from '../ledger/types/evidence-payload.ts'
import { validatorsAt } from '../ledger/validators.ts'
import { offerOwn } from './gossip-desk.ts'
import { envelopeOf } from './identity.ts'
import type { NodeState } from './state.ts'
import { type Turn, tell } from './turn.ts'

/** Consensus has two signed messages that contradict each other. */
export function reportMisbehaviour(
  node: NodeState,
  turn: Turn,
  height: bigint,
  evidence: ConsensusEvidence,
): void {
  const members = validatorsAt(node.ledger.state, height)
  for (const index of offenders(evidence)) {
    const member = members[index]
    assert(member !== undefined, 'only members of the set are accused')
    const offender = toHex(member.id)
    tell(turn, { kind: 'misbehaviour-seen', type: evidence.kind, offender })
    const payload = evidencePayload(evidence)
    const subject = roundSubject(height, roundOf(evidence))
    report(node, turn, { type: evidence.kind, offender, subject, payload })
  }
}

/** The round an offence is filed under; amnesia under that of the commit that was forgotten. */
function roundOf(evidence: ConsensusEvidence): number {
  return evidence.kind === 'amnesia' ? evidence.commit.round : evidence.first.round
}

/** Verification has a fraud proof against a receipt. */
export function reportFraud(
  node: NodeState,
  turn: Turn,
  { receipt, provider, proof }: { receipt: string; provider: string; proof: Uint8Array },
): void {
  tell(turn, { kind: 'misbehaviour-seen', type: 'fraud-proof', offender: provider })
  const subject = fromHex(receipt)
  report(node, turn, { type: 'fraud-proof', offender: provider, subject, payload: proof })
}

function report(
  node: NodeState,
  turn: Turn,
  {
    type,
    offender,
    subject,
    payload,
  }: { type: EvidenceType; offender: string; subject: Uint8Array; payload: Uint8Array },
): void {
  const { accountSigner } = node.identity
  if (accountSigner === undefined) return
  const evidence: Evidence = {
    reporter: accountSigner.publicKey,
    type: EVIDENCE_TYPE_BYTES[type],
    offender: fromHex(offender),
    subject,
    payload,
  }
  if (isEvidenceSeen(node.ledger.state, evidence)) return
  const body = encode(EvidenceCodec, evidence)
  offerOwn(node, turn, 'evidence', envelopeOf(node, 'evidence', body, accountSigner))
}
