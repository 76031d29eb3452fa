/** Jobs and attempts: every edge of both machines, its reason, and where the money goes. */

import { strict as check } from 'node:assert'

import { fromHex } from '../../../../src/base/bytes.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { applyCancelOffer, applyOffer } from '../../../../src/ledger/jobs.ts'
import { jobOf, requireAttempt, requireJob } from '../../../../src/ledger/market-records.ts'
import { providerOf } from '../../../../src/ledger/providers-bonds.ts'
import { applyReceipt } from '../../../../src/ledger/receipts.ts'
import { slaOutcomeOf } from '../../../../src/ledger/sla.ts'
import type { Receipt } from '../../../../src/ledger/types/market.ts'
import {
  anchor,
  attest,
  BLOCK,
  BUYER,
  claimOf,
  makeOffer,
  marketOf,
  offerId,
  offerJob,
  PROVIDER_A,
  PROVIDER_B,
  provide,
  readyJob,
  VALIDATORS,
  type World,
} from './world.ts'

function cancel(world: World, job: string, buyer = BUYER): (execution: Execution) => void {
  return (execution) =>
    applyCancelOffer(execution, '', {
      buyer: fromHex(buyer),
      offer: fromHex(job),
      tip: 0n,
      expiryHeight: world.height + 5n,
    })
}

