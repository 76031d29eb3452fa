/** `tb-cli gov show [ID]`: one proposal with its votes, or all of them. */

import { showAmount } from '../amounts.ts'
import type { Items, Proposal } from '../answers.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report, reportList } from '../context.ts'
import { toPairs } from '../render.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  if (input.args[0] === undefined) {
    const { items, next } = await client.get<Items<Proposal>>('/blocktorch/gov/proposals')
    const columns = ['id', 'phase', 'phaseEnds', 'kind', 'title', 'reason']
    reportList(context, { name: 'proposals', columns, rows: items, beside: { ok: true, next } })
    return
  }
  const id = idArgument(input)
  const proposal = await client.get<Proposal>(`/blocktorch/gov/proposals/${id}`)
  report(context, { ok: true, ...proposal }, () => words(proposal))
}

function words(proposal: Proposal): string {
  const { tally, items } = proposal
  const votes = `${tally.yes} yes, ${tally.no} no, ${tally.abstain} abstain, ${tally.veto} veto of ${tally.total}`
  return toPairs([
    ['proposal', proposal.id],
    ['title', proposal.title],
    ['phase', `${proposal.phase} until #${proposal.phaseEnds}`],
    ['reason', proposal.reason],
    ['proposer', proposal.proposer],
    ['deposit', showAmount(proposal.deposit)],
    ['votes', votes],
    ...(proposal.kind === 'rollback' ? [['rolls back', proposal.rollback] as const] : []),
    ...items.map(({ key, value }) => [key, value] as const),
    ['shadow', `${proposal.shadowDiffs} decisions would have been different`],
    ...proposal.shadow.map(
      ({ epoch, judgement, seen, differing, current, proposed }) =>
        [
          `epoch ${epoch}`,
          `${judgement}: ${differing} of ${seen} differ, ${current} now, ${proposed} proposed`,
        ] as const,
    ),
    ['applied', proposal.appliedHeight === null ? 'no' : `#${proposal.appliedHeight}`],
  ])
}
