/**
 * Random histories: whatever is tried, in whatever order, money is conserved, a job settles once
 * and an honest provider keeps its bond. `World` audits the books after every block.
 */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import { fromHex } from '../../../../src/base/bytes.ts'
import { attempt } from '../../../../src/base/refusal.ts'
import { applyAttestationBatch } from '../../../../src/ledger/attestations.ts'
import {
  type AvailabilityDuty,
  pendingAvailability,
  pendingVerdicts,
  type VerdictDuty,
} from '../../../../src/ledger/duties.ts'
import { applyEvidence } from '../../../../src/ledger/evidence.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { applyCancelOffer, applyOffer } from '../../../../src/ledger/jobs.ts'
import { JOBS, PROVIDERS, RECEIPTS, requireAttempt } from '../../../../src/ledger/market-records.ts'
import { unbondProvider } from '../../../../src/ledger/providers.ts'
import { providerOf } from '../../../../src/ledger/providers-bonds.ts'
import { applyReceipt } from '../../../../src/ledger/receipts.ts'
import { EVIDENCE_TYPE_BYTES } from '../../../../src/ledger/types/evidence.ts'
import { buildFraudProof } from '../../../../src/program/fraud.ts'
import {
  availableProgram,
  BLOCK,
  BUYER,
  type Claim,
  claimOf,
  falsified,
  makeOffer,
  offerId,
  PROVIDER_A,
  PROVIDER_B,
  PROVIDER_C,
  provide,
  REPORTER,
  SMALL,
  VALIDATORS,
  World,
} from './world.ts'

const CHEAT = PROVIDER_C

type Act =
  | { readonly kind: 'offer'; readonly replay: boolean; readonly cheap: boolean }
  | { readonly kind: 'cancel'; readonly pick: number }
  | { readonly kind: 'deliver'; readonly pick: number }
  | { readonly kind: 'attest'; readonly validators: readonly number[]; readonly say: number }
  | { readonly kind: 'accuse'; readonly pick: number; readonly element: number }
  | { readonly kind: 'unbond'; readonly provider: number }
  | { readonly kind: 'wait'; readonly blocks: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: offerArbitrary() },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), pick: fc.nat(9) }) },
  { weight: 12, arbitrary: attestArbitrary() },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('accuse' as const),
      pick: fc.nat(9),
      element: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('unbond' as const), provider: fc.nat(2) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      blocks: fc.integer({ min: 1, max: 14 }),
    }),
  },
)

function offerArbitrary() {
  return fc.record({
    kind: fc.constant('offer' as const),
    replay: fc.boolean(),
    cheap: fc.boolean(),
  })
}

function attestArbitrary() {
  return fc.record({
    kind: fc.constant('attest' as const),
    validators: fc.constantFrom([0], [1], [2], [3], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3]),
    say: fc.constantFrom(1, 1, 1, 1, 2, 3),
  })
}

class History {
  readonly world: World
  readonly claims = new Map<string, Claim>()

  constructor(gate: bigint) {
    this.world = new World({ proof_latency_gate: gate, false_verdict_gate: gate })
    availableProgram(this.world)
    provide(this.world, PROVIDER_A, { unitPrice: 3_000n })
    provide(this.world, PROVIDER_B, { unitPrice: 2_000n })
    provide(this.world, CHEAT, { unitPrice: 1_000n })
  }

  /** One block holds one act, or nothing when the act is refused. */
  play(given: Act): void {
    const { world } = this
    if (given.kind === 'wait') {
      world.skip(given.blocks)
      return
    }
    const made = this.#make(given)
    if (made === undefined) return
    const outcome = attempt(() => world.block(made))
    if ('refused' in outcome) world.block()
  }

