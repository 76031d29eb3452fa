/**
 * Attempts: one provider's try at one job.
 *
 *   Matched --receipt--> Anchored --verdicts--> Verified --challenge over--> (job Settled)
 *      |                    |                      |--fraud proof, equivocation--> Rejected
 *      |                    |--fraud proof, equivocation, data withheld, invalid--> Rejected
 *      |                    |--window closes without a verdict--> Indeterminate
 *      |                    |--provider proven a cheat elsewhere--> Voided
 *      |--deadline ends--> Late   |--provider proven a cheat elsewhere--> Voided
 *
 * Invariants
 *   - Collateral is locked from Matched until the attempt is final; it is unlocked exactly once.
 *   - Verification capacity is taken from Matched until the attempt leaves Anchored.
 *   - Whatever is not Verified sends the job back to Offered, or ends it with a full refund.
 *
 * Source: protocol.md §5 (Attempt).
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { releaseAsk, suspendAsk } from './asks.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import { dequeue, enqueue, refundJob } from './jobs.ts'
import {
  ATTEMPT,
  ATTEMPTS,
  type AttemptRecord,
  addTotals,
  attemptKey,
  idBytes,
  JOB,
  JOBS,
  type JobRecord,
  OPEN_ATTEMPTS,
  reasonBytes,
  requireAttempt,
  requireJob,
} from './market-records.ts'
import { paramsAt } from './parameters.ts'
import { lockCollateral, noteConduct, unlockCollateral } from './providers-bonds.ts'
import type { Conduct } from './reputation.ts'
import type { Reader } from './state.ts'
import type { EventKind } from './types/event.ts'

export type Failure = 'rejected' | 'indeterminate' | 'late' | 'voided'

/** How a failed attempt stands in the provider's reputation. */
const CONDUCT_OF: Readonly<Record<Failure, Conduct | undefined>> = {
  rejected: 'rejected',
  indeterminate: 'indeterminate',
  late: 'late',
  // Its cause is counted where it was proven.
  voided: undefined,
}
const EVENT_OF: Readonly<Record<Failure, EventKind>> = {
  rejected: 'attempt-rejected',
  indeterminate: 'attempt-indeterminate',
  late: 'attempt-late',
  voided: 'attempt-voided',
}

export interface MatchTerms {
  readonly ask: string
  readonly provider: string
  readonly unitPrice: bigint
  readonly price: bigint
  readonly collateral: bigint
  readonly deadlineHeight: bigint
  readonly paramsVersion: number
}

/** Offered -> Matched. The caller has found the match eligible. */
export function startAttempt(execution: Execution, jobId: string, terms: MatchTerms): void {
  const { view, block } = execution
  dequeue(execution, jobId)
  const job = requireJob(view, jobId)
  const attempt = job.attempt + 1
  view.put(JOBS, jobId, { ...job, state: JOB.matched, reason: reasonBytes(''), attempt })
  view.put(ATTEMPTS, attemptKey(jobId, attempt), newAttempt(job, terms, block.height))
  view.put(OPEN_ATTEMPTS, `${terms.provider}/${jobId}`, { attempt })
  lockCollateral(execution, terms.provider, terms.collateral)
  schedule(view, terms.deadlineHeight, 'receipt', jobId, attempt)
  addTotals(view, { verifyUnits: job.verifyUnits, verifyBytes: job.verifyBytes })
  emit(execution, {
    kind: 'job-matched',
    subject: jobId,
    actor: terms.provider,
    value: terms.price,
    count: BigInt(attempt),
  })
}

function newAttempt(job: JobRecord, terms: MatchTerms, height: bigint): AttemptRecord {
  const none = new Uint8Array(32)
  return {
    provider: idBytes(terms.provider),
    ask: idBytes(terms.ask),
    unitPrice: terms.unitPrice,
    units: job.units,
    price: terms.price,
    collateral: terms.collateral,
    matchedHeight: height,
    deadlineHeight: terms.deadlineHeight,
    paramsVersion: terms.paramsVersion,
    state: ATTEMPT.matched,
    reason: reasonBytes(''),
    receipt: none,
    anchorHeight: 0n,
    closeHeight: 0n,
    settleHeight: 0n,
    verifiedHeight: 0n,
    finalHeight: 0n,
    latencyMicros: 0,
    latencyBreached: false,
    refuted: false,
    paid: 0n,
  }
}

