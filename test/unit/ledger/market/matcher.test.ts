/** The matcher against its specification, taken literally: try every pair, take the least, repeat. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { sha256 } from '../../../../src/base/hash.ts'
import { attempt } from '../../../../src/base/refusal.ts'
import { withParams } from '../../../../src/governance/params.ts'
import { applyPostAsk } from '../../../../src/ledger/asks.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { applyOffer } from '../../../../src/ledger/jobs.ts'
import {
  ASK_BOOK,
  ASKS,
  OPEN_JOBS,
  requireJob,
  totalsOf,
} from '../../../../src/ledger/market-records.ts'
import { providerOf, updateProvider } from '../../../../src/ledger/providers-bonds.ts'
import type { Reader } from '../../../../src/ledger/state.ts'
import {
  anchor,
  askPayload,
  attest,
  availableProgram,
  BLOCK,
  id,
  makeOffer,
  marketOf,
  type OfferTerms,
  offerId,
  offerJob,
  PROVIDER_A,
  PROVIDER_B,
  postAsk,
  provide,
  readyJob,
  registerProvider,
  World,
} from './world.ts'

interface Pair {
  readonly offer: string
  readonly ask: string
}

/** Mutable copy of what the rules read. */
interface Board {
  readonly asks: Map<string, { openJobs: number; openUnits: bigint; readonly provider: string }>
  readonly free: Map<string, bigint>
  verifyUnits: bigint
  readonly open: Set<string>
}

/** Section 5 of the protocol, line by line, quadratic and slow. */
function specification(state: Reader, world: World, height: bigint, beacon: Uint8Array): Pair[] {
  const board = boardOf(state, height)
  const pairs: Pair[] = []
  while (pairs.length < Number(world.params.match_per_block)) {
    let best: { readonly pair: Pair; readonly key: readonly (bigint | string)[] } | undefined
    for (const offer of board.open) {
      for (const ask of board.asks.keys()) {
        if (!isEligible(state, world, board, offer, ask)) continue
        const key = orderKey(state, world, height, beacon, offer, ask)
        if (best === undefined || isBefore(key, best.key)) best = { pair: { offer, ask }, key }
      }
    }
    if (best === undefined) break
    take(state, world, board, best.pair)
    pairs.push(best.pair)
  }
  return pairs
}

function boardOf(state: Reader, height: bigint): Board {
  const board: Board = { asks: new Map(), free: new Map(), verifyUnits: 0n, open: new Set() }
  board.verifyUnits = totalsOf(state).verifyUnits
  for (const [key] of state.entries(OPEN_JOBS)) {
    const job = key.split('/')[1] as string
    if (requireJob(state, job).includedHeight < height) board.open.add(job)
  }
  for (const [ask] of state.entries(ASK_BOOK)) {
    const record = state.get(ASKS, ask)
    check.ok(record !== undefined)
    const provider = toHex(record.provider)
    const owner = providerOf(state, provider)
    check.ok(owner !== undefined)
    const isOut = record.suspendedUntil >= height || owner.suspendedUntil >= height
    if (record.includedHeight >= height || isOut) continue
    board.free.set(provider, owner.bond > owner.locked ? owner.bond - owner.locked : 0n)
    const { openJobs, openUnits } = record
    board.asks.set(ask, { openJobs, openUnits, provider })
  }
  return board
}

function isEligible(
  state: Reader,
  world: World,
  board: Board,
  offerKey: string,
  askKey: string,
): boolean {
  const { offer, units, verifyUnits, excluded } = requireJob(state, offerKey)
  const ask = state.get(ASKS, askKey)
  const load = board.asks.get(askKey)
  check.ok(ask !== undefined && load !== undefined)
  const has = new Set(ask.capabilities.map(toHex))
  const work = load.openUnits + units
  let blocks = work / ask.unitsPerBlock
  if (work % ask.unitsPerBlock !== 0n) blocks += 1n
  const collateral = (offer.priceCeiling * world.params.collateral_bps) / 10_000n
  return (
    ask.lane === offer.lane &&
    !excluded.map(toHex).includes(load.provider) &&
    offer.capabilities.map(toHex).every((capability) => has.has(capability)) &&
    units <= ask.maxUnits &&
    ask.unitPrice * units <= offer.priceCeiling &&
    load.openJobs < ask.maxOpenJobs &&
    BigInt(offer.deadlineBlocks) >= BigInt(ask.blocksBase) + blocks &&
    (board.free.get(load.provider) ?? 0n) >= collateral &&
    board.verifyUnits + verifyUnits <= world.params.verify_units_in_flight
  )
}

