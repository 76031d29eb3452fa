/**
 * Attestations: validators' items are counted, and a count decides.
 *
 *   available > 2T/3                      the program or the offer's inputs are usable
 *   valid > 2T/3                          the attempt is Verified, at once
 *   unavailable > 2T/3                    Rejected, data_withheld, SLA penalty
 *   invalid > 2T/3   fold                 no verdict: a fraud proof must follow
 *                    replay               Rejected, invalid_execution, SLA penalty
 *                    succinct             Rejected, invalid_proof, fraud penalty
 *   at close: valid > T/3, invalid <= T/3 Verified; anything else Indeterminate
 *
 * Source: protocol.md §5 (Attestations).
 */

import { assert, unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import {
  addItem,
  closeWindow,
  isFull,
  isThird,
  isTwoThirds,
  kindOf,
  settleWindow,
  type Tally,
  tallyOf,
} from './attestations-windows.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import { inputsReady, isFinal } from './jobs.ts'
import { failAttempt, paramsOf, releaseVerification, updateAttempt } from './jobs-attempts.ts'
import {
  ATTEMPT,
  BATCHES,
  jobOf,
  PROGRAM,
  requireAttempt,
  requireJob,
  WINDOWS,
  type WindowRecord,
} from './market-records.ts'
import { becomeAvailable, programRecordOf } from './programs.ts'
import { isAnnounced } from './receipts.ts'
import { latencyOf } from './sla.ts'
import { fraudPenalty, slashProvider } from './slashing.ts'
import { numberKey, type Reader } from './state.ts'
import type { AttestationBatch, AttestationItem } from './types/attestation.ts'
import { VERIFICATIONS, type Verification } from './types/market.ts'
import { missDuty } from './validators.ts'

/** A batch is taken up to this many blocks after the height it was signed at. */
export const BATCH_AGE_BLOCKS_MAX = 64n

export function applyAttestationBatch(
  execution: Execution,
  _id: string,
  batch: AttestationBatch,
): void {
  const { view, block } = execution
  const validator = toHex(batch.validator)
  const { height, items } = batch
  if (height >= block.height || height + BATCH_AGE_BLOCKS_MAX < block.height) {
    refuse('attestation_height', { height, at: block.height, age: BATCH_AGE_BLOCKS_MAX })
  }
  if (items.length === 0) refuse('attestation_empty', { validator })
  const key = `${numberKey(height)}/${validator}`
  if (view.get(BATCHES, key) !== undefined) {
    refuse('attestation_batch_repeated', { validator, height })
  }
  view.put(BATCHES, key, { count: items.length })
  for (const item of items) applyItem(execution, validator, height, item)
}

function applyItem(
  execution: Execution,
  validator: string,
  height: bigint,
  item: AttestationItem,
): void {
  const object = toHex(item.object)
  const window = addItem(execution, validator, height, item)
  const tally = tallyOf(execution.view, window)
  const kind = kindOf(window)
  switch (kind) {
    case 'program':
      if (isTwoThirds(tally.available, tally.total)) {
        becomeAvailable(execution, object, 'weights_available')
        settleWindow(execution, object)
      }
      break
    case 'offer':
      if (isTwoThirds(tally.available, tally.total)) {
        inputsReady(execution, object)
        settleWindow(execution, object)
      }
      break
    case 'receipt':
      requireAnnounced(execution, object, window)
      judge(execution, object, window, tally)
      break
    default:
      unreachable(kind)
  }
  closeIfFull(execution, object)
}

/** Verdicts on a succinct receipt count only once its proof is announced. */
function requireAnnounced({ view }: Execution, receipt: string, window: WindowRecord): void {
  const isSuccinct = verificationOf(view, window) === 'succinct'
  if (isSuccinct && !isAnnounced(view, receipt)) refuse('proof_not_announced', { receipt })
}

function verificationOf(reader: Reader, { job }: WindowRecord): Verification {
  const name = VERIFICATIONS[requireJob(reader, toHex(job)).offer.verification]
  assert(name !== undefined, 'an admitted offer names a verification')
  return name
}

/** Decides as soon as items to come cannot matter. */
function judge(execution: Execution, id: string, window: WindowRecord, tally: Tally): void {
  const { view } = execution
  const job = toHex(window.job)
  if (requireAttempt(view, job, window.attempt).state !== ATTEMPT.anchored) return
  if (isTwoThirds(tally.valid, tally.total)) {
    verify(execution, id, window)
  } else if (isTwoThirds(tally.unavailable, tally.total)) {
    reject(execution, window, 'data_withheld')
  } else if (isTwoThirds(tally.invalid, tally.total)) {
    const verification = verificationOf(view, window)
    if (verification === 'replay') reject(execution, window, 'invalid_execution')
    if (verification === 'succinct') reject(execution, window, 'invalid_proof')
  }
}

/** Anchored -> Verified; settlement waits for the challenge to end. */
function verify(execution: Execution, id: string, window: WindowRecord): void {
  const { view, block } = execution
  const jobId = toHex(window.job)
  const record = requireAttempt(view, jobId, window.attempt)
  const challengeEnd = record.anchorHeight + paramsOf(view, record).challenge_blocks
  const settleHeight = challengeEnd > block.height ? challengeEnd : block.height
  updateAttempt(execution, jobId, window.attempt, {
    state: ATTEMPT.verified,
    verifiedHeight: block.height,
    settleHeight,
  })
  releaseVerification(execution, requireJob(view, jobId))
  settleWindow(execution, id)
  schedule(view, settleHeight, 'settle', jobId, window.attempt)
  emit(execution, {
    kind: 'attempt-verified',
    subject: jobId,
    actor: toHex(record.provider),
    value: record.price,
    count: BigInt(window.attempt),
  })
}

/** Anchored -> Rejected by a state rule, with the penalty that belongs to the reason. */
function reject(
  execution: Execution,
  window: WindowRecord,
  reason: 'data_withheld' | 'invalid_execution' | 'invalid_proof',
): void {
  const { view } = execution
  const job = toHex(window.job)
  const record = requireAttempt(view, job, window.attempt)
  const provider = toHex(record.provider)
  const ceiling = requireJob(view, job).offer.priceCeiling
  const slaPenalty = (ceiling * paramsOf(view, record).sla_penalty_bps) / 10_000n
  const bounded = slaPenalty < record.collateral ? slaPenalty : record.collateral
  const wanted = reason === 'invalid_proof' ? fraudPenalty(execution, provider) : bounded
  const { attempt } = window
  slashProvider(execution, { provider, wanted, job, attempt, subject: job, reason })
  failAttempt(execution, job, attempt, 'rejected', reason)
}

/** Once everyone has spoken there is nothing to wait for, unless a fraud proof is. */
function closeIfFull(execution: Execution, object: string): void {
  const { view } = execution
  const window = view.get(WINDOWS, object)
  if (window === undefined || !isFull(view, window)) return
  const isReceipt = kindOf(window) === 'receipt'
  if (isReceipt && tallyOf(view, window).invalid > 0n && isAnchored(execution, window)) return
  closeVerdicts(execution, object)
}

function isAnchored({ view }: Execution, { job, attempt }: WindowRecord): boolean {
  return requireAttempt(view, toHex(job), attempt).state === ATTEMPT.anchored
}

/** Archives a window; of a receipt, decides what is still open and measures the latency. */
export function closeVerdicts(execution: Execution, object: string): void {
  const { view } = execution
  const window = view.get(WINDOWS, object)
  if (window === undefined) return
  if (kindOf(window) === 'receipt') decideAtClose(execution, object, window)
  const excused = isExcused(execution, object, window)
  for (const validator of closeWindow(execution, object, excused)) missDuty(execution, validator)
}

function decideAtClose(execution: Execution, id: string, window: WindowRecord): void {
  const { view } = execution
  const job = toHex(window.job)
  if (isAnchored(execution, window)) {
    const tally = tallyOf(view, window)
    const isValid = isThird(tally.valid, tally.total) && !isThird(tally.invalid, tally.total)
    if (isValid) verify(execution, id, window)
    else failAttempt(execution, job, window.attempt, 'indeterminate', 'verdicts_inconclusive')
  }
  const latencyMicros = latencyOf(view, window)
  updateAttempt(execution, job, window.attempt, { latencyMicros })
}

/** Nobody owes a word about what no longer matters. */
function isExcused({ view }: Execution, object: string, window: WindowRecord): boolean {
  const kind = kindOf(window)
  switch (kind) {
    case 'program':
      return programRecordOf(view, object)?.state !== PROGRAM.available
    case 'offer': {
      const job = jobOf(view, object)
      return job === undefined || isFinal(job) || !job.inputsReady
    }
    case 'receipt':
      return requireAttempt(view, toHex(window.job), window.attempt).state > ATTEMPT.verified
    default:
      return unreachable(kind)
  }
}

/** Batches too old to be repeated need not be remembered. */
export function forgetBatches({ view, block }: Execution): void {
  const oldest = block.height - BATCH_AGE_BLOCKS_MAX
  if (oldest < 0n) return
  for (const [key] of view.entries(BATCHES, `${numberKey(oldest)}/`)) view.remove(BATCHES, key)
}
