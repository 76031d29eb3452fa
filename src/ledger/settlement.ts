/**
 * Settlement: a verified attempt is paid once its challenge is over.
 *
 *   price, at most the ceiling
 *     settlement fee   settlement_fee_bps of it
 *     penalty          proof_latency_penalty_bps of it, to the buyer, if the breach gate applies
 *     provider         the rest
 *   settlement fee + prepaid verification fee
 *     treasury         treasury_bps of it
 *     validators       the rest, by power, among those whose `valid` was included
 *   ceiling - price    back to the buyer
 *
 * Invariants
 *   - What leaves escrow is exactly what the job put in.
 *   - An attempt is settled at most once, and only from Verified.
 *
 * Source: protocol.md §1 (Money), §5 (Settlement, The 100 ms budget).
 */

import { amount, basisPoints, split } from '../base/amount.ts'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Params } from '../governance/params.ts'
import { account, move, pot } from './accounts.ts'
import { saidIn, windowMembers, windowOf } from './attestations-windows.ts'
import { clearDue, dueAt } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import { closeJob } from './jobs.ts'
import { finishAttempt, paramsOf } from './jobs-attempts.ts'
import {
  ATTEMPT,
  type AttemptRecord,
  attemptOf,
  type JobRecord,
  reasonBytes,
  requireJob,
} from './market-records.ts'
import { noteConduct } from './providers-bonds.ts'
import { LATENCY_BREACH } from './sla.ts'
import type { Reader } from './state.ts'
import type { Validator } from './types/validator-set.ts'

const COMPLETED = 'completed'

/** What one settlement pays, nBLOCK. The parts sum to the job's escrow. */
export interface Payout {
  readonly provider: bigint
  readonly treasury: bigint
  readonly validators: bigint
  readonly buyer: bigint
  readonly penalty: bigint
  /** Over the latency budget, whether or not that costs anything yet. */
  readonly isBreach: boolean
  readonly isApplied: boolean
}

/** Pays everything that is due; the last act of the market's deadlines in a block. */
export function settleAtEnd(execution: Execution): void {
  const { height } = execution.block
  for (const { id, attempt } of dueAt(execution.view, height, ['settle'])) {
    settle(execution, id, attempt)
  }
  clearDue(execution.view, height)
}

function settle(execution: Execution, jobId: string, attempt: number): void {
  const { view } = execution
  const record = attemptOf(view, jobId, attempt)
  // A fraud proof in the meantime has rejected it.
  if (record?.state !== ATTEMPT.verified || record.finalHeight !== 0n) return
  const job = requireJob(view, jobId)
  const payout = payoutOf(job, record, paramsOf(view, record))
  const provider = toHex(record.provider)
  pay(execution, jobId, job, record, payout)
  finishAttempt(execution, jobId, attempt, {
    reason: reasonBytes(reasonOf(payout)),
    paid: payout.provider,
    latencyBreached: payout.isBreach,
  })
  noteConduct(execution, provider, payout.isApplied ? 'latency' : 'settled')
  closeJob(execution, jobId, 'settled', reasonOf(payout))
}

/** Pure: what a verified attempt pays under `params`. */
export function payoutOf(job: JobRecord, attempt: AttemptRecord, params: Params): Payout {
  const { priceCeiling } = job.offer
  const gross = amount(attempt.price < priceCeiling ? attempt.price : priceCeiling)
  const fee = basisPoints(gross, params.settlement_fee_bps)
  const isBreach = isLatencyBreach(attempt.latencyMicros, params)
  const isApplied = isBreach && params.proof_latency_gate === 1n
  const penalty = isApplied ? basisPoints(gross, params.proof_latency_penalty_bps) : 0n
  const fees = amount(fee + job.verifyFee)
  const treasury = basisPoints(fees, params.treasury_bps)
  return {
    provider: gross - fee - penalty,
    treasury,
    validators: fees - treasury,
    buyer: priceCeiling - gross + penalty,
    penalty,
    isBreach,
    isApplied,
  }
}

function reasonOf({ isApplied }: Payout): string {
  return isApplied ? LATENCY_BREACH : COMPLETED
}

/** Pure: the budget rule, by the latency of the receipt. */
export function isLatencyBreach(latencyMicros: number, params: Params): boolean {
  return BigInt(latencyMicros) > params.proof_verification_budget_ms * 1_000n
}

function pay(
  execution: Execution,
  jobId: string,
  job: JobRecord,
  attempt: AttemptRecord,
  payout: Payout,
): void {
  const provider = toHex(attempt.provider)
  const buyer = toHex(job.offer.buyer)
  const latency = BigInt(attempt.latencyMicros)
  const reason = reasonOf(payout)
  move(execution, pot('escrow'), account(provider), payout.provider)
  emit(execution, {
    kind: 'job-settled',
    subject: jobId,
    actor: provider,
    value: payout.provider,
    count: latency,
    reason,
  })
  payFees(execution, jobId, attempt, payout)
  move(execution, pot('escrow'), account(buyer), payout.buyer)
  emit(execution, {
    kind: 'refunded',
    subject: jobId,
    actor: buyer,
    value: payout.buyer,
    reason: payout.isApplied ? LATENCY_BREACH : 'unused_escrow',
  })
  if (!payout.isBreach) return
  emit(execution, {
    kind: 'latency-breached',
    subject: jobId,
    actor: provider,
    value: payout.penalty,
    count: latency,
    reason: payout.isApplied ? 'applied' : 'shadow',
  })
}

function payFees(
  execution: Execution,
  jobId: string,
  { receipt }: AttemptRecord,
  { treasury, validators }: Payout,
): void {
  move(execution, pot('escrow'), pot('treasury'), treasury)
  emit(execution, { kind: 'fee-paid', subject: jobId, value: treasury, reason: 'treasury' })
  const voters = validVoters(execution.view, toHex(receipt))
  const shares = split(
    amount(validators),
    voters.map(({ power }) => power),
  )
  voters.forEach(({ id }, index) => {
    const value = shares[index]
    assert(value !== undefined, 'every voter has a share')
    const actor = toHex(id)
    move(execution, pot('escrow'), account(actor), value)
    emit(execution, { kind: 'fee-paid', subject: jobId, actor, value, reason: 'verification' })
  })
}

/** Whose `valid` was included; never nobody, for a verified attempt. */
function validVoters(reader: Reader, receipt: string): Validator[] {
  const window = windowOf(reader, receipt)
  assert(window !== undefined, 'the verdicts of an open attempt are kept')
  const members = windowMembers(reader, window)
  return window.items
    .filter((item) => saidIn(item) === 'valid')
    .map(({ member }) => members[member] as Validator)
}