function orderKey(
  state: Reader,
  world: World,
  height: bigint,
  beacon: Uint8Array,
  offer: string,
  ask: string,
): readonly (bigint | string)[] {
  const { includedHeight } = requireJob(state, offer)
  const record = state.get(ASKS, ask)
  check.ok(record !== undefined)
  const ppm = BigInt(providerOf(state, toHex(record.provider))?.reputationPpm ?? 0)
  const exact = record.unitPrice * 1_000_000n
  const effective = exact / ppm + (exact % ppm === 0n ? 0n : 1n)
  const isStarving = height - includedHeight >= world.params.starvation_blocks
  const lot = sha256(beacon, Buffer.from(offer, 'hex'), Buffer.from(ask, 'hex'))
  return [isStarving ? 0n : 1n, effective, includedHeight, toHex(lot)]
}

function isBefore(
  left: readonly (bigint | string)[],
  right: readonly (bigint | string)[],
): boolean {
  for (const [index, value] of left.entries()) {
    const other = right[index] as bigint | string
    if (value !== other) return value < other
  }
  return false
}

function take(state: Reader, world: World, board: Board, { offer, ask }: Pair): void {
  const job = requireJob(state, offer)
  const load = board.asks.get(ask)
  check.ok(load !== undefined)
  load.openJobs += 1
  load.openUnits += job.units
  const collateral = (job.offer.priceCeiling * world.params.collateral_bps) / 10_000n
  board.free.set(load.provider, (board.free.get(load.provider) ?? 0n) - collateral)
  board.verifyUnits += job.verifyUnits
  board.open.delete(offer)
}

const askShape = fc.record({
  provider: fc.integer({ min: 4, max: 7 }),
  unitPrice: fc.constantFrom(1n, 2n, 3n, 1_000_000n),
  blocksBase: fc.constantFrom(1, 2, 9),
  unitsPerBlock: fc.constantFrom(20n, 100n, 1_000_000n),
  maxOpenJobs: fc.constantFrom(1, 2, 9),
  lane: fc.constantFrom(0, 0, 0, 1),
  capabilities: fc.constantFrom<string[]>([], ['gpu'], ['gpu', 'big']),
})

const offerShape = fc.record({
  ceiling: fc.constantFrom(100n, BLOCK, 300n * BLOCK),
  deadlineBlocks: fc.constantFrom(2, 5, 30),
  lane: fc.constantFrom(0, 0, 0, 1),
  capabilities: fc.constantFrom<string[]>([], ['gpu'], ['big']),
})

