/**
 * The end of a block for proposals: each open one moves as far as this height takes it.
 *
 * Invariants
 *   - New values are in force from the next height, on every node the same.
 *   - In the shadow phase judgements are counted and nothing else changes.
 *   - A change that no longer fits when its turn comes is rejected with the reason.
 *
 * Source: protocol.md §7; the edges stand in governance/proposal.ts.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Changed } from '../governance/change.ts'
import type { Params } from '../governance/params.ts'
import { type Edge, isOpenPhase, nextEdge } from '../governance/proposal.ts'
import type { Judged } from '../governance/shadow.ts'
import type { Execution } from './execution.ts'
import { activeParams } from './parameters.ts'
import { proposedParams, putInForce, undone } from './proposals-change.ts'
import { close, giveBack, requireProposal, setPhase } from './proposals-phases.ts'
import {
  ELECTORATES,
  KIND_ROLLBACK,
  openProposals,
  PROPOSALS,
  type ProposalRecord,
  phaseOf,
  proposalOf,
  RECALLS,
  tallyOf,
} from './proposals-records.ts'
import { judgedInBlock, shadowBlock } from './shadow.ts'
import { memberOf, totalPower, validatorsAt } from './validators.ts'

/** At the end of a block: every open proposal moves as far as this height takes it. */
export function governAtEnd(execution: Execution): void {
  const open = openProposals(execution.view)
  if (open.length === 0) return
  const judged = judgedInBlock(execution)
  for (const id of open) {
    // A rollback that was enacted a moment ago may have closed this one.
    const record = proposalOf(execution.view, id)
    if (record !== undefined && isOpenPhase(phaseOf(record))) {
      advance(execution, id, record, judged)
    }
  }
}

function advance(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  judged: readonly Judged[],
): void {
  const { view, block } = execution
  const phase = phaseOf(record)
  assert(isOpenPhase(phase), 'only open proposals advance')
  const outcome = phase === 'shadow' ? proposedParams(execution, record) : undefined
  const counted =
    outcome !== undefined && 'params' in outcome
      ? watched(execution, id, record, outcome.params, judged)
      : record
  const edge = nextEdge(
    {
      phase,
      isOver: block.height >= record.phaseEnds,
      isRollback: record.kind === KIND_ROLLBACK,
      tally: () => tallyOf(view, id, record),
      fault: () =>
        outcome !== undefined && 'refused' in outcome ? outcome.refused.code : undefined,
      recall: () => recallOf(execution, id),
    },
    block.params,
  )
  if (edge !== undefined) follow(execution, id, counted, edge, outcome)
}

function watched(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  proposed: Params,
  judged: readonly Judged[],
): ProposalRecord {
  const differences = shadowBlock(execution, { id, proposed }, judged)
  if (differences === 0n) return record
  const counted = { ...record, shadowDiffs: record.shadowDiffs + differences }
  execution.view.put(PROPOSALS, id, counted)
  return counted
}

function recallOf({ view, block }: Execution, id: string) {
  const members = validatorsAt(view, block.height)
  const power = view
    .entries(RECALLS, `${id}/`)
    .map(([key]) => memberOf(members, key.slice(id.length + 1))?.power ?? 0n)
    .reduce((sum, each) => sum + each, 0n)
  return { power, total: totalPower(members) }
}

function follow(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  edge: Edge,
  outcome: Changed | undefined,
): void {
  switch (phaseOf(record)) {
    case 'voting': {
      const tally = tallyOf(execution.view, id, record)
      leaveVoting(execution, id, { ...record, tally }, edge)
      return
    }
    case 'shadow':
      if (edge.to === 'rejected') {
        close(execution, id, record, edge)
        return
      }
      assert(outcome !== undefined && 'params' in outcome, 'what is applied fits')
      enact(execution, id, record, edge, outcome.params)
      return
    case 'applied':
      if (edge.to === 'rolled-back') recall(execution, id, record, edge)
      else close(execution, id, record, edge)
      return
    case 'deposit':
    case 'timelock':
      if (isOpenPhase(edge.to)) setPhase(execution, id, record, edge)
      else close(execution, id, record, edge)
      return
    case 'final':
    case 'rejected':
    case 'expired':
    case 'rolled-back':
      assert(false, 'a closed proposal has no edge')
  }
}

function leaveVoting(execution: Execution, id: string, record: ProposalRecord, edge: Edge): void {
  execution.view.remove(ELECTORATES, id)
  if (edge.to === 'rejected') {
    close(execution, id, record, edge)
    return
  }
  giveBack(execution, id)
  setPhase(execution, id, { ...record, deposit: 0n }, edge)
}

/** Puts the new values in force from the next height on. */
function enact(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  edge: Edge,
  params: Params,
): void {
  const { view, block } = execution
  const { version: versionBefore } = activeParams(view)
  const versionAfter = putInForce(execution, id, params)
  const appliedHeight = block.height + 1n
  const applied = { ...record, appliedHeight, versionBefore, versionAfter }
  if (record.kind !== KIND_ROLLBACK) {
    setPhase(execution, id, applied, edge)
    return
  }
  const target = toHex(record.rollback)
  markRolledBack(execution, target, requireProposal(view, target), 'rolled_back')
  close(execution, id, applied, edge)
}

/** Validators recalled it: what was before is in force again, if it still can be. */
function recall(execution: Execution, id: string, record: ProposalRecord, edge: Edge): void {
  const outcome = undone(execution, record)
  if ('refused' in outcome) {
    close(execution, id, record, { to: 'final', reason: outcome.refused.code })
    return
  }
  putInForce(execution, id, outcome.params)
  markRolledBack(execution, id, record, edge.reason)
}

/** From watched, or from final: the only way out of a closed phase. */
function markRolledBack(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  reason: string,
): void {
  const edge: Edge = { to: 'rolled-back', reason }
  if (isOpenPhase(phaseOf(record))) close(execution, id, record, edge)
  else setPhase(execution, id, record, edge)
}