describe('a job', () => {
  it('runs from offer to settlement and pays whom it should', () => {
    const world = marketOf()
    const before = { buyer: world.balance(BUYER), provider: world.balance(PROVIDER_A) }
    const job = readyJob(world)
    check.equal(world.jobStateOf(job), 'matched')
    const { receiptId } = anchor(world, job)
    check.equal(world.attemptState(job, 1), 'anchored')
    world.block((execution) => attest(execution, receiptId, 'valid'))
    check.equal(world.attemptState(job, 1), 'verified')
    const { settleHeight, price, anchorHeight } = requireAttempt(world.state, job, 1)
    check.equal(settleHeight, anchorHeight + world.params.challenge_blocks)
    world.until(settleHeight - 1n)
    check.equal(world.jobStateOf(job), 'matched')
    world.block()
    check.equal(world.jobStateOf(job), 'settled')
    check.equal(world.jobReason(job), 'completed')
    check.deepEqual(slaOutcomeOf(world.state, job), { kind: 'Completed' })
    const fee = (price * world.params.settlement_fee_bps) / 10_000n
    check.equal(world.balance(PROVIDER_A), before.provider + price - fee)
    check.equal(world.sum('job-settled'), price - fee)
    const { verifyFee } = requireJob(world.state, job)
    check.equal(world.balance(BUYER), before.buyer - price - verifyFee)
    check.equal(world.sum('fee-paid'), fee + verifyFee)
    const provider = providerOf(world.state, PROVIDER_A)
    check.equal(provider?.locked, 0n)
    check.equal(provider?.settledCount, 1n)
  })

  it('settles once, whatever comes after', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((execution) => attest(execution, receiptId, 'valid'))
    world.skip(60)
    check.equal(world.events('job-settled').length, 1)
  })

  it('gives everything back when it is cancelled while it waits', () => {
    const world = marketOf()
    const before = world.balance(BUYER)
    const job = offerJob(world)
    check.ok(world.balance(BUYER) < before)
    world.block(cancel(world, job))
    check.equal(world.balance(BUYER), before)
    check.equal(world.jobStateOf(job), 'cancelled')
    check.deepEqual(slaOutcomeOf(world.state, job), {
      kind: 'Cancelled',
      reason: 'cancelled_by_buyer',
    })
  })

  it('cannot be cancelled by another, once matched, or twice', () => {
    const world = marketOf()
    const job = offerJob(world)
    check.equal(world.refusal(cancel(world, job, PROVIDER_A)).code, 'offer_unknown')
    world.block((execution) => attest(execution, job, 'available'))
    check.equal(world.refusal(cancel(world, job)).code, 'offer_not_open')
    const other = offerJob(world)
    world.block(cancel(world, other))
    check.equal(world.refusal(cancel(world, other)).code, 'offer_not_open')
  })

  it('expires with inputs_unavailable when validators do not hold its inputs', () => {
    const world = marketOf()
    const before = world.balance(BUYER)
    const job = offerJob(world)
    world.block((execution) => attest(execution, job, 'available', VALIDATORS.slice(0, 2)))
    world.skip(Number(world.params.availability_window_blocks))
    check.equal(world.jobStateOf(job), 'expired')
    check.equal(world.jobReason(job), 'inputs_unavailable')
    check.equal(world.balance(BUYER), before)
  })

  it('expires when nobody takes it, and names what stood in the way', () => {
    const world = marketOf()
    const before = world.balance(BUYER)
    const job = readyJob(world, { ceiling: 1n })
    check.equal(world.jobReason(job), 'price_ceiling')
    check.equal(world.events('job-unmatched').length, 1)
    world.skip(45)
    check.equal(world.events('job-unmatched').length, 1)
    check.equal(world.jobStateOf(job), 'expired')
    check.equal(world.jobReason(job), 'offer_expired')
    check.equal(world.balance(BUYER), before)
  })

  it('is not matched in the block that includes it', () => {
    const world = marketOf()
    const offer = makeOffer(world)
    const job = offerId(offer)
    world.block((execution) => {
      applyOffer(execution, job, offer)
    })
    check.equal(world.jobStateOf(job), 'offered')
  })

  it('goes to another provider when the first is late, and the ask is suspended', () => {
    const world = marketOf()
    provide(world, PROVIDER_B, { unitPrice: 2_000n })
    const job = readyJob(world)
    check.equal(world.events('job-matched').at(-1)?.actor, PROVIDER_A)
    const { deadlineHeight } = requireAttempt(world.state, job, 1)
    world.until(deadlineHeight)
    check.equal(world.attemptState(job, 1), 'late')
    check.equal(world.attemptReason(job, 1), 'receipt_late')
    check.equal(world.events('ask-suspended').length, 1)
    check.equal(world.jobStateOf(job), 'matched')
    check.equal(world.events('job-matched').at(-1)?.actor, PROVIDER_B)
    check.equal(requireJob(world.state, job).attempt, 2)
    check.equal(world.events('provider-slashed').length, 0)
  })

  it('takes a receipt at the deadline and none after it', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { deadlineHeight } = requireAttempt(world.state, job, 1)
    world.until(deadlineHeight - 1n)
    const claim = claimOf(world, job)
    world.block((execution) => applyReceipt(execution, claim.receiptId, claim.receipt))
    check.equal(world.attemptState(job, 1), 'anchored')
    const other = readyJob(world)
    const late = claimOf(world, other)
    world.until(requireAttempt(world.state, other, 1).deadlineHeight)
    const act = (execution: Execution): void =>
      applyReceipt(execution, late.receiptId, late.receipt)
    check.equal(world.refusal(act).code, 'receipt_attempt_closed')
  })

  it('is refunded in full when its attempts are exhausted', () => {
    const world = marketOf({ max_attempts: 1n })
    const before = world.balance(BUYER)
    const job = readyJob(world)
    world.skip(12)
    check.equal(world.jobStateOf(job), 'expired')
    check.equal(world.jobReason(job), 'attempts_exhausted')
    check.equal(world.balance(BUYER), before)
    check.deepEqual(slaOutcomeOf(world.state, job), {
      kind: 'Violated',
      reason: 'receipt_late',
      automated: true,
    })
  })

  it('is Indeterminate when too few speak, and excludes the provider', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((execution) => attest(execution, receiptId, 'valid', VALIDATORS.slice(0, 1)))
    world.skip(Number(world.params.verdict_window_blocks))
    check.equal(world.attemptState(job, 1), 'indeterminate')
    check.equal(world.attemptReason(job, 1), 'verdicts_inconclusive')
    check.equal(world.jobStateOf(job), 'offered')
    check.equal(world.jobReason(job), 'provider_excluded')
    check.equal(world.events('duty-missed').length, 0)
  })

  it('is Verified at close by more than a third against at most a third', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((execution) => {
      attest(execution, receiptId, 'valid', VALIDATORS.slice(0, 2))
      attest(execution, receiptId, 'invalid', VALIDATORS.slice(2, 3))
    })
    check.equal(world.attemptState(job, 1), 'anchored')
    world.skip(Number(world.params.verdict_window_blocks))
    check.equal(world.attemptState(job, 1), 'verified')
    check.deepEqual(
      world.events('duty-missed').map(({ actor }) => actor),
      VALIDATORS.slice(3),
    )
    world.skip(20)
    const paid = world.events('fee-paid').filter(({ reason }) => reason === 'verification')
    check.deepEqual(new Set(paid.map(({ actor }) => actor)), new Set(VALIDATORS.slice(0, 2)))
  })

  it('is not decided by invalid verdicts alone under fold', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((execution) => attest(execution, receiptId, 'invalid'))
    check.equal(world.attemptState(job, 1), 'anchored')
    world.skip(Number(world.params.verdict_window_blocks))
    check.equal(world.attemptState(job, 1), 'indeterminate')
    check.equal(world.events('provider-slashed').length, 0)
  })

  it('is Rejected with the SLA penalty by two thirds of invalid under replay', () => {
    const world = marketOf()
    const job = readyJob(world, { verification: 'replay' })
    const { receiptId } = anchor(world, job)
    world.block((execution) => attest(execution, receiptId, 'invalid', VALIDATORS.slice(0, 3)))
    check.equal(world.attemptState(job, 1), 'rejected')
    check.equal(world.attemptReason(job, 1), 'invalid_execution')
    const penalty = (BLOCK * world.params.sla_penalty_bps) / 10_000n
    check.equal(world.sum('provider-slashed'), penalty)
    check.equal(world.sum('compensated'), penalty / 2n)
    check.equal(world.sum('burned'), penalty - penalty / 2n)
  })

  it('is Rejected with data_withheld when two thirds cannot have the data', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    const early = (execution: Execution): void =>
      attest(execution, receiptId, 'unavailable', VALIDATORS.slice(0, 1))
    check.equal(world.refusal(early).code, 'attestation_unavailable_early')
    const { closeHeight } = requireAttempt(world.state, job, 1)
    const lastQuarter = (world.params.verdict_window_blocks + 1n) / 4n
    world.until(closeHeight - lastQuarter - 1n)
    check.equal(world.refusal(early).code, 'attestation_unavailable_early')
    world.block()
    world.block((execution) => attest(execution, receiptId, 'unavailable', VALIDATORS.slice(0, 3)))
    check.equal(world.attemptState(job, 1), 'rejected')
    check.equal(world.attemptReason(job, 1), 'data_withheld')
    check.ok(world.sum('provider-slashed') > 0n)
  })
})

