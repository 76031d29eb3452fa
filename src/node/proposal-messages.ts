/** A proposal as it goes out: itself, then every part of its body. */

import { cutBody, proposalParts } from '../consensus/parts.ts'
import type { Proposal, ProposalMessage } from '../consensus/types.ts'
import type { NodeState } from './state.ts'

export function proposalMessages({ bodies }: NodeState, proposal: Proposal): ProposalMessage[] {
  const body = bodies.get(proposal.value)
  const parts = body === undefined ? [] : proposalParts(proposal, cutBody(body.bytes))
  return [{ kind: 'proposal', proposal }, ...parts.map((part) => ({ kind: 'part', part }) as const)]
}
