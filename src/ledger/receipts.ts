/**
 * Receipts: a provider's signed claim is anchored, and validators begin to judge it.
 *
 * Every field that the ledger knows must be what the ledger knows; what remains are claims about
 * the run (output digest, trace root, proof digest, gradients, benchmark), which verification is
 * about. A receipt that is refused makes a block invalid and costs its provider nothing but time.
 *
 * Source: protocol.md §5 (Receipt, Succinct).
 */

import { assert } from '../base/assert.ts'
import { equalBytes, toHex, ZERO_32 } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { releaseAsk } from './asks.ts'
import { openWindow } from './attestations-windows.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import { paramsOf, updateAttempt } from './jobs-attempts.ts'
import { requireKernelDigest } from './kernels.ts'
import {
  ANNOUNCEMENTS,
  ATTEMPT,
  type AttemptRecord,
  attemptOf,
  idBytes,
  type JobRecord,
  jobOf,
  RECEIPTS,
} from './market-records.ts'
import { programOf } from './programs.ts'
import type { Reader } from './state.ts'
import { type Offer, type ProofAnnounce, type Receipt, VERIFICATIONS } from './types/market.ts'

const SUCCINCT = VERIFICATIONS.indexOf('succinct')
const DIGEST_BYTES = 32

export interface AnchoredReceipt {
  readonly receipt: Receipt
  readonly height: bigint
}

export function receiptOf(reader: Reader, id: string): AnchoredReceipt | undefined {
  return reader.get(RECEIPTS, id)
}

export function isAnnounced(reader: Reader, receiptId: string): boolean {
  return reader.get(ANNOUNCEMENTS, receiptId) !== undefined
}

/** Matched -> Anchored. */
export function applyReceipt(execution: Execution, id: string, receipt: Receipt): void {
  const { view, block } = execution
  const jobId = toHex(receipt.job)
  const job = jobOf(view, jobId)
  if (job === undefined) refuse('receipt_job_unknown', { job: jobId })
  const attempt = attemptOf(view, jobId, receipt.attempt)
  if (attempt === undefined || receipt.attempt !== job.attempt) {
    refuse('receipt_attempt_wrong', { attempt: receipt.attempt, current: job.attempt })
  }
  if (attempt.state !== ATTEMPT.matched) {
    refuse('receipt_attempt_closed', { job: jobId, attempt: receipt.attempt })
  }
  if (block.height > attempt.deadlineHeight) {
    refuse('receipt_late', { height: block.height, deadline: attempt.deadlineHeight })
  }
  requireFields(view, receipt, job, attempt)
  anchor(execution, id, receipt, attempt)
}

function anchor(execution: Execution, id: string, receipt: Receipt, record: AttemptRecord): void {
  const { view, block } = execution
  const job = toHex(receipt.job)
  const { attempt } = receipt
  const closeHeight = block.height + paramsOf(view, record).verdict_window_blocks
  view.put(RECEIPTS, id, { receipt, height: block.height })
  updateAttempt(execution, job, attempt, {
    state: ATTEMPT.anchored,
    receipt: idBytes(id),
    anchorHeight: block.height,
    closeHeight,
  })
  releaseAsk(view, toHex(record.ask), record.units)
  openWindow(execution, id, { kind: 'receipt', closeHeight, job, attempt })
  schedule(view, closeHeight, 'verdicts', id)
  emit(execution, {
    kind: 'attempt-anchored',
    subject: job,
    actor: toHex(receipt.provider),
    value: receipt.payment,
    count: BigInt(attempt),
  })
}

function requireFields(
  reader: Reader,
  receipt: Receipt,
  { offer }: JobRecord,
  attempt: AttemptRecord,
): void {
  requireEqual('provider', receipt.provider, attempt.provider)
  requireEqual('program', receipt.program, offer.program)
  requireInputs(receipt, offer)
  requireSame('proofKind', BigInt(receipt.proofKind), BigInt(offer.verification))
  requireSame('units', receipt.units, attempt.units)
  requireSame('payment', receipt.payment, attempt.price)
  requireKernelDigest(reader, receipt.kernelDigest)
  requireEqual('descriptorDigest', receipt.descriptorDigest, offer.descriptorDigest)
  requireProof(reader, receipt)
}

function requireInputs({ inputs }: Receipt, offer: Offer): void {
  requireSame('inputs', BigInt(inputs.length), BigInt(offer.inputs.length))
  inputs.forEach((input, index) => {
    const offered = offer.inputs[index]
    assert(offered !== undefined, 'both lists have the same length')
    requireEqual(`inputs[${index}].digest`, input.digest, offered.digest)
    requireSame(`inputs[${index}].length`, input.length, offered.length)
  })
}

/** fold, replay: the proof is the trace manifest, one digest an op. succinct: announced later. */
function requireProof(reader: Reader, receipt: Receipt): void {
  if (receipt.proofKind === SUCCINCT) {
    requireEqual('proofDigest', receipt.proofDigest, ZERO_32)
    requireSame('proofBytes', receipt.proofBytes, 0n)
    return
  }
  const registered = programOf(reader, toHex(receipt.program))
  assert(registered !== undefined, 'the program of an open job is kept')
  const bytes = DIGEST_BYTES * registered.program.ops.length
  requireSame('proofBytes', receipt.proofBytes, BigInt(bytes))
}

function requireEqual(field: string, actual: Uint8Array, expected: Uint8Array): void {
  if (equalBytes(actual, expected)) return
  refuse('receipt_field_wrong', { field, value: toHex(actual), expected: toHex(expected) })
}

function requireSame(field: string, actual: bigint, expected: bigint): void {
  if (actual !== expected) refuse('receipt_field_wrong', { field, value: actual, expected })
}

/** The proof of a succinct receipt exists; verdicts count from now on. */
export function applyProofAnnounce(
  execution: Execution,
  _id: string,
  announce: ProofAnnounce,
): void {
  const { view, block } = execution
  const id = toHex(announce.receipt)
  const anchored = receiptOf(view, id)
  if (anchored === undefined) refuse('receipt_unknown', { receipt: id })
  const { receipt, height } = anchored
  if (receipt.proofKind !== SUCCINCT) refuse('proof_unexpected', { receipt: id })
  if (!equalBytes(receipt.provider, announce.provider)) {
    refuse('receipt_field_wrong', { field: 'provider', value: toHex(announce.provider) })
  }
  if (isAnnounced(view, id)) refuse('proof_announced', { receipt: id })
  const record = attemptOf(view, toHex(receipt.job), receipt.attempt)
  assert(record !== undefined, 'an anchored receipt has an attempt')
  const last = height + paramsOf(view, record).proof_window_blocks
  if (record.state !== ATTEMPT.anchored || block.height > last) {
    refuse('proof_late', { receipt: id, height: block.height, last })
  }
  view.put(ANNOUNCEMENTS, id, { announce, height: block.height })
}
