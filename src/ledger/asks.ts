/**
 * Asks: standing terms on which a provider runs jobs.
 *
 *   open --cancel--> cancelled        open --expiry height ends--> expired
 *   open --late receipt--> open, suspended until a height
 *
 * Source: protocol.md §5.
 */

import { fromHex, toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import {
  ASK,
  ASK_BOOK,
  ASKS,
  ASKS_PER_PROVIDER_MAX,
  type AskRecord,
  reasonBytes,
} from './market-records.ts'
import { requireProvider, updateProvider } from './providers-bonds.ts'
import type { Reader, View } from './state.ts'
import { LANES } from './types/market.ts'
import type { ActionPayload } from './types/transaction.ts'

export function askOf(reader: Reader, id: string): AskRecord | undefined {
  return reader.get(ASKS, id)
}

/** The ask's id is the id of the transaction that posts it. */
export function applyPostAsk(
  execution: Execution,
  sender: string,
  txId: string,
  terms: ActionPayload<'post-ask'>,
): void {
  const { view, block } = execution
  const provider = requireProvider(view, sender)
  if (LANES[terms.lane] === undefined) refuse('lane_unknown', { lane: terms.lane })
  requirePositive('unitsPerBlock', terms.unitsPerBlock)
  requirePositive('maxUnits', terms.maxUnits)
  requirePositive('maxOpenJobs', BigInt(terms.maxOpenJobs))
  if (terms.expiryHeight < block.height) {
    refuse('ask_expired', { expiry: terms.expiryHeight, height: block.height })
  }
  if (provider.openAsks >= ASKS_PER_PROVIDER_MAX) {
    refuse('asks_too_many', { asks: provider.openAsks, asksMax: ASKS_PER_PROVIDER_MAX })
  }
  view.put(ASKS, txId, {
    ...terms,
    provider: fromHex(sender, 32),
    state: ASK.open,
    reason: reasonBytes(''),
    includedHeight: block.height,
    suspendedUntil: 0n,
    openJobs: 0,
    openUnits: 0n,
  })
  view.put(ASK_BOOK, txId, { expiryHeight: terms.expiryHeight })
  updateProvider(execution, sender, ({ openAsks }) => ({ openAsks: openAsks + 1 }))
  schedule(view, terms.expiryHeight, 'ask', txId)
  emit(execution, { kind: 'ask-posted', subject: txId, actor: sender, value: terms.unitPrice })
}

export function applyCancelAsk(
  execution: Execution,
  sender: string,
  { ask }: ActionPayload<'cancel-ask'>,
): void {
  const id = toHex(ask)
  const record = askOf(execution.view, id)
  if (record === undefined || toHex(record.provider) !== sender) {
    refuse('ask_unknown', { ask: id })
  }
  if (record.state !== ASK.open) refuse('ask_closed', { ask: id })
  closeAsk(execution, id, record, 'cancelled_by_provider')
}

/** Takes the asks of a provider off the book. Jobs they have matched go on. */
export function cancelAsksOf(execution: Execution, provider: string, reason: string): void {
  for (const [id] of execution.view.entries(ASK_BOOK)) {
    const record = askOf(execution.view, id)
    if (record !== undefined && toHex(record.provider) === provider) {
      closeAsk(execution, id, record, reason)
    }
  }
}

/** At the end of its expiry height. */
export function expireAsk(execution: Execution, id: string): void {
  const record = askOf(execution.view, id)
  if (record?.state === ASK.open) closeAsk(execution, id, record, 'ask_expired')
}

function closeAsk(execution: Execution, id: string, record: AskRecord, reason: string): void {
  const { view, block } = execution
  const state = reason === 'ask_expired' ? ASK.expired : ASK.cancelled
  view.put(ASKS, id, { ...record, state, reason: reasonBytes(reason) })
  view.remove(ASK_BOOK, id)
  const provider = toHex(record.provider)
  updateProvider(execution, provider, ({ openAsks }) => ({ openAsks: openAsks - 1 }))
  schedule(view, block.height + block.params.evidence_age, 'forgetAsk', id)
  emit(execution, { kind: 'ask-cancelled', subject: id, actor: provider, reason })
}

/** A job was matched to the ask. */
export function occupyAsk(view: View, id: string, units: bigint): void {
  changeLoad(view, id, 1, units)
}

/** The job was delivered or failed: the ask has room again. */
export function releaseAsk(view: View, id: string, units: bigint): void {
  changeLoad(view, id, -1, -units)
}

function changeLoad(view: View, id: string, jobs: number, units: bigint): void {
  const record = askOf(view, id)
  if (record === undefined) return
  const { openJobs, openUnits } = record
  view.put(ASKS, id, { ...record, openJobs: openJobs + jobs, openUnits: openUnits + units })
}

export function suspendAsk(execution: Execution, id: string, reason: string): void {
  const { view, block } = execution
  const record = askOf(view, id)
  if (record === undefined || record.state !== ASK.open) return
  const until = block.height + block.params.suspension_blocks
  view.put(ASKS, id, { ...record, suspendedUntil: until })
  const actor = toHex(record.provider)
  emit(execution, { kind: 'ask-suspended', subject: id, actor, count: until, reason })
}

function requirePositive(field: string, value: bigint): void {
  if (value === 0n) refuse('ask_terms_empty', { field })
}
