/** Why: for every id that anybody may ask about, its state, the reason, and the steps that led there. */

import { z } from 'zod'

import { explain } from '../../ledger/explain.ts'
import type { Reader } from '../../ledger/state.ts'
import { proposalView } from './governance.ts'
import { Fact, factsOf, Height, Id } from './json.ts'

export const ExplainView = z.object({
  id: Id,
  kind: z.string(),
  state: z.string(),
  summary: z.string(),
  reason: z.string(),
  facts: z.record(z.string(), Fact),
  steps: z.array(
    z.object({
      height: Height,
      kind: z.string(),
      reason: z.string(),
      facts: z.record(z.string(), Fact),
    }),
  ),
  hint: z.string(),
})
type ExplainView = z.infer<typeof ExplainView>

/** Undefined for an id that nothing in the state bears. */
export function explainView(
  reader: Reader,
  id: string,
  hintOf: (reason: string) => string | undefined,
): ExplainView | undefined {
  const known = explain(reader, id)
  if (known === undefined) return explainProposal(reader, id, hintOf)
  const { kind, state, reason, facts, history } = known
  return {
    id,
    kind,
    state,
    summary: summaryOf(kind, state, reason),
    reason,
    facts: factsOf(facts),
    steps: history.map(({ height, what, reason: why }) => ({
      height: Number(height),
      kind: what,
      reason: why,
      facts: {},
    })),
    hint: hintOf(reason) ?? '',
  }
}

function explainProposal(
  reader: Reader,
  id: string,
  hintOf: (reason: string) => string | undefined,
): ExplainView | undefined {
  const proposal = proposalView(reader, id)
  if (proposal === undefined) return undefined
  const { phase, reason, openedHeight, votingHeight, appliedHeight, phaseEnds, deposit } = proposal
  const steps = [
    { height: openedHeight, kind: 'opened', reason: '', facts: {} },
    ...(votingHeight === null
      ? []
      : [{ height: votingHeight, kind: 'voting', reason: '', facts: {} }]),
    ...(appliedHeight === null
      ? []
      : [{ height: appliedHeight, kind: 'applied', reason: '', facts: {} }]),
  ]
  return {
    id,
    kind: 'proposal',
    state: phase,
    summary: summaryOf('proposal', phase, reason),
    reason,
    facts: { title: proposal.title, phaseEndsHeight: phaseEnds, depositNblock: deposit },
    steps,
    hint: hintOf(reason) ?? '',
  }
}

function summaryOf(kind: string, state: string, reason: string): string {
  const why = reason === '' ? '' : `: ${reason.replaceAll('_', ' ')}`
  return `The ${kind} is ${state}${why}.`
}
