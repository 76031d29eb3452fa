/**
 * The gate of the two consensus topics: encoding, copy; then the query of consensus.
 *
 * [REJECT] not one canonical vote, proposal or part.
 * [IGNORE] the same bytes accepted before. Two votes of one validator that differ are no copies:
 *          the second is evidence and must reach the vote keeper.
 *
 * Source: protocol.md §2, §3.
 */

import { toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/hash.ts'
import { attempt, refusal } from '../../base/refusal.ts'
import { decodeProposalMessage, decodeVote } from '../../consensus/types.ts'
import type { SeenSet } from '../seen-set.ts'
import type { Admission, Admitters, GateAnswer, GatedObject } from './types.ts'

export function voteGate(bytes: Uint8Array, admitters: Admitters, seen: SeenSet): GateAnswer {
  return judge(bytes, seen, () => {
    const vote = decodeVote(bytes)
    return [{ kind: 'vote', vote }, () => admitters.admitVote(vote)]
  })
}

export function proposalGate(bytes: Uint8Array, admitters: Admitters, seen: SeenSet): GateAnswer {
  return judge(bytes, seen, () => {
    const message = decodeProposalMessage(bytes)
    return [{ kind: 'proposal-message', message }, () => admitters.admitProposal(message)]
  })
}

function judge(
  bytes: Uint8Array,
  seen: SeenSet,
  open: () => readonly [GatedObject, () => Admission],
): GateAnswer {
  const key = toHex(sha256(bytes))
  if (seen.has(key)) return { kind: 'ignore', refusal: refusal('gossip_duplicate', { id: key }) }
  const opened = attempt(open)
  if ('refused' in opened) return { kind: 'reject', refusal: opened.refused }
  const [object, admit] = opened.value
  const admission = admit()
  if (admission.kind !== 'check') return admission
  return { kind: 'check', object, checks: admission.checks, key }
}
