/**
 * Proposals on the ledger: proposing, depositing, voting.
 *
 * Phases and edges stand in `governance/proposal.ts`, the end of a block in
 * `proposals-advance.ts`; here is what transactions may do.
 *
 * Invariants
 *   - What is proposed fits the parameters in force: bounds, steps and invariants.
 *   - Only the electorate frozen when voting opened votes; its power is the bonds of that height.
 *   - Deposits go back to who made them when the vote closes or the proposal expires, unless it is
 *     vetoed: then they are burned.
 *
 * Source: protocol.md §7.
 */

import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { changesNothing } from '../governance/change.ts'
import { INITIAL_DEPOSIT_DIVISOR, PHASES } from '../governance/proposal.ts'
import { optionOf } from '../governance/tally.ts'
import { account, move, pot } from './accounts.ts'
import { type Execution, emit } from './execution.ts'
import { fitted, undone } from './proposals-change.ts'
import { close, requireProposal, setPhase } from './proposals-phases.ts'
import {
  DEPOSITORS_MAX,
  ELECTORATES,
  itemsOf,
  KIND_CHANGE,
  KIND_ROLLBACK,
  OPEN_PROPOSALS,
  OPEN_PROPOSALS_MAX,
  openProposals,
  PROPOSAL_DEPOSITS,
  PROPOSAL_VOTES,
  PROPOSALS,
  type ProposalRecord,
  phaseOf,
  proposalOf,
  RECALLS,
} from './proposals-records.ts'
import type { Reader } from './state.ts'
import type { ActionPayload } from './types/transaction.ts'
import { memberOf, validatorsAt } from './validators.ts'

export { PHASES } from '../governance/proposal.ts'
export { governAtEnd } from './proposals-advance.ts'
export {
  depositedByProposals,
  itemsOf,
  type ProposalRecord,
  phaseOf,
  proposalOf,
  proposalsOf,
  proposalsOpen,
  tallyOf,
} from './proposals-records.ts'

const NO_TALLY = { yes: 0n, no: 0n, abstain: 0n, veto: 0n, total: 0n }

/** @throws RefusalError proposal_* | param_* | balance_insufficient. */
export function applyPropose(
  execution: Execution,
  sender: string,
  id: string,
  payload: ActionPayload<'propose'>,
): void {
  const { view, block } = execution
  const { kind, rollback, title, items, deposit } = payload
  requireSound(execution, payload)
  const least = block.params.gov_deposit / INITIAL_DEPOSIT_DIVISOR
  if (deposit < least) refuse('proposal_deposit_too_small', { deposit, least })
  makeRoom(execution, deposit)
  const record: ProposalRecord = {
    proposer: fromHex(sender),
    kind,
    rollback,
    title,
    items,
    phase: PHASES.indexOf('deposit'),
    reason: utf8('awaiting_deposit'),
    openedHeight: block.height,
    votingHeight: 0n,
    phaseEnds: block.height + block.params.gov_deposit_blocks,
    tally: NO_TALLY,
    deposit: 0n,
    shadowDiffs: 0n,
    appliedHeight: 0n,
    versionBefore: 0,
    versionAfter: 0,
  }
  view.put(PROPOSALS, id, record)
  view.put(OPEN_PROPOSALS, id, { openedHeight: block.height })
  const reason = kind === KIND_ROLLBACK ? 'rollback' : 'change'
  emit(execution, { kind: 'proposal-opened', subject: id, actor: sender, value: deposit, reason })
  addDeposit(execution, id, record, sender, deposit)
}

function requireSound(execution: Execution, payload: ActionPayload<'propose'>): void {
  const { kind, rollback, items } = payload
  if (kind === KIND_ROLLBACK) {
    if (items.length > 0) refuse('proposal_kind_unknown', { kind, items: items.length })
    requireRollback(execution, toHex(rollback))
    return
  }
  if (kind !== KIND_CHANGE) refuse('proposal_kind_unknown', { kind })
  const changes = itemsOf(payload)
  if (changesNothing(execution.block.params, changes)) refuse('proposal_empty')
  const outcome = fitted(execution, changes, false)
  if ('refused' in outcome) refuse(outcome.refused.code, outcome.refused.facts)
}

function requireRollback(execution: Execution, target: string): void {
  const record = proposalOf(execution.view, target)
  if (record === undefined) refuse('proposal_unknown', { proposal: target })
  const phase = phaseOf(record)
  if (record.kind === KIND_ROLLBACK || (phase !== 'applied' && phase !== 'final')) {
    refuse('proposal_not_applied', { proposal: target, phase })
  }
  const outcome = undone(execution, record)
  if ('refused' in outcome) refuse(outcome.refused.code, outcome.refused.facts)
}

