/**
 * Proposals in state: from deposit to the new value in force, all by height.
 *
 *   deposit -> voting -> timelock -> shadow -> applied (watched) -> final
 *      |          |                     |          '-> rolled-back   by a later proposal
 *      '-> expired'-> rejected          '-> rejected  it no longer fits
 *
 * Invariants
 *   - Everything moves at the end of a block, at the same height on every node.
 *   - Deposits go back to who made them, unless the proposal is vetoed: then they are burned.
 *   - In the shadow phase differences are counted and nothing else changes.
 *
 * Source: protocol.md §7.
 */

import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import {
  byteList,
  bytes32,
  container,
  type Decoded,
  list,
  u8,
  u32,
  u64,
  u128,
} from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import { changedParams, type ParamChange } from '../governance/change.ts'
import { isParamKey, type Params } from '../governance/params.ts'
import { countDifferences, type Judged } from '../governance/shadow.ts'
import {
  isComplete,
  judgeTally,
  OPTIONS,
  optionOf,
  type Tally,
  tallyVotes,
} from '../governance/tally.ts'
import { account, move, pot } from './accounts.ts'
import { type Execution, emit } from './execution.ts'
import { ATTEMPTS, attemptKey, JOBS } from './market-records.ts'
import { activeParams, enactParams, paramsAt } from './parameters.ts'
import { type Reader, table } from './state.ts'
import type { LedgerEvent } from './types/event.ts'
import { type ActionPayload, PROPOSAL_ITEMS_MAX } from './types/transaction.ts'
import { memberOf, totalPower, validatorsAt } from './validators.ts'

export const PHASES = [
  'deposit',
  'voting',
  'timelock',
  'shadow',
  'applied',
  'final',
  'rejected',
  'expired',
  'rolled-back',
] as const
export type Phase = (typeof PHASES)[number]

/** Proposals that may be open at once. */
export const OPEN_PROPOSALS_MAX = 32
const KIND_CHANGE = 1
const KIND_ROLLBACK = 2
const DEPOSITS_MAX = 64

const Item = container({ key: byteList(64), value: u64 })
const ProposalCodec = container({
  proposer: bytes32,
  kind: u8,
  rollback: bytes32,
  title: byteList(128),
  items: list(Item, PROPOSAL_ITEMS_MAX),
  phase: u8,
  reason: byteList(64),
  openedHeight: u64,
  /** Height at which voting opened; whose validators vote. */
  votingHeight: u64,
  /** Last height of the present phase. */
  phaseEnds: u64,
  deposit: u128,
  /** Judgements that would have differed, in the shadow phase. */
  shadowDiffs: u64,
  appliedHeight: u64,
  /** The version in force before it was applied; for rolling back. */
  versionBefore: u32,
  /** The version it put in force. */
  versionAfter: u32,
})
export type ProposalRecord = Decoded<typeof ProposalCodec>
export const PROPOSALS = table('proposals', ProposalCodec)
const DEPOSITS = table('proposal-deposits', container({ value: u128 }))
const VotesCodec = container({ option: u8, power: u64 })
const VOTES = table('proposal-votes', VotesCodec)
/** Proposals that still move, by id. */
const OPEN = table('open-proposals', container({ openedHeight: u64 }))

export function proposalOf(reader: Reader, id: string): ProposalRecord | undefined {
  return reader.get(PROPOSALS, id)
}

export function proposalsOf(reader: Reader): readonly (readonly [string, ProposalRecord])[] {
  return reader.entries(PROPOSALS)
}

export function phaseOf({ phase }: ProposalRecord): Phase {
  return PHASES[phase] as Phase
}

export function itemsOf({ items }: ProposalRecord): ParamChange[] {
  return items.map(({ key, value }) => ({ key: new TextDecoder().decode(key), value }))
}

/** True while a proposal moves by height: then a block is due each interval. */
export function proposalsOpen(reader: Reader): boolean {
  return reader.entries(OPEN).length > 0
}

