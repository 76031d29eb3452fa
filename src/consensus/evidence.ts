/** Turns what the machine meets into evidence, each offence once a height. */

import { certificateFrom } from './certificate.ts'
import type { Context } from './context.ts'
import { amnesiaBetween, type ConsensusEvidence, type VotePair } from './misbehavior.ts'
import { QUORUMS_MAX, type QuorumClaim } from './state.ts'
import type { Proposal, QuorumCertificate } from './types.ts'
import { votesFor } from './vote-keeper.ts'

/** C1. */
export function noteConflicts(context: Context, conflicts: readonly VotePair[]): void {
  for (const [first, second] of conflicts) {
    const key = `vote ${second.type} ${second.round} ${second.validator}`
    if (isNew(context, key)) {
      report(context, { kind: 'duplicate-vote', first, second })
    }
  }
}

/** C2. */
export function noteDoubleProposal(context: Context, first: Proposal, second: Proposal): void {
  if (!isNew(context, `proposal ${second.round}`)) return
  report(context, { kind: 'duplicate-proposal', first, second })
}

/** C3: compares a quorum with those known of this height. Its votes are in the keeper. */
export function noteQuorum(context: Context, quorum: QuorumClaim): void {
  const { quorums, driver } = context.current
  const key = `${quorum.type} ${quorum.round} ${quorum.value} ${quorum.validRound}`
  if (quorums.has(key) || quorums.size >= QUORUMS_MAX) return
  for (const [otherKey, other] of quorums) {
    if (other.value === quorum.value) continue
    const certificates = [quorum, other].flatMap((each) => certificateOf(context, each))
    for (const evidence of amnesiaBetween(certificates, driver.keeper.powers)) {
      if (isNew(context, `amnesia ${key} ${otherKey}`)) report(context, evidence)
    }
  }
  quorums.set(key, quorum)
}

/** None when its round is too long ago to be remembered. */
function certificateOf(
  context: Context,
  { type, round, value, validRound }: QuorumClaim,
): QuorumCertificate[] {
  const { keeper } = context.current.driver
  const votes = votesFor(keeper, round, type, value, validRound)
  const voters = new Set<number>()
  const distinct = votes.filter(({ validator }) => !voters.has(validator) && voters.add(validator))
  return distinct.length === 0 ? [] : [certificateFrom(distinct)]
}

function isNew(context: Context, key: string): boolean {
  const { reported } = context.current
  if (reported.has(key)) return false
  reported.add(key)
  return true
}

function report(context: Context, evidence: ConsensusEvidence): void {
  context.perform({ kind: 'evidence', height: context.height, evidence })
}
