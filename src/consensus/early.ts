/** Messages of the next height that arrive while this one is being decided: kept, bounded. */

import { refusal } from '../base/refusal.ts'
import type { Context } from './context.ts'
import {
  type ConsensusState,
  EARLY_PROPOSALS_MAX,
  EARLY_ROUNDS_MAX,
  EARLY_VOTES_MAX,
} from './state.ts'
import type { Height, Proposal, Round, Vote } from './types.ts'

export type EarlyMessage =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }

/** True when the vote is of another height and has been dealt with. */
export function keepEarlyVote(context: Context, vote: Vote): boolean {
  if (vote.height === context.height) return false
  const { votes } = context.state.early
  const key = `${vote.round} ${vote.type} ${vote.validator}`
  if (!isNext(context, vote) || votes.size >= EARLY_VOTES_MAX) dropForeign(context, vote.height)
  else if (!votes.has(key)) votes.set(key, vote)
  return true
}

/** True when the proposal is of another height and has been dealt with. */
export function keepEarlyProposal(context: Context, proposal: Proposal): boolean {
  if (proposal.height === context.height) return false
  const { proposals } = context.state.early
  if (!isNext(context, proposal) || proposals.length >= EARLY_PROPOSALS_MAX) {
    dropForeign(context, proposal.height)
  } else {
    proposals.push(proposal)
  }
  return true
}

/** What was kept for `height`; the rest is forgotten. */
export function takeEarly(state: ConsensusState, height: Height): EarlyMessage[] {
  const { votes, proposals } = state.early
  const taken: EarlyMessage[] = [
    ...proposals.map((proposal) => ({ kind: 'proposal', proposal }) as const),
    ...[...votes.values()].map((vote) => ({ kind: 'vote', vote }) as const),
  ]
  votes.clear()
  proposals.length = 0
  return taken.filter((each) =>
    each.kind === 'vote' ? each.vote.height === height : each.proposal.height === height,
  )
}

function isNext(
  context: Context,
  message: { readonly height: Height; readonly round: Round },
): boolean {
  return message.height === context.height + 1n && message.round < EARLY_ROUNDS_MAX
}

function dropForeign(context: Context, height: Height): void {
  const code = height < context.height ? 'height_past' : 'height_ahead'
  context.drop(refusal(code, { height, current: context.height }))
}
