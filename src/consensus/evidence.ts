/** Turns what the machine meets into evidence, each offence once a height. */

import type { Context } from './context.ts'
import { amnesiaBetween, type ConsensusEvidence, type VotePair } from './misbehavior.ts'
import { QUORUMS_MAX } from './state.ts'
import type { Proposal, QuorumCertificate } from './types.ts'

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

/** C3: compares a quorum with those known of this height. */
export function noteQuorum(context: Context, quorum: QuorumCertificate): void {
  const { quorums, driver } = context.current
  const key = `${quorum.kind} ${quorum.round} ${quorum.value} ${quorum.validRound}`
  if (quorums.has(key) || quorums.size >= QUORUMS_MAX) return
  for (const [otherKey, other] of quorums) {
    if (other.value === quorum.value) continue
    for (const evidence of amnesiaBetween([quorum, other], driver.keeper.powers)) {
      if (isNew(context, `amnesia ${key} ${otherKey}`)) report(context, evidence)
    }
  }
  quorums.set(key, quorum)
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