export function tallyOf(reader: Reader, id: string, record: ProposalRecord): Tally {
  const votes = reader.entries(VOTES, `${id}/`).map(([, { option, power }]) => ({
    option: OPTIONS[option - 1] as (typeof OPTIONS)[number],
    power,
  }))
  const members = record.votingHeight === 0n ? [] : validatorsAt(reader, record.votingHeight)
  return tallyVotes(votes, totalPower(members))
}

export function depositedByProposals(reader: Reader): bigint {
  return reader.entries(DEPOSITS).reduce((sum, [, { value }]) => sum + value, 0n)
}

export function applyPropose(
  execution: Execution,
  sender: string,
  id: string,
  payload: ActionPayload<'propose'>,
): void {
  const { view, block } = execution
  if (view.entries(OPEN).length >= OPEN_PROPOSALS_MAX) {
    refuse('proposal_limit', { open: OPEN_PROPOSALS_MAX })
  }
  requireSound(execution, payload)
  const record: ProposalRecord = {
    proposer: fromHex(sender),
    ...{ kind: payload.kind, rollback: payload.rollback, title: payload.title },
    items: payload.items,
    phase: PHASES.indexOf('deposit'),
    reason: utf8('awaiting_deposit'),
    openedHeight: block.height,
    votingHeight: 0n,
    phaseEnds: block.height + block.params.gov_deposit_blocks,
    ...{ deposit: 0n, shadowDiffs: 0n, appliedHeight: 0n, versionBefore: 0, versionAfter: 0 },
  }
  view.put(PROPOSALS, id, record)
  view.put(OPEN, id, { openedHeight: block.height })
  emit(execution, { kind: 'proposal-opened', subject: id, actor: sender })
  addDeposit(execution, id, record, sender, payload.deposit)
}

function requireSound(execution: Execution, payload: ActionPayload<'propose'>): void {
  const { view, block } = execution
  if (payload.kind === KIND_ROLLBACK) {
    const target = proposalOf(view, toHex(payload.rollback))
    if (target === undefined) refuse('proposal_unknown', { proposal: toHex(payload.rollback) })
    if (phaseOf(target) !== 'applied' && phaseOf(target) !== 'final') {
      refuse('proposal_not_applied', { phase: phaseOf(target) })
    }
    return
  }
  if (payload.kind !== KIND_CHANGE) refuse('proposal_kind_unknown', { kind: payload.kind })
  if (payload.items.length === 0) refuse('proposal_empty', {})
  const items = payload.items.map(({ key, value }) => ({
    key: new TextDecoder().decode(key),
    value,
  }))
  const outcome = changedParams(block.params, items, validatorsAt(view, block.height).length)
  if ('refused' in outcome) refuse(outcome.refused.code, outcome.refused.facts)
}

export function applyDeposit(
  execution: Execution,
  sender: string,
  _id: string,
  { proposal, value }: ActionPayload<'deposit'>,
): void {
  const id = toHex(proposal)
  const record = requireProposal(execution, id)
  if (phaseOf(record) !== 'deposit') refuse('proposal_closed', { phase: phaseOf(record) })
  addDeposit(execution, id, record, sender, value)
}

function requireProposal({ view }: Execution, id: string): ProposalRecord {
  return proposalOf(view, id) ?? refuse('proposal_unknown', { proposal: id })
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
  const before = view.get(DEPOSITS, key)
  const depositors = view.entries(DEPOSITS, `${id}/`).length
  if (before === undefined && depositors >= DEPOSITS_MAX) {
    refuse('proposal_limit', { deposits: DEPOSITS_MAX })
  }
  move(execution, account(sender), pot('deposits'), value)
  if (value > 0n) view.put(DEPOSITS, key, { value: (before?.value ?? 0n) + value })
  const deposit = record.deposit + value
  emit(execution, { kind: 'proposal-deposit', subject: id, actor: sender, value })
  if (deposit < block.params.gov_deposit) {
    view.put(PROPOSALS, id, { ...record, deposit })
    return
  }
  const voting = { ...record, deposit, votingHeight: block.height }
  enter(execution, id, voting, 'voting', block.params.gov_voting_blocks, 'deposit_reached')
}

