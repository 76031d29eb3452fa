/**
 * The matcher: at the end of block H, offers and asks that were included before H meet.
 *
 *   repeat, at most match_per_block times, over all eligible pairs (offer, ask):
 *     take the least by  starving first, effective price, inclusion height of the offer,
 *                        SHA-256(beacon(H) || offer || ask)
 *
 * A match only ever takes room away, so eligibility never comes back within a block; walking the
 * pairs once in that order gives what the repetition gives. `matcher.test.ts` compares the two.
 *
 * Invariants
 *   - Matching is a function of state, beacon and height: every node makes the same matches.
 *   - Every open job that is left unmatched names why; the reason is told when it changes.
 *   - Per block at most OFFERS_CONSIDERED_MAX offers are looked at, oldest first.
 *
 * Source: protocol.md §5 (Match).
 */

import { compareBytes, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { byBigint } from '../base/ordered.ts'
import { occupyAsk } from './asks.ts'
import { type Execution, emit } from './execution.ts'
import { startAttempt } from './jobs-attempts.ts'
import {
  ASK,
  ASK_BOOK,
  ASKS,
  type AskRecord,
  idBytes,
  JOBS,
  type JobRecord,
  OPEN_JOBS,
  reasonBytes,
  reasonText,
  requireJob,
  totalsOf,
} from './market-records.ts'
import { askObstacle, capacityObstacle, FURTHEST, type Obstacle } from './matcher-eligible.ts'
import { activeParams, paramsHeight } from './parameters.ts'
import { isServing, providerOf } from './providers-bonds.ts'
import { effectivePrice } from './reputation.ts'
import type { Reader } from './state.ts'

export const OFFERS_CONSIDERED_MAX = 4_096

/** An ask as the matcher sees it, and its provider. */
interface StandingAsk {
  readonly id: string
  readonly bytes: Uint8Array
  readonly provider: string
  readonly effective: bigint
}

interface WaitingOffer {
  readonly id: string
  readonly bytes: Uint8Array
  readonly includedHeight: bigint
  readonly isStarving: boolean
}

interface Round {
  readonly execution: Execution
  readonly matched: Set<string>
  readonly paramsVersion: number
  left: bigint
}

export function matchAtEnd(execution: Execution): void {
  const offers = waitingOffers(execution)
  if (offers.length === 0) return
  const asks = standingAsks(execution)
  const round: Round = {
    execution,
    matched: new Set(),
    paramsVersion: versionAt(execution.view, execution.block.height),
    left: execution.block.params.match_per_block,
  }
  for (const isStarving of [true, false]) {
    const turn = offers.filter((offer) => offer.isStarving === isStarving)
    for (const group of groupsBy(asks, ({ effective }) => effective)) {
      for (const sameHeight of groupsBy(turn, ({ includedHeight }) => includedHeight)) {
        matchGroup(round, sameHeight, group)
      }
    }
  }
  explainUnmatched(round, offers, asks)
}

/** Offers of one height against asks of one effective price: the hash decides. */
function matchGroup(
  round: Round,
  offers: readonly WaitingOffer[],
  asks: readonly StandingAsk[],
): void {
  if (round.left === 0n) return
  const open = asks.filter((ask) => hasRoom(round, ask))
  if (open.length === 0) return
  const pairs = offers
    .filter(({ id }) => !round.matched.has(id))
    .flatMap((offer) =>
      open
        .filter((ask) => obstacleOf(round, offer, ask) === undefined)
        .map((ask) => ({ offer, ask, rank: rankOf(round, offer, ask) })),
    )
    .sort((left, right) => compareBytes(left.rank, right.rank))
  for (const { offer, ask } of pairs) {
    if (round.left === 0n) return
    if (round.matched.has(offer.id) || obstacleOf(round, offer, ask) !== undefined) continue
    makeMatch(round, offer, ask)
  }
}

function rankOf({ execution }: Round, offer: WaitingOffer, ask: StandingAsk): Uint8Array {
  return sha256(execution.block.beacon, offer.bytes, ask.bytes)
}

/** Spares the walk over all offers when an ask is full anyway. */
function hasRoom({ execution }: Round, { id }: StandingAsk): boolean {
  const record = execution.view.get(ASKS, id)
  return record !== undefined && record.openJobs < record.maxOpenJobs
}

function obstacleOf(
  { execution }: Round,
  offer: WaitingOffer,
  { id, provider }: StandingAsk,
): Obstacle | undefined {
  const { view, block } = execution
  const ask = view.get(ASKS, id)
  const record = providerOf(view, provider)
  if (ask === undefined || record === undefined) return 'no_asks'
  const job = requireJob(view, offer.id)
  const terms = { job, ask, provider: record, height: block.height, params: block.params }
  return askObstacle(terms) ?? capacityObstacle(job, totalsOf(view), block.params)
}

function makeMatch(round: Round, offer: WaitingOffer, { id, provider }: StandingAsk): void {
  const { execution } = round
  const { view, block } = execution
  const job = requireJob(view, offer.id)
  const ask = view.get(ASKS, id) as AskRecord
  const { priceCeiling, deadlineBlocks } = job.offer
  occupyAsk(view, id, job.units)
  startAttempt(execution, offer.id, {
    ask: id,
    provider,
    unitPrice: ask.unitPrice,
    price: ask.unitPrice * job.units,
    collateral: (priceCeiling * block.params.collateral_bps) / 10_000n,
    deadlineHeight: block.height + BigInt(deadlineBlocks),
    paramsVersion: round.paramsVersion,
  })
  round.matched.add(offer.id)
  round.left -= 1n
}

/** Jobs in Offered whose inputs are held, included before this block, oldest first. */
function waitingOffers({ view, block }: Execution): WaitingOffer[] {
  const offers: WaitingOffer[] = []
  for (const [key] of view.entries(OPEN_JOBS)) {
    if (offers.length === OFFERS_CONSIDERED_MAX) break
    const id = key.slice(key.indexOf('/') + 1)
    const { includedHeight } = requireJob(view, id)
    if (includedHeight >= block.height) break
    const isStarving = block.height - includedHeight >= block.params.starvation_blocks
    offers.push({ id, bytes: idBytes(id), includedHeight, isStarving })
  }
  return offers
}

/** Asks that may match at all in this block, cheapest first. */
function standingAsks({ view, block }: Execution): StandingAsk[] {
  const asks: StandingAsk[] = []
  for (const [id] of view.entries(ASK_BOOK)) {
    const ask = view.get(ASKS, id)
    if (ask === undefined || !isStanding(ask, block.height)) continue
    const provider = toHex(ask.provider)
    const record = providerOf(view, provider)
    if (record === undefined || !isServing(record, block.height)) continue
    const effective = effectivePrice(ask.unitPrice, record.reputationPpm)
    asks.push({ id, bytes: idBytes(id), provider, effective })
  }
  return asks.sort((left, right) => byBigint(left.effective, right.effective))
}

function isStanding(ask: AskRecord, height: bigint): boolean {
  return ask.state === ASK.open && ask.includedHeight < height && ask.suspendedUntil < height
}

/** Runs of equal value in a list that is sorted by it. */
function groupsBy<Item>(items: readonly Item[], keyOf: (item: Item) => bigint): Item[][] {
  const groups: Item[][] = []
  let last: bigint | undefined
  for (const item of items) {
    const value = keyOf(item)
    if (value === last) groups.at(-1)?.push(item)
    else groups.push([item])
    last = value
  }
  return groups
}

function explainUnmatched(
  round: Round,
  offers: readonly WaitingOffer[],
  asks: readonly StandingAsk[],
): void {
  for (const offer of offers) {
    if (round.matched.has(offer.id)) continue
    const obstacles = asks.map((ask) => obstacleOf(round, offer, ask))
    noteReason(round.execution, offer.id, furthest(round, obstacles))
  }
}

/** Of what kept each ask away, what came closest to a match. */
function furthest(round: Round, obstacles: readonly (Obstacle | undefined)[]): string {
  // A pair without an obstacle was left because the block had made all its matches.
  if (round.left === 0n && obstacles.includes(undefined)) return 'match_limit'
  return FURTHEST.find((obstacle) => obstacles.includes(obstacle)) ?? 'no_asks'
}

function noteReason(execution: Execution, id: string, reason: string): void {
  const { view } = execution
  const job: JobRecord = requireJob(view, id)
  if (reasonText(job.reason) === reason) return
  view.put(JOBS, id, { ...job, reason: reasonBytes(reason) })
  const actor = toHex(job.offer.buyer)
  emit(execution, { kind: 'job-unmatched', subject: id, actor, reason })
}

/** The parameter version in force at this height: a newer one may already stand for the next. */
function versionAt(reader: Reader, height: bigint): number {
  let { version } = activeParams(reader)
  while (version > 0 && paramsHeight(reader, version) > height) version -= 1
  return version
}