describe('the latency budget', () => {
  function slowJob(gate: bigint): { readonly world: World; readonly job: string } {
    const world = marketOf({ proof_latency_gate: gate })
    const job = readyJob(world)
    const { receiptId } = anchor(world, job)
    world.block((execution) => {
      attest(execution, receiptId, 'valid', VALIDATORS.slice(0, 2), 90_000)
      attest(execution, receiptId, 'valid', VALIDATORS.slice(2), 150_000)
    })
    world.skip(20)
    return { world, job }
  }

  it('is measured by the weighted median, which slow verifiers alone do not move', () => {
    const { world, job } = slowJob(1n)
    check.equal(requireAttempt(world.state, job, 1).latencyMicros, 90_000)
    check.equal(world.events('latency-breached').length, 0)
  })

  for (const gate of [0n, 1n]) {
    it(gate === 0n ? 'only records a breach in shadow' : 'returns a share to the buyer', () => {
      const world = marketOf({ proof_latency_gate: gate })
      const before = world.balance(BUYER)
      const job = readyJob(world)
      const { receiptId } = anchor(world, job)
      world.block((execution) => attest(execution, receiptId, 'valid', VALIDATORS, 100_001))
      world.skip(20)
      const { price, paid, latencyBreached } = requireAttempt(world.state, job, 1)
      const { verifyFee } = requireJob(world.state, job)
      const fee = (price * world.params.settlement_fee_bps) / 10_000n
      const penalty = gate === 0n ? 0n : (price * world.params.proof_latency_penalty_bps) / 10_000n
      check.ok(latencyBreached)
      check.equal(paid, price - fee - penalty)
      check.equal(world.balance(BUYER), before - price - verifyFee + penalty)
      check.equal(world.events('latency-breached')[0]?.count, 100_001n)
      check.equal(world.events('provider-slashed').length, 0)
      const outcome = slaOutcomeOf(world.state, job)
      check.equal(outcome?.kind, gate === 0n ? 'Completed' : 'Violated')
    })
  }
})