export function applyVote(
  execution: Execution,
  sender: string,
  _id: string,
  { proposal, option }: ActionPayload<'vote'>,
): void {
  const { view } = execution
  const id = toHex(proposal)
  const record = requireProposal(execution, id)
  if (phaseOf(record) !== 'voting') refuse('proposal_closed', { phase: phaseOf(record) })
  const name = optionOf(option)
  if (name === undefined) refuse('vote_option_unknown', { option })
  const member = memberOf(validatorsAt(view, record.votingHeight), sender)
  if (member === undefined) refuse('vote_without_power', { account: sender })
  view.put(VOTES, `${id}/${sender}`, { option, power: member.power })
  emit(execution, {
    kind: 'proposal-vote',
    subject: id,
    actor: sender,
    count: member.power,
    reason: name,
  })
}

/** At the end of a block: every open proposal moves as far as this height takes it. */
export function governAtEnd(execution: Execution): void {
  for (const [id] of execution.view.entries(OPEN)) {
    const record = requireProposal(execution, id)
    advance(execution, id, record)
  }
}

function advance(execution: Execution, id: string, record: ProposalRecord): void {
  const { view, block } = execution
  const over = block.height >= record.phaseEnds
  switch (phaseOf(record)) {
    case 'deposit':
      if (over) end(execution, id, record, 'expired', 'deposit_missed')
      return
    case 'voting': {
      const tally = tallyOf(view, id, record)
      if (over || isComplete(tally)) closeVote(execution, id, record, tally)
      return
    }
    case 'timelock':
      if (over)
        enter(execution, id, record, 'shadow', block.params.gov_shadow_blocks, 'timelock_over')
      return
    case 'shadow':
      watchShadow(execution, id, record, over)
      return
    case 'applied':
      if (over) end(execution, id, record, 'final', 'watch_over')
      return
    default:
      view.remove(OPEN, id)
  }
}

function closeVote(execution: Execution, id: string, record: ProposalRecord, tally: Tally): void {
  const { params } = execution.block
  const outcome = judgeTally(tally, params)
  if (outcome.kind === 'rejected') {
    end(execution, id, record, 'rejected', outcome.reason)
    return
  }
  enter(execution, id, record, 'timelock', params.gov_timelock_blocks, 'vote_passed')
}

function watchShadow(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  over: boolean,
): void {
  const proposed = proposedParams(execution, record)
  if ('refused' in proposed) {
    end(execution, id, record, 'rejected', proposed.refused.code)
    return
  }
  const judged = execution.events.flatMap((event) => judgedIn(execution.view, event))
  const differences = countDifferences(judged, execution.block.params, proposed.params)
  const counted = { ...record, shadowDiffs: record.shadowDiffs + BigInt(differences) }
  if (differences > 0) {
    emit(execution, { kind: 'shadow-diff', subject: id, count: BigInt(differences) })
  }
  if (over) enact(execution, id, counted, proposed.params)
  else execution.view.put(PROPOSALS, id, counted)
}

function proposedParams(
  { view, block }: Execution,
  record: ProposalRecord,
): ReturnType<typeof changedParams> {
  const { params } = activeParams(view)
  const items = record.kind === KIND_ROLLBACK ? restored(view, record) : itemsOf(record)
  return changedParams(params, items, validatorsAt(view, block.height + 2n).length)
}

/** The values that the keys of an applied proposal had before it. */
function restored(reader: Reader, record: ProposalRecord): ParamChange[] {
  const target = proposalOf(reader, toHex(record.rollback))
  if (target === undefined) return []
  const before = paramsAt(reader, target.versionBefore)
  return itemsOf(target).flatMap(({ key }) =>
    isParamKey(key) ? [{ key, value: before[key] }] : [],
  )
}

