/**
 * What proves that validators broke the rules of agreement, and what of it the chain punishes.
 *
 *   C1 duplicate vote       two votes of one validator for one (height, round, type)
 *   C2 duplicate proposal   two proposals of one proposer for one (height, round)
 *   C3 amnesia              Commit(r, v) and Polka(r', v', vr') with r' > r > vr' and v' != v:
 *                           whoever signed both forgot a lock; more than a third of the power did
 *
 * Invariant: an honest validator that restarts from its sign guard never appears here.
 *
 * Source: circlefin/malachite specs/consensus/accountable-tm/misbehavior.qnt; protocol.md §6.
 */

import { fromHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import {
  type Amnesia,
  AmnesiaCodec,
  DuplicateProposalCodec,
  DuplicateVoteCodec,
} from '../ledger/types/vote.ts'
import { bitmapOf } from './bitmap.ts'
import { certificateVotes } from './certificate.ts'
import {
  type Proposal,
  proposalBody,
  type QuorumCertificate,
  type Vote,
  voteBody,
} from './types.ts'
import { isUniformQuorum } from './vote-keeper.ts'

export type ConsensusEvidence =
  | { readonly kind: 'duplicate-vote'; readonly first: Vote; readonly second: Vote }
  | { readonly kind: 'duplicate-proposal'; readonly first: Proposal; readonly second: Proposal }
  | {
      readonly kind: 'amnesia'
      readonly commit: QuorumCertificate
      readonly polka: QuorumCertificate
    }

export type VotePair = readonly [Vote, Vote]

/** Prevotes for different values in one round, by who cast both; none unless both are polkas. */
export function doublePrevotes(
  left: readonly Vote[],
  right: readonly Vote[],
  powers: readonly bigint[],
): VotePair[] {
  const conflict = (a: Vote, b: Vote): boolean =>
    a.value !== b.value && a.height === b.height && a.round === b.round
  return sharedVotes(left, right, powers, conflict)
}

/** A precommit and a later prevote that no polka in between explains, by who cast both. */
export function amnesiaVotes(
  commit: readonly Vote[],
  polka: readonly Vote[],
  powers: readonly bigint[],
): VotePair[] {
  const forgot = (locked: Vote, later: Vote): boolean =>
    locked.value !== later.value &&
    locked.height === later.height &&
    locked.round < later.round &&
    locked.round > later.validRound
  return sharedVotes(commit, polka, powers, forgot)
}

function sharedVotes(
  left: readonly Vote[],
  right: readonly Vote[],
  powers: readonly bigint[],
  conflict: (left: Vote, right: Vote) => boolean,
): VotePair[] {
  const [one] = left
  const [other] = right
  if (one === undefined || other === undefined) return []
  if (!isQuorumOf(left, powers) || !isQuorumOf(right, powers) || !conflict(one, other)) return []
  const byVoter = new Map(right.map((vote) => [vote.validator, vote]))
  return left.flatMap((vote): VotePair[] => {
    const second = byVoter.get(vote.validator)
    return second === undefined ? [] : [[vote, second]]
  })
}

function isQuorumOf(votes: readonly Vote[], powers: readonly bigint[]): boolean {
  const voters = votes.map((vote) => vote.validator)
  return isUniformQuorum(votes, voters, powers)
}

/** Amnesia between two certificates of one height, either way round. */
export function amnesiaBetween(
  certificates: readonly QuorumCertificate[],
  powers: readonly bigint[],
): ConsensusEvidence[] {
  const found: ConsensusEvidence[] = []
  for (const commit of certificates) {
    if (commit.kind !== 'commit') continue
    for (const polka of certificates) {
      if (polka.kind !== 'polka') continue
      const shared = amnesiaVotes(certificateVotes(commit), certificateVotes(polka), powers)
      if (shared.length > 0) found.push({ kind: 'amnesia', commit, polka })
    }
  }
  return found
}

/** Validator indices that a piece of evidence proves guilty. */
export function offenders(evidence: ConsensusEvidence): number[] {
  switch (evidence.kind) {
    case 'duplicate-vote':
      return [evidence.first.validator]
    case 'duplicate-proposal':
      return [evidence.first.proposer]
    case 'amnesia': {
      const signers = new Set(evidence.commit.signers)
      return evidence.polka.signers.filter((signer) => signers.has(signer))
    }
  }
}

/** What the ledger's evidence object carries as payload. */
export function evidencePayload(evidence: ConsensusEvidence): Uint8Array {
  switch (evidence.kind) {
    case 'duplicate-vote':
      return encode(DuplicateVoteCodec, {
        first: signedVote(evidence.first),
        second: signedVote(evidence.second),
      })
    case 'duplicate-proposal':
      return encode(DuplicateProposalCodec, {
        first: { body: proposalBody(evidence.first), signature: evidence.first.signature },
        second: { body: proposalBody(evidence.second), signature: evidence.second.signature },
      })
    case 'amnesia':
      return encode(AmnesiaCodec, {
        height: evidence.commit.height,
        commit: quorumVotes(evidence.commit),
        polka: quorumVotes(evidence.polka),
      })
  }
}

function signedVote(vote: Vote) {
  return { body: voteBody(vote), validator: vote.validator, signature: vote.signature }
}

function quorumVotes(certificate: QuorumCertificate): Amnesia['commit'] {
  return {
    round: certificate.round,
    blockId: fromHex(certificate.value, 32),
    validRound: certificate.validRound + 1,
    signers: bitmapOf(certificate.signers),
    signatures: certificate.signatures,
  }
}