describe('the matcher', () => {
  it('makes the matches of its specification, in its order', () => {
    let matched = 0
    fc.assert(
      fc.property(
        fc.array(askShape, { minLength: 1, maxLength: 8 }),
        fc.array(fc.array(offerShape, { maxLength: 6 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(2n, 8n),
        fc.constantFrom(0n, 60n, 1_000_000n),
        fc.array(fc.integer({ min: 500_000, max: 1_000_000 }), { minLength: 4, maxLength: 4 }),
        (asks, blocks, perBlock, extraUnits, reputations) => {
          const world = new World({
            match_per_block: perBlock,
            starvation_blocks: 3n,
            verify_units_in_flight: 100_000n + extraUnits,
          })
          availableProgram(world)
          prepare(world, reputations)
          for (const { provider, capabilities, ...terms } of asks) {
            postAsk(world, id('aa', provider), { ...terms, capabilities: capabilities.map(utf8) })
          }
          for (const offers of blocks) playBlock(world, offers)
          for (let left = 3; left > 0; left--) playBlock(world, [])
          matched += world.events('job-matched').length
        },
      ),
      { numRuns: 120 },
    )
    check.ok(matched > 100, `matches are compared: ${matched}`)
  })

  function prepare(world: World, reputations: readonly number[]): void {
    reputations.forEach((reputationPpm, index) => {
      const provider = id('aa', index + 4)
      registerProvider(world, provider)
      world.block((execution) => updateProvider(execution, provider, () => ({ reputationPpm })))
    })
  }

  /** Offers in one block, their inputs in the next; matches are compared in each. */
  function playBlock(world: World, shapes: readonly OfferTerms[]): void {
    const offers = shapes.map((terms) => makeOffer(world, { ...terms, ttl: 50n }))
    let expected: Pair[] = []
    world.beforeMatch = ({ view, block }) => {
      expected = specification(view, world, block.height, block.beacon)
    }
    const play = (act: (execution: Execution) => void): void => {
      const made = world.block(act).filter(({ kind }) => kind === 'job-matched')
      check.deepEqual(
        made.map(({ subject, actor }) => [subject, actor]),
        expected.map(({ offer, ask }) => [offer, toHex(askProvider(world, ask))]),
      )
    }
    play((execution) => {
      for (const offer of offers) applyOffer(execution, offerId(offer), offer)
    })
    if (offers.length > 0) play((execution) => attest(execution, offers.map(offerId), 'available'))
  }

  function askProvider(world: World, ask: string): Uint8Array {
    return world.state.get(ASKS, ask)?.provider ?? new Uint8Array(0)
  }

  it('lets a starving offer go before a better price', () => {
    const world = marketOf({ match_per_block: 1n, starvation_blocks: 2n })
    provide(world, PROVIDER_B, { unitPrice: 500_000n, capabilities: [utf8('gpu')] })
    const jobs = [1, 2, 3, 4].map(() => offerJob(world))
    const picky = offerJob(world, { capabilities: ['gpu'], ceiling: 500n * BLOCK })
    world.block((execution) => {
      attest(execution, [...jobs, picky], 'available')
    })
    world.skip(4)
    const order = world.events('job-matched').map(({ subject }) => subject)
    check.equal(order.length, 5)
    // Among the starving it still has the dearest price, so it is last of those, not of all.
    const young = readyJob(world)
    check.equal(world.events('job-matched').at(-1)?.subject, young)
    check.equal(order.at(-1), picky)
  })

  it('names the capacity of verification when that is what is missing', () => {
    const probe = marketOf()
    const { verifyUnits } = requireJob(probe.state, readyJob(probe))
    const world = marketOf({ verify_units_in_flight: verifyUnits })
    const first = readyJob(world)
    const second = readyJob(world)
    check.equal(world.jobStateOf(first), 'matched')
    check.equal(world.jobReason(second), 'verify_capacity')
    const claim = anchor(world, first)
    check.equal(world.jobReason(second), 'verify_capacity')
    world.block((execution) => attest(execution, claim.receiptId, 'valid'))
    check.equal(world.jobStateOf(second), 'matched')
  })

  it('names each obstacle, the nearest to a match first', () => {
    const cases: readonly (readonly [string, Parameters<typeof askPayload>[0], object])[] = [
      ['lane', { lane: 1 }, {}],
      ['capability', {}, { capabilities: ['gpu'] }],
      ['units_exceeded', { maxUnits: 1n }, {}],
      ['price_ceiling', { unitPrice: BLOCK }, {}],
      ['deadline', { blocksBase: 50 }, {}],
      ['collateral', {}, { ceiling: 600n * BLOCK }],
    ]
    for (const [reason, ask, offer] of cases) {
      const world = new World()
      availableProgram(world)
      const job = readyJob(world, offer)
      check.equal(world.jobReason(job), 'no_asks')
      provide(world, PROVIDER_A, ask)
      world.block()
      check.equal(world.jobReason(job), reason)
    }
    const world = marketOf()
    const full = new World()
    availableProgram(full)
    provide(full, PROVIDER_A, { maxOpenJobs: 1 })
    readyJob(full)
    check.equal(full.jobReason(readyJob(full)), 'ask_full')
    const limited = marketOf({ match_per_block: 1n })
    const jobs = [offerJob(limited), offerJob(limited)]
    limited.block((execution) => {
      attest(execution, jobs, 'available')
    })
    check.ok(jobs.map((job) => limited.jobReason(job)).includes('match_limit'))
    check.equal(world.events('job-unmatched').length, 0)
  })

  it('matches nobody whose kernels are switched off, and judges what was matched before', () => {
    const world = marketOf()
    const before = readyJob(world)
    check.equal(world.jobStateOf(before), 'matched')
    world.params = withParams(world.params, { kernels_disabled: 1n })
    const after = readyJob(world)
    check.equal(world.jobReason(after), 'kernel_disabled')
    const refused = attempt(() => registerProvider(world, PROVIDER_B))
    check.ok('refused' in refused && refused.refused.code === 'kernel_digest_disabled')
    const claim = anchor(world, before)
    world.block((execution) => attest(execution, claim.receiptId, 'valid'))
    check.equal(world.events('attempt-anchored').length, 1)
    check.equal(world.jobReason(after), 'kernel_disabled')
    // Another bit is another kernel.
    world.params = withParams(world.params, { kernels_disabled: 2n })
    world.block()
    check.equal(world.jobStateOf(after), 'matched')
  })

  it('takes no ask of its own block and none that has expired', () => {
    const world = new World()
    availableProgram(world)
    registerProvider(world, PROVIDER_A)
    const job = readyJob(world)
    const ask = world.serial()
    const expiryHeight = world.height + 1n
    world.block((execution) =>
      applyPostAsk(execution, PROVIDER_A, ask, askPayload({ expiryHeight })),
    )
    check.equal(world.jobReason(job), 'no_asks')
    world.block()
    check.equal(world.jobReason(job), 'no_asks')
    check.equal(world.events('ask-cancelled')[0]?.reason, 'ask_expired')
  })
})