/** Puts the new values in force from the next height on. */
function enact(execution: Execution, id: string, record: ProposalRecord, params: Params): void {
  const { view, block } = execution
  const { version: versionBefore, params: before } = activeParams(view)
  const versionAfter = enactParams(view, params, block.height + 1n)
  for (const key of Object.keys(params) as (keyof Params)[]) {
    if (before[key] === params[key]) continue
    const change = { subject: id, count: block.height + 1n, value: params[key], reason: key }
    emit(execution, { kind: 'parameter-changed', ...change })
  }
  if (record.kind === KIND_ROLLBACK) markRolledBack(execution, toHex(record.rollback))
  const applied = { ...record, appliedHeight: block.height + 1n, versionBefore, versionAfter }
  giveBack(execution, id)
  enter(
    execution,
    id,
    { ...applied, deposit: 0n },
    'applied',
    block.params.gov_watch_blocks,
    'shadow_over',
  )
}

function markRolledBack(execution: Execution, id: string): void {
  const record = requireProposal(execution, id)
  execution.view.remove(OPEN, id)
  setPhase(execution, id, record, 'rolled-back', record.phaseEnds, 'rolled_back')
}

function enter(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  phase: Phase,
  blocks: bigint,
  reason: string,
): void {
  setPhase(execution, id, record, phase, execution.block.height + blocks, reason)
}

function setPhase(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  phase: Phase,
  phaseEnds: bigint,
  reason: string,
): void {
  const moved = { ...record, phase: PHASES.indexOf(phase), phaseEnds, reason: utf8(reason) }
  execution.view.put(PROPOSALS, id, moved)
  emit(execution, { kind: 'proposal-moved', subject: id, count: phaseEnds, reason: phase })
}

function end(
  execution: Execution,
  id: string,
  record: ProposalRecord,
  phase: 'final' | 'rejected' | 'expired',
  reason: string,
): void {
  if (reason === 'vetoed') burnDeposits(execution, id)
  else giveBack(execution, id)
  execution.view.remove(OPEN, id)
  setPhase(execution, id, { ...record, deposit: 0n }, phase, execution.block.height, reason)
}

function giveBack(execution: Execution, id: string): void {
  for (const [key, { value }] of execution.view.entries(DEPOSITS, `${id}/`)) {
    move(execution, pot('deposits'), account(key.slice(id.length + 1)), value)
    execution.view.remove(DEPOSITS, key)
  }
}

function burnDeposits(execution: Execution, id: string): void {
  for (const [key, { value }] of execution.view.entries(DEPOSITS, `${id}/`)) {
    move(execution, pot('deposits'), pot('burned'), value)
    execution.view.remove(DEPOSITS, key)
    emit(execution, { kind: 'burned', subject: id, value, reason: 'vetoed' })
  }
}

/** What an event of the block says was judged, for the comparison. */
function judgedIn(reader: Reader, event: LedgerEvent): Judged[] {
  switch (event.kind) {
    case 'fee-burned':
      return [{ kind: 'transaction-fee' }]
    case 'job-offered': {
      const job = reader.get(JOBS, event.subject)
      const fee: Judged = { kind: 'offer-fee' }
      if (job === undefined) return [fee]
      return [fee, { kind: 'admission', units: job.verifyUnits, bytes: job.verifyBytes }]
    }
    case 'job-matched': {
      const attempt = reader.get(ATTEMPTS, attemptKey(event.subject, Number(event.count)))
      return attempt === undefined ? [] : [{ kind: 'collateral', price: attempt.price }]
    }
    case 'job-settled':
      return [{ kind: 'latency', micros: event.count }]
    case 'provider-slashed':
      return [{ kind: 'slash' }]
    default:
      return []
  }
}
