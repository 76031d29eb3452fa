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
import { disabledKernels } from './kernels.ts'
import {
  ASK,
  ASK_BOOK,
  ASKS,
  type AskRecord,
  idBytes,
  JOBS,
  type JobRecord,
  type MarketTotals,
  OPEN_JOBS,
  type ProviderRecord,
  reasonBytes,
  reasonText,
  requireJob,
  totalsOf,
} from './market-records.ts'
import {
  capacityObstacle,
  classOf,
  FURTHEST,
  type Obstacle,
  roomObstacle,
  termsObstacle,
} from './matcher-eligible.ts'
import { activeParams, paramsHeight } from './parameters.ts'
import { matchProbe } from './probe.ts'
import { isServing, providerOf } from './providers-bonds.ts'
import { effectivePrice } from './reputation.ts'
import type { Reader } from './state.ts'
import { LANES } from './types/market.ts'

export const OFFERS_CONSIDERED_MAX = 4_096

/** An ask as the matcher sees it; the records are read again whenever a match changes them. */
interface StandingAsk {
  readonly id: string
  readonly bytes: Uint8Array
  readonly owner: string
  readonly effective: bigint
  ask: AskRecord
  provider: ProviderRecord
}

/** Offers that differ in nothing the rules look at share what was found out about them. */
interface OfferClass {
  readonly termsObstacles: Map<string, Obstacle | undefined>
  /** Once all matches are made: what kept the class from every ask. */
  reason: string | undefined
}

interface WaitingOffer {
  readonly id: string
  readonly bytes: Uint8Array
  readonly job: JobRecord
  readonly isStarving: boolean
  readonly class: OfferClass
}

interface Round {
  readonly execution: Execution
  readonly asks: readonly StandingAsk[]
  readonly matched: Set<string>
  readonly paramsVersion: number
  /** Kernel digests that are switched off, hex. */
  readonly disabled: ReadonlySet<string>
  totals: MarketTotals
  left: bigint
}

export function matchAtEnd(execution: Execution): void {
  const offers = waitingOffers(execution)
  if (offers.length === 0) return
  matchProbe().start()
  matchOffers(execution, offers)
  matchProbe().stop(LANES.filter((_, lane) => offers.some(({ job }) => job.offer.lane === lane)))
}

function matchOffers(execution: Execution, offers: readonly WaitingOffer[]): void {
  const { view, block } = execution
  const round: Round = {
    execution,
    asks: standingAsks(execution),
    matched: new Set(),
    paramsVersion: versionAt(view, block.height),
    disabled: disabledKernels(view, block.params),
    totals: totalsOf(view),
    left: block.params.match_per_block,
  }
  const groups = groupsBy(round.asks, ({ effective }) => effective)
  for (const isStarving of [true, false]) {
    const turn = offers.filter((offer) => offer.isStarving === isStarving)
    const heights = groupsBy(turn, ({ job }) => job.includedHeight)
    for (const group of groups) {
      for (const sameHeight of heights) matchGroup(round, sameHeight, group)
    }
  }
  explainUnmatched(round, offers)
}

