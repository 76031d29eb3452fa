/** The shadow judges as the ledger does, under two sets of values, and adds up. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { defaultParams, type Params, withParams } from '../../../src/governance/params.ts'
import {
  JUDGED_BY,
  JUDGEMENTS,
  type Judged,
  judgementsOf,
  outcome,
  shadowDiff,
} from '../../../src/governance/shadow.ts'
import type { AttemptRecord, JobRecord } from '../../../src/ledger/market-records.ts'
import { isLatencyBreach, payoutOf } from '../../../src/ledger/settlement.ts'

const current = defaultParams()
const money = fc.bigInt({ min: 0n, max: 1n << 70n })
const micros = fc.bigInt({ min: 0n, max: 200_000n })

const anyJudged: fc.Arbitrary<Judged> = fc.oneof(
  fc.record({
    kind: fc.constant('fee' as const),
    of: fc.constantFrom('transaction' as const, 'offer' as const),
    bytes: fc.bigInt({ min: 0n, max: 100_000n }),
  }),
  fc.record({
    kind: fc.constant('fee' as const),
    of: fc.constant('settlement' as const),
    gross: money,
  }),
  fc.record({
    kind: fc.constant('admission' as const),
    verifyUnits: fc.bigInt({ min: 0n, max: 200_000n }),
    verifyBytes: fc.bigInt({ min: 0n, max: 1n << 30n }),
    inputBytes: fc.bigInt({ min: 0n, max: 1n << 27n }),
  }),
  fc.record({ kind: fc.constant('budget' as const), latencyMicros: micros }),
  fc.record({ kind: fc.constant('penalty' as const), latencyMicros: micros, gross: money }),
  fc.record({
    kind: fc.constant('slash' as const),
    offence: fc.constantFrom(
      ...(['fraud', 'service-level', 'equivocation', 'false-verdict'] as const),
    ),
    base: money,
  }),
  fc.record({ kind: fc.constant('match' as const), ceiling: money, free: money }),
)

const anyParams: fc.Arbitrary<Params> = fc
  .record({
    proof_verification_budget_ms: fc.bigInt({ min: 1n, max: 200n }),
    proof_latency_gate: fc.constantFrom(0n, 1n),
    proof_latency_penalty_bps: fc.bigInt({ min: 0n, max: 500n }),
    base_fee_offer: fc.bigInt({ min: 0n, max: 300n }),
    collateral_bps: fc.bigInt({ min: 0n, max: 40_000n }),
    settlement_fee_bps: fc.bigInt({ min: 0n, max: 2_000n }),
  })
  .map((changes) => withParams(current, changes))

describe('shadow', () => {
  it('sees no difference between a set and itself', () => {
    fc.assert(
      fc.property(fc.array(anyJudged), (judged) => {
        for (const count of shadowDiff(judged, current, current).values()) {
          check.equal(count.differing, 0n)
          check.equal(count.current, count.proposed)
        }
      }),
    )
  })

  it('counts every item once, in its judgement, and the two sums are those of each set', () => {
    fc.assert(
      fc.property(fc.array(anyJudged), anyParams, (judged, proposed) => {
        const counts = shadowDiff(judged, current, proposed)
        for (const kind of JUDGEMENTS) {
          const own = judged.filter((each) => each.kind === kind)
          const sum = (params: Params): bigint =>
            own.reduce((all, each) => all + outcome(each, params), 0n)
          check.equal(counts.get(kind)?.seen ?? 0n, BigInt(own.length))
          check.equal(counts.get(kind)?.current ?? 0n, sum(current))
          check.equal(counts.get(kind)?.proposed ?? 0n, sum(proposed))
        }
      }),
    )
  })

  it('differs only where a parameter that the judgement reads has changed', () => {
    fc.assert(
      fc.property(fc.array(anyJudged), anyParams, (judged, proposed) => {
        const changed = Object.keys(current).filter(
          (key) => current[key as keyof Params] !== proposed[key as keyof Params],
        )
        const can = judgementsOf(changed)
        for (const [kind, { differing }] of shadowDiff(judged, current, proposed)) {
          if (differing > 0n) check.ok(can.includes(kind), kind)
        }
      }),
    )
    check.deepEqual(judgementsOf(['proof_verification_budget_ms']), ['budget', 'penalty'])
    check.deepEqual(Object.keys(JUDGED_BY), [...JUDGEMENTS])
  })

  it('judges budget, penalty and settlement fee as settlement does', () => {
    fc.assert(
      fc.property(anyParams, money, micros, (params, price, latencyMicros) => {
        const job = { offer: { priceCeiling: 2n * price }, verifyFee: 0n } as JobRecord
        const attempt = { price, latencyMicros: Number(latencyMicros) } as AttemptRecord
        const paid = payoutOf(job, attempt, params)
        const breach = outcome({ kind: 'budget', latencyMicros }, params) === 1n
        check.equal(breach, isLatencyBreach(Number(latencyMicros), params))
        check.equal(outcome({ kind: 'penalty', latencyMicros, gross: price }, params), paid.penalty)
        const fee = outcome({ kind: 'fee', of: 'settlement', gross: price }, params)
        check.equal(fee, paid.treasury + paid.validators)
      }),
    )
  })
})