/** With all places taken, the lowest deposit that has not reached the vote gives way to a higher. */
function makeRoom(execution: Execution, deposit: bigint): void {
  const { view } = execution
  const open = openProposals(view)
  if (open.length < OPEN_PROPOSALS_MAX) return
  const waiting = open
    .map((id) => ({ id, record: requireProposal(view, id) }))
    .filter(({ record }) => phaseOf(record) === 'deposit')
    .sort((left, right) => (left.record.deposit < right.record.deposit ? -1 : 1))
  const [lowest] = waiting
  if (lowest === undefined || lowest.record.deposit >= deposit) {
    refuse('proposal_limit', { open: OPEN_PROPOSALS_MAX })
  }
  close(execution, lowest.id, lowest.record, { to: 'expired', reason: 'displaced' })
}

/** @throws RefusalError proposal_unknown | proposal_closed | proposal_limit. */
export function applyDeposit(
  execution: Execution,
  sender: string,
  _txId: string,
  { proposal, value }: ActionPayload<'deposit'>,
): void {
  const id = toHex(proposal)
  const record = requireProposal(execution.view, id)
  if (phaseOf(record) !== 'deposit') refuse('proposal_closed', { phase: phaseOf(record) })
  if (value === 0n) refuse('proposal_deposit_too_small', { deposit: value, least: 1n })
  addDeposit(execution, id, record, sender, value)
}

function addDeposit(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  sender: string,
  value: bigint,
): void {
  const { view, block } = execution
  const key = `${id}/${sender}`
  const before = view.get(PROPOSAL_DEPOSITS, key)
  const depositors = view.entries(PROPOSAL_DEPOSITS, `${id}/`).length
  if (before === undefined && depositors >= DEPOSITORS_MAX) {
    refuse('proposal_limit', { depositors: DEPOSITORS_MAX })
  }
  move(execution, account(sender), pot('deposits'), value)
  if (value > 0n) view.put(PROPOSAL_DEPOSITS, key, { value: (before?.value ?? 0n) + value })
  emit(execution, { kind: 'proposal-deposit', subject: id, actor: sender, value })
  const funded = { ...record, deposit: record.deposit + value }
  if (funded.deposit < block.params.gov_deposit) view.put(PROPOSALS, id, funded)
  else openVoting(execution, id, funded)
}

/** Freezes who votes, and with what power, at this height. */
function openVoting(execution: Execution, id: string, record: ProposalRecord): void {
  const { view, block } = execution
  const members = validatorsAt(view, block.height)
  view.put(ELECTORATES, id, {
    voters: members.map(({ id: voter, power }) => ({ id: voter, power })),
  })
  const opened = { ...record, votingHeight: block.height }
  setPhase(execution, id, opened, { to: 'voting', reason: 'deposit_reached' })
}

/**
 * A vote while voting is open; a later one replaces an earlier. While an applied change is watched
 * its validators of today may veto it, once each: that recalls it.
 *
 * @throws RefusalError proposal_unknown | proposal_closed | vote_option_unknown | vote_without_power.
 */
export function applyVote(
  execution: Execution,
  sender: string,
  _txId: string,
  { proposal, option }: ActionPayload<'vote'>,
): void {
  const { view, block } = execution
  const id = toHex(proposal)
  const record = requireProposal(view, id)
  const name = optionOf(option)
  if (name === undefined) refuse('vote_option_unknown', { option })
  const phase = phaseOf(record)
  const isRecall = phase === 'applied' && name === 'veto'
  if (phase !== 'voting' && !isRecall) refuse('proposal_closed', { phase })
  const power = isRecall
    ? memberOf(validatorsAt(view, block.height), sender)?.power
    : frozenPower(view, id, sender)
  if (power === undefined) refuse('vote_without_power', { account: sender })
  if (isRecall) view.put(RECALLS, `${id}/${sender}`, { height: block.height })
  else view.put(PROPOSAL_VOTES, `${id}/${sender}`, { option, power })
  const reason = isRecall ? 'recall' : name
  emit(execution, { kind: 'proposal-vote', subject: id, actor: sender, count: power, reason })
}

function frozenPower(reader: Reader, id: string, voter: string): bigint | undefined {
  const voters = reader.get(ELECTORATES, id)?.voters ?? []
  return voters.find((each) => toHex(each.id) === voter)?.power
}
