/**
 * How the machine says something: asks the sign guard, waits for guard and log, lets it out.
 *
 * Invariant: nothing leaves the outbox before its signature came back (the guard's record is then
 * durable) and the log is durable up to the entries it rests on.
 */

import { assert } from '../base/assert.ts'
import type { Refusal } from '../base/refusal.ts'
import type { Context } from './context.ts'
import type { CoreOutput } from './core.ts'
import type { SignRequest } from './sign-guard.ts'
import { type HeightState, type Pending, polkaOf } from './state.ts'
import {
  type Proposal,
  type ProposalClaim,
  type QuorumCertificate,
  sameProposalClaim,
  type ValueId,
  type Vote,
} from './types.ts'
import { firstVote, sameClaim } from './vote-keeper.ts'

export type Said = (
  context: Context,
  message: { readonly vote: Vote } | { readonly proposal: Proposal },
) => void

export function outboxKey({ step, claim }: SignRequest): string {
  return `${claim.round} ${step}`
}

/** Asks for a signature on a vote; an observer, or one that has voted already, asks nothing. */
export function requestVote(
  context: Context,
  { type, height, round, value, validRound }: CoreOutput & { readonly kind: 'vote' },
): void {
  const { self } = context.current.setup
  if (self === undefined) return
  const claim = { type, height, round, value, validRound }
  if (firstVote(context.current.driver.keeper, claim, self) !== undefined) return
  if (type === 'precommit' && value !== null) {
    assert(context.current.driver.core.lockedRound === round, 'a precommit is under its lock')
  }
  request(context, { step: type, claim }, null)
}

/** Asks for a signature on a proposal of a block that was built here or proposed before. */
export function requestProposal(
  context: Context,
  { height, round, value, validRound }: CoreOutput & { readonly kind: 'proposal' },
): void {
  const { current } = context
  const { self } = current.setup
  const body = bodyOf(current, value)
  if (self === undefined || body === undefined) return
  const polka = validRound < 0 ? null : (polkaOf(current, validRound, value) ?? null)
  // Without its polka nobody could answer the proposal; the round passes instead.
  if (validRound >= 0 && polka === null) return
  const claim: ProposalClaim = { height, round, validRound, value, proposer: self, ...body }
  request(context, { step: 'proposal', claim }, polka)
}

/** The guard's record is durable. */
export function onSigned(
  context: Context,
  answered: SignRequest,
  signature: Uint8Array,
  said: Said,
): void {
  const pending = context.current.outbox.get(outboxKey(answered))
  if (pending === undefined || !sameRequest(pending.request, answered)) return
  pending.signature = signature
  release(context, pending, said)
}

/** The step passes without this node's word; it signed something else there before. */
export function onSignRefused(context: Context, answered: SignRequest, refusal: Refusal): void {
  const key = outboxKey(answered)
  const pending = context.current.outbox.get(key)
  if (pending === undefined || !sameRequest(pending.request, answered)) return
  context.current.outbox.delete(key)
  context.fact({ kind: 'sign-refused', refusal })
}

/** The log is durable up to `sequence`. */
export function onJournalled(context: Context, sequence: number, said: Said): void {
  const { state } = context
  assert(sequence <= state.journalSequence, 'only what was written is durable')
  state.journalledUpTo = Math.max(state.journalledUpTo, sequence)
  if (state.current === undefined) return
  for (const pending of Array.from(state.current.outbox.values())) release(context, pending, said)
}

function request(context: Context, wanted: SignRequest, polka: QuorumCertificate | null): void {
  const after = context.sequence
  context.current.outbox.set(outboxKey(wanted), {
    request: wanted,
    after,
    signature: undefined,
    polka,
  })
  context.perform({ kind: 'sign', request: wanted })
}

function release(context: Context, pending: Pending, said: Said): void {
  const { state, current } = context
  const { request: wanted, signature, after, polka } = pending
  const key = outboxKey(wanted)
  if (signature === undefined || after > state.journalledUpTo) return
  if (current.outbox.get(key) !== pending) return
  assert(state.phase !== 'decided', 'after a decision nothing is said')
  current.outbox.delete(key)
  const { self, height } = current.setup
  assert(self !== undefined && wanted.claim.height === height, 'only a validator speaks')
  if (wanted.step === 'proposal') {
    const proposal: Proposal = { ...wanted.claim, signature, polka }
    context.perform({ kind: 'publish-proposal', proposal })
    said(context, { proposal })
    return
  }
  const vote: Vote = { ...wanted.claim, validator: self, signature }
  const { round, type, value } = vote
  context.perform({ kind: 'publish-vote', vote })
  context.fact({ kind: 'voted', height, round, type, value })
  said(context, { vote })
}

function bodyOf(
  current: HeightState,
  value: ValueId,
): Pick<ProposalClaim, 'partsRoot' | 'partsCount' | 'bodyBytes'> | undefined {
  const built = [...current.built.values()].find((each) => each.value === value)
  const proposed = [...current.proposals.values()].flat().find((each) => each.value === value)
  const source = built ?? proposed
  if (source === undefined) return undefined
  const { partsRoot, partsCount, bodyBytes } = source
  return { partsRoot, partsCount, bodyBytes }
}

function sameRequest(left: SignRequest, right: SignRequest): boolean {
  if (left.step === 'proposal') {
    return right.step === 'proposal' && sameProposalClaim(left.claim, right.claim)
  }
  return right.step !== 'proposal' && sameClaim(left.claim, right.claim)
}
