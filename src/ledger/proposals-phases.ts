/**
 * Moving a proposal from phase to phase, and its deposits with it.
 *
 * Invariant: a closed proposal holds no deposit; deposits are burned only by a veto.
 */

import { utf8 } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import type { Params } from '../governance/params.ts'
import { type Edge, isOpenPhase, PHASE_LENGTH, PHASES, type Phase } from '../governance/proposal.ts'
import { account, move, pot } from './accounts.ts'
import { type Execution, emit } from './execution.ts'
import {
  keepClosed,
  PROPOSAL_DEPOSITS,
  PROPOSALS,
  type ProposalRecord,
  proposalOf,
} from './proposals-records.ts'
import type { Reader } from './state.ts'

export function requireProposal(reader: Reader, id: string): ProposalRecord {
  return proposalOf(reader, id) ?? refuse('proposal_unknown', { proposal: id })
}

export function setPhase(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  { to, reason }: Edge,
): void {
  const { view, block } = execution
  const phaseEnds = block.height + phaseBlocks(to, block.params)
  view.put(PROPOSALS, id, { ...record, phase: PHASES.indexOf(to), phaseEnds, reason: utf8(reason) })
  emit(execution, { kind: 'proposal-moved', subject: id, count: phaseEnds, reason: to })
}

function phaseBlocks(phase: Phase, params: Params): bigint {
  return isOpenPhase(phase) ? params[PHASE_LENGTH[phase]] : 0n
}

/** Ends a proposal; deposits still held go back, or are burned if it was vetoed. */
export function close(execution: Execution, id: string, record: ProposalRecord, edge: Edge): void {
  if (edge.reason === 'vetoed') burnDeposits(execution, id)
  else giveBack(execution, id)
  setPhase(execution, id, { ...record, deposit: 0n }, edge)
  keepClosed(execution.view, id, execution.block.height)
}

export function giveBack(execution: Execution, id: string): void {
  for (const [key, { value }] of execution.view.entries(PROPOSAL_DEPOSITS, `${id}/`)) {
    move(execution, pot('deposits'), account(key.slice(id.length + 1)), value)
    execution.view.remove(PROPOSAL_DEPOSITS, key)
  }
}

function burnDeposits(execution: Execution, id: string): void {
  for (const [key, { value }] of execution.view.entries(PROPOSAL_DEPOSITS, `${id}/`)) {
    const actor = key.slice(id.length + 1)
    move(execution, pot('deposits'), pot('burned'), value)
    execution.view.remove(PROPOSAL_DEPOSITS, key)
    emit(execution, { kind: 'burned', subject: id, actor, value, reason: 'vetoed' })
  }
}
