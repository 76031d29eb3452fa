/**
 * What the gossip gates ask before a message of consensus is relayed: is it wanted, whose signature
 * must hold. Nothing here verifies or changes anything.
 *
 *   [REJECT] what no honest node sends     [IGNORE] late, repeated or far ahead
 *   check: relay once the signatures hold  park: judge again when more is known
 *
 * Invariant: a message that passes here and whose checks hold is one `step` takes or drops without
 * harm; the queue before the gates may therefore be shared by all peers.
 *
 * Source: protocol.md §2 (gates), §3; p2p.md.
 */

import { type Refusal, refusal } from '../base/refusal.ts'
import { type Priorities, proposer, type ValidatorSet } from '../ledger/types/validator-set.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { certificateChecks, judgeCertificate, voteCheck } from './certificate.ts'
import { memoDigest } from './digest-memo.ts'
import { judgePart } from './parts.ts'
import {
  type ConsensusState,
  EARLY_ROUNDS_MAX,
  PROPOSALS_PER_ROUND_MAX,
  ROUNDS_AHEAD_MAX,
  ROUNDS_KEPT_MAX,
} from './state.ts'
import {
  type Certificate,
  type Height,
  type Proposal,
  type ProposalMessage,
  type ProposalPart,
  proposalSigningDigest,
  type Round,
  sameProposalClaim,
  type Vote,
} from './types.ts'
import { countOf, sameClaim, VARIANTS_MAX } from './vote-keeper.ts'

export type Admission =
  | { readonly kind: 'check'; readonly checks: readonly SignatureCheck[] }
  | { readonly kind: 'ignore'; readonly refusal: Refusal }
  | { readonly kind: 'reject'; readonly refusal: Refusal }
  | { readonly kind: 'park'; readonly refusal: Refusal }

interface Turn {
  readonly validators: ValidatorSet
  readonly priorities: Priorities
}

type Unwanted = { readonly kind: 'ignore' | 'park'; readonly refusal: Refusal }

/** Heights beyond the current one whose messages may be kept until they can be judged. */
const HEIGHTS_PARKED_MAX = 3n

export function admitVote(state: ConsensusState, vote: Vote): Admission {
  const turn = turnFor(state, vote)
  if ('kind' in turn) return turn
  // [REJECT] The index is a member of the set of the height.
  if (turn.validators.members[vote.validator] === undefined) {
    return reject('voter_unknown', { validator: vote.validator })
  }
  // [IGNORE] Counted already, or one variant too many of a known equivocator.
  const stale = knownVote(state, vote)
  if (stale !== undefined) return { kind: 'ignore', refusal: stale }
  return {
    kind: 'check',
    checks: [voteCheck(vote, turn.validators, memoDigest(state.digests, vote))],
  }
}

export function admitProposal(state: ConsensusState, message: ProposalMessage): Admission {
  return message.kind === 'part'
    ? admitPart(state, message.part)
    : admitSignedProposal(state, message.proposal)
}

/** A certificate that a peer sent by stream. */
export function admitCertificate(state: ConsensusState, certificate: Certificate): Admission {
  const { current } = state
  if (current === undefined) return ignore('consensus_idle', {})
  const { height, validators } = current.setup
  // [IGNORE] Heights that are decided are proved by blocks; later ones by block sync.
  if (certificate.height !== height) return elsewhere(certificate.height, height)
  const unsound = judgeCertificate(certificate, validators)
  if (unsound !== undefined) return { kind: 'reject', refusal: unsound }
  return { kind: 'check', checks: certificateChecks(certificate, validators, state.genesisHash) }
}

function admitSignedProposal(state: ConsensusState, proposal: Proposal): Admission {
  const turn = turnFor(state, proposal)
  if ('kind' in turn) return turn
  // [REJECT] Its signer is the proposer of its round.
  const due = proposer(turn.validators, turn.priorities, proposal.round)
  const member = turn.validators.members[proposal.proposer]
  if (proposal.proposer !== due || member === undefined) {
    const { round } = proposal
    return reject('proposal_wrong_proposer', { round, validator: proposal.proposer, due })
  }
  // [IGNORE] Taken already, or more than prove the proposer guilty.
  const stale = knownProposal(state, proposal)
  if (stale !== undefined) return { kind: 'ignore', refusal: stale }
  const digest = proposalSigningDigest(state.genesisHash, proposal)
  const own = { publicKey: member.consensusKey, digest, signature: proposal.signature }
  const { polka } = proposal
  if (polka === null) return { kind: 'check', checks: [own] }
  // [REJECT] The polka is for this block, in the valid round, and holds a quorum.
  const matches =
    polka.kind === 'polka' &&
    polka.height === proposal.height &&
    polka.round === proposal.validRound &&
    polka.value === proposal.value
  if (!matches) return reject('proposal_polka_foreign', { round: proposal.round })
  const unsound = judgeCertificate(polka, turn.validators)
  if (unsound !== undefined) return { kind: 'reject', refusal: unsound }
  const polkaChecks = certificateChecks(polka, turn.validators, state.genesisHash)
  return { kind: 'check', checks: [own, ...polkaChecks] }
}