describe('an offer', () => {
  it('is refused with a code for everything that is wrong about it', () => {
    const world = marketOf({ max_input_bytes: 1_024n })
    const offer = makeOffer(world)
    const wrong: readonly (readonly [string, Partial<typeof offer>])[] = [
      ['offer_expired', { expiryHeight: world.height }],
      ['offer_ttl_exceeded', { expiryHeight: world.height + 2n + world.params.max_offer_ttl }],
      ['offer_deadline_empty', { deadlineBlocks: 0 }],
      ['lane_unknown', { lane: 2 }],
      ['verification_unknown', { verification: 3 }],
      ['verification_unavailable', withVerification(1)],
      ['program_unknown', { program: new Uint8Array(32) }],
      ['inputs_mismatch', { inputs: [] }],
      ['inputs_mismatch', { inputs: [{ digest: new Uint8Array(32), length: 17n }] }],
      ['descriptor_mismatch', { descriptorDigest: new Uint8Array(32) }],
      ['balance_insufficient', { priceCeiling: 1n << 100n }],
    ]
    for (const [code, change] of wrong) {
      const bad = { ...offer, ...change }
      const refused = world.refusal((execution) => applyOffer(execution, offerId(bad), bad))
      check.equal(refused.code, code)
    }
    world.block((execution) => applyOffer(execution, offerId(offer), offer))
    const again = world.refusal((execution) => applyOffer(execution, offerId(offer), offer))
    check.equal(again.code, 'offer_known')

    function withVerification(verification: number): Partial<typeof offer> {
      const other = makeOffer(world, { verification: 'succinct' })
      return { verification, descriptorDigest: other.descriptorDigest }
    }
  })

  it('is held within the verification budgets and the size of inputs', () => {
    const units = marketOf({ proof_verification_budget_units: 1n })
    const offer = makeOffer(units)
    const act = (execution: Execution): void => applyOffer(execution, offerId(offer), offer)
    check.equal(units.refusal(act).code, 'verification_units_exceeded')
    const bytes = marketOf({ proof_data_budget_bytes: 1n })
    check.equal(bytes.refusal(act).code, 'verification_data_exceeded')
    const inputs = marketOf({ max_input_bytes: 15n })
    check.equal(inputs.refusal(act).code, 'inputs_too_large')
  })

  it('is forgotten once no offence can be punished, and not before it expires', () => {
    const world = marketOf()
    const job = offerJob(world)
    world.block(cancel(world, job))
    world.skip(Number(world.params.evidence_age) - 1)
    check.ok(jobOf(world.state, job) !== undefined)
    world.skip(2)
    check.equal(jobOf(world.state, job), undefined)
  })
})

describe('a receipt', () => {
  it('is refused when any field is not what the ledger knows', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { receipt } = claimOf(world, job)
    const other = new Uint8Array(32).fill(9)
    const [input] = receipt.inputs
    check.ok(input !== undefined)
    const wrong: readonly (readonly [string, Partial<Receipt>])[] = [
      ['receipt_job_unknown', { job: other }],
      ['receipt_attempt_wrong', { attempt: 2 }],
      ['receipt_attempt_wrong', { attempt: 0 }],
      ['receipt_field_wrong', { provider: other }],
      ['receipt_field_wrong', { program: other }],
      ['receipt_field_wrong', { inputs: [] }],
      ['receipt_field_wrong', { inputs: [{ ...input, digest: other }] }],
      ['receipt_field_wrong', { inputs: [{ ...input, length: 1n }] }],
      ['receipt_field_wrong', { proofKind: 2 }],
      ['receipt_field_wrong', { proofBytes: 0n }],
      ['receipt_field_wrong', { units: receipt.units + 1n }],
      ['receipt_field_wrong', { payment: receipt.payment + 1n }],
      ['receipt_field_wrong', { descriptorDigest: other }],
      ['kernel_digest_unknown', { kernelDigest: other }],
    ]
    for (const [code, change] of wrong) {
      const bad = { ...receipt, ...change }
      check.equal(world.refusal((x) => applyReceipt(x, 'aa'.repeat(32), bad)).code, code)
    }
    const { receiptId } = anchor(world, job)
    const again = (execution: Execution): void => applyReceipt(execution, receiptId, receipt)
    check.equal(world.refusal(again).code, 'receipt_attempt_closed')
  })
})