export function updateAttempt(
  { view }: Execution,
  job: string,
  attempt: number,
  change: Partial<AttemptRecord>,
): void {
  const record = requireAttempt(view, job, attempt)
  view.put(ATTEMPTS, attemptKey(job, attempt), { ...record, ...change })
}

/** The parameters an attempt is judged by: those in force when it was matched. */
export function paramsOf(reader: Reader, attempt: AttemptRecord) {
  return paramsAt(reader, attempt.paramsVersion)
}

/** Matched, Anchored or Verified: the collateral is still locked. */
export function isOpen({ state, finalHeight }: AttemptRecord): boolean {
  return finalHeight === 0n && state <= ATTEMPT.verified
}

/** The verification capacity of an attempt is free again: it leaves Anchored, or never gets there. */
export function releaseVerification({ view }: Execution, job: JobRecord): void {
  addTotals(view, { verifyUnits: -job.verifyUnits, verifyBytes: -job.verifyBytes })
}

/** The attempt is final: unlocks its collateral. */
export function finishAttempt(
  execution: Execution,
  jobId: string,
  attempt: number,
  change: Partial<AttemptRecord>,
): void {
  const { view, block } = execution
  const record = requireAttempt(view, jobId, attempt)
  assert(isOpen(record), 'an attempt becomes final once')
  const provider = toHex(record.provider)
  unlockCollateral(execution, provider, record.collateral)
  view.remove(OPEN_ATTEMPTS, `${provider}/${jobId}`)
  updateAttempt(execution, jobId, attempt, { ...change, finalHeight: block.height })
}

/** Ends an open attempt without a result and sends the job back, or refunds it. */
export function failAttempt(
  execution: Execution,
  jobId: string,
  attempt: number,
  failure: Failure,
  reason: string,
): void {
  const { view } = execution
  const record = requireAttempt(view, jobId, attempt)
  const job = requireJob(view, jobId)
  const provider = toHex(record.provider)
  const ask = toHex(record.ask)
  if (record.state === ATTEMPT.matched) releaseAsk(view, ask, record.units)
  if (record.state !== ATTEMPT.verified) releaseVerification(execution, job)
  finishAttempt(execution, jobId, attempt, {
    state: ATTEMPT[failure],
    reason: reasonBytes(reason),
  })
  const conduct = CONDUCT_OF[failure]
  if (conduct !== undefined) noteConduct(execution, provider, conduct)
  emit(execution, {
    kind: EVENT_OF[failure],
    subject: jobId,
    actor: provider,
    count: BigInt(attempt),
    reason,
  })
  if (failure === 'late') suspendAsk(execution, ask, reason)
  requeue(execution, jobId, record, reason)
}

/** Back to Offered with that provider excluded, or the end. */
function requeue(
  execution: Execution,
  jobId: string,
  attempt: AttemptRecord,
  reason: string,
): void {
  const { view, block } = execution
  const job = requireJob(view, jobId)
  if (BigInt(job.attempt) >= paramsOf(view, attempt).max_attempts) {
    refundJob(execution, jobId, 'expired', 'attempts_exhausted')
    return
  }
  if (job.offer.expiryHeight <= block.height) {
    refundJob(execution, jobId, 'expired', 'offer_expired')
    return
  }
  view.put(JOBS, jobId, {
    ...job,
    state: JOB.offered,
    reason: reasonBytes(reason),
    excluded: [...job.excluded, attempt.provider],
  })
  enqueue(execution, jobId)
  const count = BigInt(job.attempt + 1)
  const actor = toHex(job.offer.buyer)
  emit(execution, { kind: 'job-requeued', subject: jobId, actor, count, reason })
}

/** Ends every attempt of a proven cheat that has no verdict yet. */
export function voidAttempts(execution: Execution, provider: string, reason: string): void {
  for (const [key, { attempt }] of execution.view.entries(OPEN_ATTEMPTS, `${provider}/`)) {
    const job = key.slice(provider.length + 1)
    const { state } = requireAttempt(execution.view, job, attempt)
    if (state === ATTEMPT.verified) continue
    failAttempt(execution, job, attempt, 'voided', reason)
  }
}