/** Offers of one height against asks of one effective price: the hash decides. */
function matchGroup(
  round: Round,
  offers: readonly WaitingOffer[],
  asks: readonly StandingAsk[],
): void {
  if (round.left === 0n) return
  const open = asks.filter(hasRoom)
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
function hasRoom({ ask }: StandingAsk): boolean {
  return ask.openJobs < ask.maxOpenJobs
}

function obstacleOf(
  { execution, totals, disabled }: Round,
  offer: WaitingOffer,
  standing: StandingAsk,
): Obstacle | undefined {
  const { params } = execution.block
  const { job } = offer
  const { ask, provider } = standing
  return (
    knownTermsObstacle(offer, standing) ??
    (disabled.has(toHex(provider.kernelDigest)) ? 'kernel_disabled' : undefined) ??
    roomObstacle({ job, ask, provider, params }) ??
    capacityObstacle(job, totals, params)
  )
}

function knownTermsObstacle(offer: WaitingOffer, { id, ask }: StandingAsk): Obstacle | undefined {
  const { termsObstacles } = offer.class
  if (termsObstacles.has(id)) return termsObstacles.get(id)
  const obstacle = termsObstacle({ job: offer.job, ask })
  termsObstacles.set(id, obstacle)
  return obstacle
}

function makeMatch(round: Round, { id, job }: WaitingOffer, standing: StandingAsk): void {
  const { execution } = round
  const { view, block } = execution
  const { priceCeiling, deadlineBlocks } = job.offer
  const { unitPrice } = standing.ask
  occupyAsk(view, standing.id, job.units)
  startAttempt(execution, id, {
    ask: standing.id,
    provider: standing.owner,
    unitPrice,
    price: unitPrice * job.units,
    collateral: (priceCeiling * block.params.collateral_bps) / 10_000n,
    deadlineHeight: block.height + BigInt(deadlineBlocks),
    paramsVersion: round.paramsVersion,
  })
  round.matched.add(id)
  round.left -= 1n
  round.totals = totalsOf(view)
  for (const other of round.asks) {
    if (other.owner !== standing.owner) continue
    other.ask = view.get(ASKS, other.id) ?? other.ask
    other.provider = providerOf(view, other.owner) ?? other.provider
  }
}

/** Jobs in Offered whose inputs are held, included before this block, oldest first. */
function waitingOffers({ view, block }: Execution): WaitingOffer[] {
  const offers: WaitingOffer[] = []
  const classes = new Map<string, OfferClass>()
  for (const [key] of view.entries(OPEN_JOBS)) {
    if (offers.length === OFFERS_CONSIDERED_MAX) break
    const id = key.slice(key.indexOf('/') + 1)
    const job = requireJob(view, id)
    if (job.includedHeight >= block.height) break
    const isStarving = block.height - job.includedHeight >= block.params.starvation_blocks
    const name = classOf(job)
    const known = classes.get(name) ?? { termsObstacles: new Map(), reason: undefined }
    classes.set(name, known)
    offers.push({ id, bytes: idBytes(id), job, isStarving, class: known })
  }
  return offers
}

/** Asks that may match at all in this block, cheapest first. */
function standingAsks({ view, block }: Execution): StandingAsk[] {
  const asks: StandingAsk[] = []
  for (const [id] of view.entries(ASK_BOOK)) {
    const ask = view.get(ASKS, id)
    if (ask === undefined || !isStanding(ask, block.height)) continue
    const owner = toHex(ask.provider)
    const provider = providerOf(view, owner)
    if (provider === undefined || !isServing(provider, block.height)) continue
    const effective = effectivePrice(ask.unitPrice, provider.reputationPpm)
    asks.push({ id, bytes: idBytes(id), owner, effective, ask, provider })
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

function explainUnmatched(round: Round, offers: readonly WaitingOffer[]): void {
  for (const offer of offers) {
    if (round.matched.has(offer.id)) continue
    offer.class.reason ??= furthest(round, offer)
    noteReason(round.execution, offer, offer.class.reason)
  }
}

/** Of what kept each ask away, what came closest to a match. */
function furthest(round: Round, offer: WaitingOffer): string {
  const obstacles = new Set(round.asks.map((ask) => obstacleOf(round, offer, ask)))
  // A pair without an obstacle was left because the block had made all its matches.
  if (obstacles.has(undefined)) return 'match_limit'
  return FURTHEST.find((obstacle) => obstacles.has(obstacle)) ?? 'no_asks'
}

function noteReason(execution: Execution, { id, job }: WaitingOffer, reason: string): void {
  if (reasonText(job.reason) === reason) return
  execution.view.put(JOBS, id, { ...job, reason: reasonBytes(reason) })
  const actor = toHex(job.offer.buyer)
  emit(execution, { kind: 'job-unmatched', subject: id, actor, reason })
}

/** The parameter version in force at this height: a newer one may already stand for the next. */
function versionAt(reader: Reader, height: bigint): number {
  let { version } = activeParams(reader)
  while (version > 0 && paramsHeight(reader, version) > height) version -= 1
  return version
}