  #make(given: Exclude<Act, { kind: 'wait' }>): ((execution: Execution) => void) | undefined {
    const { world } = this
    switch (given.kind) {
      case 'offer': {
        const offer = makeOffer(world, {
          verification: given.replay ? 'replay' : 'fold',
          ceiling: given.cheap ? BLOCK / 10n : BLOCK,
        })
        return (execution) => applyOffer(execution, offerId(offer), offer)
      }
      case 'cancel': {
        const job = this.#job(given.pick)
        const cancel = { buyer: fromHex(BUYER), offer: fromHex(job), tip: 0n }
        const expiryHeight = world.height + 3n
        return (execution) => applyCancelOffer(execution, '', { ...cancel, expiryHeight })
      }
      case 'deliver':
        return this.#deliver(given.pick)
      case 'attest':
        return (execution) => {
          for (const index of given.validators) {
            this.#attest(VALIDATORS[index] as string, given.say)?.(execution)
          }
        }
      case 'accuse':
        return this.#accuse(given.pick, given.element)
      case 'unbond': {
        const provider = [PROVIDER_A, PROVIDER_B, CHEAT][given.provider] as string
        return (execution) => unbondProvider(execution, provider, 300n * BLOCK)
      }
    }
  }

  #job(pick: number): string {
    const jobs = this.world.state.entries(JOBS)
    return jobs[pick % Math.max(jobs.length, 1)]?.[0] ?? '00'.repeat(32)
  }

  #deliver(pick: number): ((execution: Execution) => void) | undefined {
    const job = this.#job(pick)
    const record = this.world.state.get(JOBS, job)
    if (record === undefined || record.attempt === 0) return undefined
    const { provider } = requireAttempt(this.world.state, job, record.attempt)
    const isCheat = Buffer.from(provider).toString('hex') === CHEAT
    const claim = claimOf(this.world, job, isCheat ? falsified() : undefined)
    this.claims.set(claim.receiptId, claim)
    return (execution) => applyReceipt(execution, claim.receiptId, claim.receipt)
  }

  /** Everything this validator owes, in one batch. Validators may err or lie in any way. */
  #attest(validator: string, say: number): ((execution: Execution) => void) | undefined {
    const { state, height } = this.world
    const data = pendingAvailability(state, height, validator)
    const verdicts = pendingVerdicts(state, height, validator)
    if (data.length + verdicts.length === 0) return undefined
    const items = [
      ...data.map(({ object }: AvailabilityDuty) => item(object, 0)),
      ...verdicts.map(({ receiptId }: VerdictDuty) => item(receiptId, say)),
    ]
    const batch = { validator: fromHex(validator), height, items }
    return (execution) => applyAttestationBatch(execution, '', batch)
  }

  #accuse(pick: number, element: number): ((execution: Execution) => void) | undefined {
    const receipts = this.world.state.entries(RECEIPTS)
    const [receiptId, anchored] = receipts[pick % Math.max(receipts.length, 1)] ?? []
    if (receiptId === undefined || anchored === undefined) return undefined
    const claim = this.claims.get(receiptId)
    check.ok(claim !== undefined)
    const fault = { kind: 'wrong_element', opIndex: 0, element } as const
    const payload = buildFraudProof(SMALL.program, claim.data, fault)
    const evidence = {
      reporter: fromHex(REPORTER),
      type: EVIDENCE_TYPE_BYTES['fraud-proof'],
      offender: anchored.receipt.provider,
      subject: fromHex(receiptId),
      payload,
    }
    const id = this.world.serial()
    return (execution) => applyEvidence(execution, id, evidence)
  }
}

function item(object: string, statement: number) {
  return { object: fromHex(object), statement, micros: statement === 1 ? 120_000 : 0 }
}

describe('a random history of the market', () => {
  it('conserves money, settles each job at most once and never takes an honest bond', () => {
    const seen = { settled: 0, frauds: 0, failed: 0 }
    fc.assert(
      fc.property(
        fc.array(act, { minLength: 30, maxLength: 120 }),
        fc.constantFrom(0n, 1n),
        (acts, gate) => {
          const history = new History(gate)
          const { world } = history
          for (const each of acts) history.play(each)
          world.skip(Number(world.params.evidence_age) + 70)
          judge(history)
          seen.settled += world.events('job-settled').length
          seen.frauds += world.events('evidence-accepted').length
          seen.failed += world.events('job-requeued').length
        },
      ),
      { numRuns: 60 },
    )
    check.ok(seen.settled > 10, `histories settle jobs: ${seen.settled}`)
    check.ok(seen.frauds > 0, `histories hold accepted fraud proofs: ${seen.frauds}`)
    check.ok(seen.failed > 5, `histories send jobs on: ${seen.failed}`)
  })

  function judge({ world }: History): void {
    const settled = world.events('job-settled').map(({ subject }) => subject)
    check.equal(new Set(settled).size, settled.length)
    const ended = ['job-settled', 'job-expired', 'job-cancelled'] as const
    const ends = ended.flatMap((kind) => world.events(kind).map(({ subject }) => subject))
    check.equal(new Set(ends).size, ends.length)
    check.equal(ends.length, world.events('job-offered').length)
    // A state rule may take an SLA penalty from anybody if two thirds lie; fraud proofs may not.
    const proven = world.events('provider-slashed').filter(({ reason }) => reason === 'fraud_proof')
    for (const { actor } of proven) check.equal(actor, CHEAT)
    for (const provider of [PROVIDER_A, PROVIDER_B]) {
      const { suspendedUntil } = providerOf(world.state, provider) ?? { suspendedUntil: 0n }
      check.equal(suspendedUntil, 0n)
    }
    for (const [, { locked, openAttempts }] of world.state.entries(PROVIDERS)) {
      check.equal(locked, 0n)
      check.equal(openAttempts, 0)
    }
    check.equal(world.state.entries(JOBS).length, 0, 'a history leaves nothing behind')
  }
})
