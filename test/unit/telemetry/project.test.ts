/** Facts become metrics: every update fits the catalogue, and money is the sum of the events. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import type { EventKind, LedgerEvent } from '../../../src/ledger/types/event.ts'
import type { NodeFact } from '../../../src/node/events.ts'
import { CATALOGUE, metricLine, metricsPage } from '../../../src/telemetry/catalogue.ts'
import {
  type JobLabels,
  type Levels,
  type MetricUpdate,
  type ObservedFact,
  projectEvent,
  projectFact,
  projectLevels,
  projectMatchLoop,
} from '../../../src/telemetry/project.ts'

const jobs: JobLabels = (id) =>
  id === 'known' ? { lane: 'industrial', verification: 'fold' } : undefined

const BLANK: LedgerEvent = {
  kind: 'duty-missed',
  subject: '',
  actor: '',
  value: 0n,
  count: 0n,
  reason: '',
}

// Written out, so that a kind that is added has to be thought of here.
const KINDS: Readonly<Record<EventKind, true>> = {
  transferred: true,
  'fee-burned': true,
  'tip-paid': true,
  'validator-bonded': true,
  'validator-unbonding': true,
  'validator-activated': true,
  'validator-removed': true,
  'validator-jailed': true,
  'validator-unjailed': true,
  'validator-slashed': true,
  'key-rotated': true,
  'bond-released': true,
  'provider-registered': true,
  'provider-retired': true,
  'provider-slashed': true,
  'provider-suspended': true,
  'program-registered': true,
  'program-available': true,
  'program-expired': true,
  'program-retired': true,
  'ask-posted': true,
  'ask-cancelled': true,
  'ask-suspended': true,
  'job-offered': true,
  'job-inputs-available': true,
  'job-unmatched': true,
  'job-matched': true,
  'job-cancelled': true,
  'job-expired': true,
  'job-requeued': true,
  'attempt-anchored': true,
  'attempt-verified': true,
  'attempt-rejected': true,
  'attempt-indeterminate': true,
  'attempt-late': true,
  'attempt-voided': true,
  'job-settled': true,
  'fee-paid': true,
  refunded: true,
  compensated: true,
  burned: true,
  'latency-breached': true,
  'evidence-accepted': true,
  'proposal-opened': true,
  'proposal-deposit': true,
  'proposal-vote': true,
  'proposal-moved': true,
  'parameter-changed': true,
  'shadow-diff': true,
  'duty-missed': true,
}

const anyEvent: fc.Arbitrary<LedgerEvent> = fc.record({
  kind: fc.constantFrom(...(Object.keys(KINDS) as EventKind[])),
  subject: fc.constantFrom('known', 'other'),
  actor: fc.constant(''),
  value: fc.bigInt({ min: 0n, max: (1n << 120n) - 1n }),
  count: fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }),
  reason: fc.constantFrom('applied', 'fraud_proof', 'vetoed', 'treasury'),
})

const FACTS: readonly NodeFact[] = [
  {
    kind: 'block-committed',
    height: 7n,
    id: 'aa',
    round: 0,
    objects: 2,
    bytes: 900,
    finalityMs: 120,
    events: [{ ...BLANK, kind: 'job-settled', subject: 'known', value: 5n, count: 40_000n }],
  },
  { kind: 'block-refused', height: 7n, id: 'aa', refusal: { code: 'a_code', facts: {} } },
  {
    kind: 'message-refused',
    topic: 'receipts',
    from: 'peer',
    verdict: 'reject',
    refusal: { code: 'a_code', facts: {} },
  },
  { kind: 'object-pooled', object: 'offer', id: 'aa' },
  { kind: 'object-dropped', id: 'aa', refusal: { code: 'a_code', facts: {} } },
  { kind: 'round-started', height: 7n, round: 1 },
  { kind: 'misbehaviour-seen', type: 'duplicate-vote', offender: 'aa' },
  {
    kind: 'verdict-given',
    receipt: 'aa',
    verification: 'fold',
    lane: 'consumer',
    outcome: 'valid',
    micros: 900,
  },
  { kind: 'job-run', job: 'aa', attempt: 1, outcome: 'done', micros: 1_500, allocFreeDelta: 0 },
  { kind: 'tensor-leaked', job: 'aa', attempt: 1, label: 'op-3', bytes: 64 },
  { kind: 'sync-progress', height: 3n, target: 9n },
  { kind: 'alarm', code: 'a_code', facts: {} },
]

function fits({ op, name, labels }: MetricUpdate): void {
  const line = metricLine(name)
  check.ok(line, `${name} stands in the catalogue`)
  const type = { add: 'counter', set: 'gauge', observe: 'histogram' }[op]
  check.equal(line.type, type, name)
  check.deepEqual(Object.keys(labels).sort(), [...line.labels].sort(), name)
}

function total(updates: readonly MetricUpdate[], name: string): bigint {
  return updates
    .filter((update) => update.name === name)
    .reduce((sum, { amount }) => sum + BigInt(amount), 0n)
}

function sum(events: readonly LedgerEvent[], kind: EventKind): bigint {
  return events.filter((event) => event.kind === kind).reduce((all, { value }) => all + value, 0n)
}

describe('metrics from facts', () => {
  it('fit the catalogue, whatever the event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        for (const update of projectEvent(event, jobs)) fits(update)
      }),
    )
  })

  it('fit the catalogue for every fact the node tells', () => {
    for (const fact of FACTS) {
      // The assignment is the test: what the node tells is what the projection reads.
      const observed: ObservedFact = fact
      const updates = projectFact(observed, jobs)
      check.ok(updates.length > 0, fact.kind)
      for (const update of updates) fits(update)
    }
  })

  it('count money exactly: payments, refunds and slashes are the sums of their events', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        const updates = events.flatMap((event) => projectEvent(event, jobs))
        check.equal(total(updates, 'settlement_paid_nblock_total'), sum(events, 'job-settled'))
        check.equal(total(updates, 'settlement_refunded_nblock_total'), sum(events, 'refunded'))
        check.equal(
          total(updates, 'slashing_taken_nblock_total'),
          sum(events, 'provider-slashed') + sum(events, 'validator-slashed'),
        )
        check.equal(
          total(updates, 'slashing_burn_nblock_total') +
            total(updates, 'gov_deposit_burn_nblock_total'),
          sum(events, 'burned'),
        )
      }),
    )
  })

  it('put lane and verification of the job on its receipt, never its id', () => {
    const event: LedgerEvent = { ...BLANK, kind: 'job-settled', subject: 'known', count: 99_000n }
    const seen = projectEvent(event, jobs).find(
      ({ name }) => name === 'proof_verification_latency_seconds',
    )
    check.deepEqual(seen?.labels, { lane: 'industrial', verification: 'fold' })
    check.equal(seen?.amount, 0.099)
  })

  it('leave heartbeats and synced blocks out of finality', () => {
    const [block] = FACTS as readonly [Extract<NodeFact, { kind: 'block-committed' }>]
    const measured = (fact: NodeFact): boolean =>
      projectFact(fact, jobs).some(({ name }) => name === 'block_finality_seconds')
    check.equal(measured(block), true)
    check.equal(measured({ ...block, objects: 0 }), false)
    check.equal(measured({ ...block, finalityMs: undefined }), false)
  })

  it('fit the catalogue for levels and for the match loop', () => {
    const levels: Levels = {
      validatorsActive: 4,
      receiptsAnchored: 1,
      poolObjects: 2,
      openProposals: 0,
      version: '0.1.0',
      chain: 'devnet-0',
      profile: 'devnet',
      offersWaiting: { consumer: 1, industrial: 0 },
      params: { proof_verification_budget_ms: 100n },
    }
    for (const update of projectLevels(levels)) fits(update)
    const loops = projectMatchLoop(2, ['consumer', 'industrial'])
    check.equal(loops.length, 2)
    for (const update of loops) fits(update)
  })
})

describe('metric catalogue', () => {
  it('names each metric once, in the form that Prometheus takes', () => {
    const names = CATALOGUE.map(({ name }) => name)
    check.equal(new Set(names).size, names.length)
    for (const name of names) check.match(name, /^[a-z][a-z0-9_]*$/)
  })

  it('gives buckets to histograms only, ascending', () => {
    for (const { name, type, buckets } of CATALOGUE) {
      check.equal(buckets.length > 0, type === 'histogram', name)
      check.deepEqual(
        [...buckets].sort((left, right) => left - right),
        [...buckets],
        name,
      )
    }
  })

  it('counts every amount of money exactly, and nothing else', () => {
    for (const { name, unit, isExact } of CATALOGUE) check.equal(isExact, unit === 'nBLOCK', name)
  })

  it('is documented line by line', () => {
    const page = metricsPage()
    for (const { name, help } of CATALOGUE) {
      check.ok(page.includes(`\`${name}\``), name)
      check.ok(page.includes(help), name)
    }
  })
})
