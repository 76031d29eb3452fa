/**
 * What keeps an offer and an ask apart: pure rules, in the order in which they are asked.
 *
 * Source: protocol.md §5 (Match).
 */

import { equalBytes, toHex } from '../base/bytes.ts'
import type { Params } from '../governance/params.ts'
import type { AskRecord, JobRecord, MarketTotals, ProviderRecord } from './market-records.ts'
import { freeBond } from './providers-bonds.ts'

export type Obstacle =
  | 'no_asks'
  | 'lane'
  | 'provider_excluded'
  | 'kernel_disabled'
  | 'capability'
  | 'units_exceeded'
  | 'price_ceiling'
  | 'ask_full'
  | 'deadline'
  | 'collateral'
  | 'verify_capacity'

/** From nearest to a match to farthest from it. */
export const FURTHEST: readonly Obstacle[] = [
  'verify_capacity',
  'collateral',
  'deadline',
  'ask_full',
  'price_ceiling',
  'units_exceeded',
  'capability',
  'kernel_disabled',
  'provider_excluded',
  'lane',
  'no_asks',
]

export interface Terms {
  readonly job: JobRecord
  readonly ask: AskRecord
  readonly provider: ProviderRecord
  readonly params: Params
}

/** What nothing that happens within a block can change. */
export function termsObstacle({ job, ask }: Pick<Terms, 'job' | 'ask'>): Obstacle | undefined {
  const { offer } = job
  if (ask.lane !== offer.lane) return 'lane'
  if (job.excluded.some((id) => equalBytes(id, ask.provider))) return 'provider_excluded'
  const hasAll = offer.capabilities.every((wanted) =>
    ask.capabilities.some((has) => equalBytes(has, wanted)),
  )
  if (!hasAll) return 'capability'
  if (job.units > ask.maxUnits) return 'units_exceeded'
  if (ask.unitPrice * job.units > offer.priceCeiling) return 'price_ceiling'
  return undefined
}

/** What depends on the work the provider already has; asked when the terms fit. */
export function roomObstacle({ job, ask, provider, params }: Terms): Obstacle | undefined {
  const { offer } = job
  if (ask.openJobs >= ask.maxOpenJobs) return 'ask_full'
  if (BigInt(offer.deadlineBlocks) < blocksNeeded(ask, job.units)) return 'deadline'
  const collateral = (offer.priceCeiling * params.collateral_bps) / 10_000n
  return freeBond(provider) < collateral ? 'collateral' : undefined
}

/** Jobs of one class meet the same obstacle at every ask. */
export function classOf({ offer, excluded, units, verifyUnits, verifyBytes }: JobRecord): string {
  const { lane, priceCeiling, deadlineBlocks, capabilities } = offer
  const lists = [capabilities, excluded].map((list) => list.map(toHex).join('.'))
  const numbers = [lane, priceCeiling, deadlineBlocks, units, verifyUnits, verifyBytes]
  return [...numbers, ...lists].join(' ')
}

/** Blocks until a new job of `units` is delivered, after all that is open; rounded up. */
export function blocksNeeded(ask: AskRecord, units: bigint): bigint {
  const queued = ask.openUnits + units
  return BigInt(ask.blocksBase) + (queued + ask.unitsPerBlock - 1n) / ask.unitsPerBlock
}

/** Whether validators have room for one more receipt. */
export function capacityObstacle(
  job: JobRecord,
  totals: MarketTotals,
  params: Params,
): Obstacle | undefined {
  const units = totals.verifyUnits + job.verifyUnits
  const bytes = totals.verifyBytes + job.verifyBytes
  const fits = units <= params.verify_units_in_flight && bytes <= params.verify_bytes_in_flight
  return fits ? undefined : 'verify_capacity'
}
