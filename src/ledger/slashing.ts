/**
 * Taking a provider's bond, and where it goes.
 *
 *   slash = min(wanted, bond + unbonding)
 *     buyer   at most half of it, at most the price ceiling over all faults of the job
 *     burned  the rest, the reporter's share included until reports are committed before revealed
 *
 * Invariant: at least half of every slash is burned, so nobody gains by slashing himself.
 *
 * Source: protocol.md §6 (Amounts).
 */

import { toHex } from '../base/bytes.ts'
import { account, move, pot } from './accounts.ts'
import { type Execution, emit } from './execution.ts'
import { JOBS, requireJob } from './market-records.ts'
import { providerOf, updateProvider } from './providers-bonds.ts'
import type { Reader } from './state.ts'
import { ROLE_PROVIDER } from './types/transaction.ts'
import { UNBONDING } from './validators.ts'

export interface Slash {
  readonly provider: string
  readonly wanted: bigint
  readonly job: string
  readonly attempt: number
  /** What the story says it was for: the evidence, or the job. */
  readonly subject: string
  readonly reason: string
}

export interface Slashed {
  readonly slashed: bigint
  readonly compensated: bigint
  readonly burned: bigint
}

/** Bond that an offence may still take, unbonding included. */
export function punishableBond(reader: Reader, provider: string): bigint {
  const bond = providerOf(reader, provider)?.bond ?? 0n
  return unbondingOf(reader, provider).reduce((sum, [, { value }]) => sum + value, bond)
}

/** `fraud_penalty_bps` of all that is punishable. */
export function fraudPenalty({ view, block }: Execution, provider: string): bigint {
  return (punishableBond(view, provider) * block.params.fraud_penalty_bps) / 10_000n
}

export function slashProvider(execution: Execution, slash: Slash): Slashed {
  const { provider, job } = slash
  const slashed = takeBond(execution, provider, slash.wanted)
  const record = requireJob(execution.view, job)
  const room = record.offer.priceCeiling - record.compensated
  const half = slashed / 2n
  const compensated = half < room ? half : room
  const burned = slashed - compensated
  const buyer = toHex(record.offer.buyer)
  move(execution, pot('bonds'), account(buyer), compensated)
  move(execution, pot('bonds'), pot('burned'), burned)
  execution.view.put(JOBS, job, { ...record, compensated: record.compensated + compensated })
  tellSlash(execution, slash, buyer, { slashed, compensated, burned })
  return { slashed, compensated, burned }
}

/** A further fault of a provider that has nothing left takes nothing, and is no slash. */
function tellSlash(
  execution: Execution,
  { provider, job, attempt, subject, reason }: Slash,
  buyer: string,
  { slashed, compensated, burned }: Slashed,
): void {
  if (slashed === 0n) return
  const count = BigInt(attempt)
  const taken = { subject, actor: provider, value: slashed, count, reason }
  emit(execution, { kind: 'provider-slashed', ...taken })
  if (compensated > 0n) {
    emit(execution, { kind: 'compensated', subject: job, actor: buyer, value: compensated, reason })
  }
  emit(execution, { kind: 'burned', subject, actor: provider, value: burned, reason })
}

/** Takes from the bond first, then from what is unbonding, soonest released first. */
function takeBond(execution: Execution, provider: string, wanted: bigint): bigint {
  const { view } = execution
  const bond = providerOf(view, provider)?.bond ?? 0n
  const fromBond = bond < wanted ? bond : wanted
  if (fromBond > 0n) updateProvider(execution, provider, () => ({ bond: bond - fromBond }))
  let taken = fromBond
  for (const [key, entry] of unbondingOf(view, provider)) {
    const missing = wanted - taken
    if (missing === 0n) break
    const part = entry.value < missing ? entry.value : missing
    view.put(UNBONDING, key, { ...entry, value: entry.value - part })
    taken += part
  }
  return taken
}

function unbondingOf(reader: Reader, provider: string) {
  return reader
    .entries(UNBONDING)
    .filter(([, entry]) => entry.role === ROLE_PROVIDER && toHex(entry.owner) === provider)
}