function admitPart(state: ConsensusState, part: ProposalPart): Admission {
  const turn = turnFor(state, part)
  if ('kind' in turn) return turn
  const { current } = state
  const proposals =
    current?.setup.height === part.height
      ? (current.proposals.get(part.round) ?? [])
      : state.early.proposals.filter(({ height, round }) => {
          return height === part.height && round === part.round
        })
  const proposal = proposals.find(({ value }) => value === part.value)
  // Parts often overtake their proposal; whose they are shows when it comes.
  if (proposal === undefined) {
    const facts = { height: part.height, round: part.round, index: part.index }
    return { kind: 'park', refusal: refusal('part_without_proposal', facts) }
  }
  // [REJECT] It is the part that the signed proposal commits to. Parts carry no signature.
  const foreign = judgePart(proposal, part)
  return foreign === undefined
    ? { kind: 'check', checks: [] }
    : { kind: 'reject', refusal: foreign }
}

/** The set and turns of the message's height, or why the message is not wanted. */
function turnFor(
  state: ConsensusState,
  message: { readonly height: Height; readonly round: Round },
): Turn | Unwanted {
  const { current } = state
  // [IGNORE] A node that starts or catches up judges nothing.
  if (current === undefined) return ignore('consensus_idle', {})
  const { height, next, validators, priorities } = current.setup
  const { round } = message
  if (message.height === height) {
    // [IGNORE] A decided height needs no more proposals; votes still serve as evidence.
    const now = current.driver.core.round
    if (round > now + ROUNDS_AHEAD_MAX) return ignore('round_ahead', { round, current: now })
    if (round < now - ROUNDS_KEPT_MAX) return ignore('round_past', { round, current: now })
    return { validators, priorities }
  }
  // The next height is judged when its validators are known, for its first rounds.
  if (message.height !== height + 1n || next === undefined) return elsewhere(message.height, height)
  if (round >= EARLY_ROUNDS_MAX) return ignore('round_ahead', { round, current: 0 })
  return next
}

function knownVote({ current, early }: ConsensusState, vote: Vote): Refusal | undefined {
  const facts = { round: vote.round, validator: vote.validator }
  if (current?.setup.height !== vote.height) {
    const key = `${vote.round} ${vote.type} ${vote.validator}`
    return early.votes.has(key) ? refusal('vote_known', facts) : undefined
  }
  const votes = current.driver.keeper.rounds.get(vote.round)
  if (votes === undefined) return undefined
  const count = countOf(votes, vote.type)
  const first = count.first[vote.validator]
  if (first === undefined) return undefined
  const further = count.further.get(vote.validator) ?? []
  if ([first, ...further].some((each) => sameClaim(each, vote))) return refusal('vote_known', facts)
  return 1 + further.length >= VARIANTS_MAX ? refusal('vote_surplus', facts) : undefined
}

function knownProposal(
  { current, early, phase }: ConsensusState,
  proposal: Proposal,
): Refusal | undefined {
  const { height, round } = proposal
  const ofHeight = current?.setup.height === height
  if (ofHeight && phase === 'decided') return refusal('height_past', { height })
  const known = ofHeight
    ? (current.proposals.get(round) ?? [])
    : early.proposals.filter((each) => each.height === height && each.round === round)
  if (known.some((each) => sameProposalClaim(each, proposal))) {
    return refusal('proposal_known', { round })
  }
  return known.length >= PROPOSALS_PER_ROUND_MAX
    ? refusal('proposal_surplus', { round })
    : undefined
}

function elsewhere(height: Height, current: Height): Unwanted {
  const facts = { height, current }
  if (height < current) return ignore('height_past', facts)
  // A node one or two blocks behind judges these when it has caught up.
  const near = height <= current + HEIGHTS_PARKED_MAX
  return { kind: near ? 'park' : 'ignore', refusal: refusal('height_ahead', facts) }
}

function ignore(code: string, facts: Refusal['facts']): Unwanted {
  return { kind: 'ignore', refusal: refusal(code, facts) }
}

function reject(code: string, facts: Refusal['facts']): Admission {
  return { kind: 'reject', refusal: refusal(code, facts) }
}
