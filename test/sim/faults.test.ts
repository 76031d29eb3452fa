/**
 * Four to seven validators and a market over loss, duplication, delay, partition and crash-restart.
 *
 * For every seed: agreement, no double signature, conservation, settled once, and the same trace
 * twice. A seed that fails is printed; `TB_TEST_SEEDS=3,17` runs just those.
 */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { decodeRecord } from '../../src/consensus/sign-guard.ts'
import { audit } from '../../src/ledger/supply.ts'
import type { Faults } from '../../src/runtime/deterministic.ts'
import type { Cluster } from '../../src/sim/cluster.ts'
import { CALM, CHEAT, cluster, events, Market, validators } from './support.ts'

const SEEDS: readonly number[] = (process.env['TB_TEST_SEEDS'] ?? '1,2,3,4,5,6')
  .split(',')
  .map(Number)
const TASKS_MAX = 3_000_000
/** Virtual milliseconds of trouble, and of peace after it. */
const TROUBLE_MS = 12_000
const PEACE_MS = 40_000

/** A whole history of one seed: trouble, then peace. @returns the cluster as it stands at the end. */
function history(seed: number): Cluster {
  const count = 4 + (seed % 4)
  const names = validators(count).map(({ name }) => name)
  const specs = [...validators(count), { name: 'honest', role: 'provider' } as const, CHEAT]
  const chain = cluster(seed, CALM, specs, ['alice'])
  const rng = chain.world.rng('trouble')
  chain.startAll()
  chain.runUntil(() => chain.nodes.length === specs.length, 200_000)
  const market = new Market(chain)
  market.registerProgram('alice')
  market.registerProvider('honest', 20_000n)
  market.registerProvider('cheat', 10_000n)
  chain.runUntil(() => events(chain, 'v0', 'program-available').length > 0, 600_000)
  const faults: Faults = {
    dropPercent: rng.below(12),
    repeatPercent: rng.below(30),
    delayMsMax: 5 + rng.below(60),
    syncMsMax: 1 + rng.below(12),
  }
  chain.world.setFaults(faults)
  const trouble = chain.world.nowMs + TROUBLE_MS
  let offers = 0
  while (chain.world.nowMs < trouble) {
    const until = chain.world.nowMs + 400 + rng.below(1_200)
    disturb(chain, names, rng.below(4), rng.below(count))
    if (offers < 3 && chain.isAlive('v0')) {
      market.offer('alice', offers % 2 === 0 ? 0 : 2)
      offers++
    }
    chain.runUntil(() => chain.world.nowMs >= until, TASKS_MAX)
  }
  chain.world.setFaults(CALM)
  chain.world.heal()
  for (const { name } of specs) if (!chain.isAlive(name)) chain.start(name)
  const end = chain.world.nowMs + PEACE_MS
  chain.runUntil(() => chain.world.nowMs >= end, TASKS_MAX)
  return chain
}

/** One thing goes wrong: a crash, a restart, a partition, or the end of one. */
function disturb(chain: Cluster, names: readonly string[], kind: number, at: number): void {
  const dead = names.filter((name) => !chain.isAlive(name))
  const victim = names[at]
  if (victim === undefined) return
  if (kind === 0 && dead.length === 0) chain.crash(victim)
  else if (kind === 1) for (const name of dead) chain.start(name)
  else if (kind === 2) {
    chain.world.part(
      [victim],
      names.filter((name) => name !== victim),
    )
  } else chain.world.heal()
}

/** Block ids by height as each node told them, over all its lives. */
function assertAgreement(chain: Cluster): void {
  const decided = new Map<bigint, string>()
  for (const { fact } of chain.facts) {
    if (fact.kind !== 'block-committed') continue
    const known = decided.get(fact.height)
    check.ok(known === undefined || known === fact.id, `one block at height ${fact.height}`)
    decided.set(fact.height, fact.id)
  }
}

/** The guards' journals outlive every crash: no position was signed twice. */
function assertNoDoubleSignature(chain: Cluster, names: readonly string[]): void {
  for (const name of names) {
    const seen = new Map<string, string>()
    for (const bytes of chain.world.journalOf(name, 'guard')) {
      const { height, round, step, digest } = decodeRecord(bytes)
      const position = `${height}/${round}/${step}`
      const before = seen.get(position)
      check.ok(before === undefined || before === toHex(digest), `${name} signed ${position} once`)
      seen.set(position, toHex(digest))
    }
    check.ok(seen.size > 0, `${name} voted`)
  }
}

function assertSettledOnce(chain: Cluster): void {
  const settled = new Map<string, Set<bigint>>()
  for (const { fact } of chain.facts) {
    if (fact.kind !== 'block-committed') continue
    for (const event of fact.events) {
      if (event.kind !== 'job-settled') continue
      const heights = settled.get(event.subject) ?? new Set()
      heights.add(fact.height)
      settled.set(event.subject, heights)
    }
  }
  check.ok(settled.size > 0, 'some job settled')
  for (const [job, heights] of settled) check.equal(heights.size, 1, `job ${job} settled once`)
}

describe('validators and a market in a hostile world', function () {
  this.timeout(240_000)
  for (const seed of SEEDS) {
    it(`keeps agreement, signatures, money and settlements, seed ${seed}`, () => {
      const chain = history(seed)
      check.equal(history(seed).world.audit(), chain.world.audit(), 'the same seed, the same trace')
      const names = validators(4 + (seed % 4)).map(({ name }) => name)
      assertAgreement(chain)
      assertNoDoubleSignature(chain, names)
      assertSettledOnce(chain)
      for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
      const heights = chain.nodes.map(({ ledger }) => Number(ledger.head.height))
      check.ok(Math.max(...heights) - Math.min(...heights) <= 2, `heights ${heights.join(' ')}`)
    })
  }
})
