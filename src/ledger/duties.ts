/**
 * Duties: what the state asks of this node, as queries.
 *
 * They are level-triggered: the answer is what is still owed, so a node that restarts, or misses a
 * block's events, asks again and loses nothing.
 *
 * Source: protocol.md §1 (Pace), §4, §5.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { kindOf, unavailableFrom, windowMembers } from './attestations-windows.ts'
import { isFinal } from './jobs.ts'
import {
  ATTEMPT,
  attemptOf,
  type JobRecord,
  jobOf,
  OPEN_ATTEMPTS,
  requireJob,
  totalsOf,
  WINDOWS,
  type WindowRecord,
} from './market-records.ts'
import { activeParams } from './parameters.ts'
import { programOf, type RegisteredProgram } from './programs.ts'
import { proposalsOpen } from './proposals.ts'
import { isAnnounced, receiptOf } from './receipts.ts'
import type { Reader } from './state.ts'
import { type Offer, type Receipt, VERIFICATIONS, type Verification } from './types/market.ts'
import { joinPending } from './validators.ts'

export interface Blob {
  readonly digest: Uint8Array
  /** Bytes. */
  readonly length: bigint
}

export interface AvailabilityDuty {
  /** Hex id of the program or offer. */
  readonly object: string
  readonly kind: 'program' | 'offer'
  readonly blobs: readonly Blob[]
  /** Last height at which the item is taken. */
  readonly closeHeight: bigint
}

export interface VerdictDuty {
  /** Hex. */
  readonly receiptId: string
  readonly job: string
  readonly attempt: number
  readonly receipt: Receipt
  readonly program: RegisteredProgram
  readonly verification: Verification
  readonly anchorHeight: bigint
  /** First height of a block that `unavailable` may be signed for. */
  readonly unavailableFrom: bigint
  readonly closeHeight: bigint
  readonly inputs: readonly Blob[]
  readonly weights: readonly Blob[]
}

export interface MatchedAttempt {
  readonly job: string
  readonly attempt: number
  readonly offer: Offer
  readonly program: RegisteredProgram
  /** What the receipt must name. */
  readonly units: bigint
  readonly payment: bigint
  readonly matchedHeight: bigint
  /** Last height at which the receipt is taken. */
  readonly deadlineHeight: bigint
}

/** Programs and offers whose data `validator` has not yet attested to hold. */
export function pendingAvailability(
  reader: Reader,
  height: bigint,
  validator: string,
): AvailabilityDuty[] {
  return owedWindows(reader, height, validator).flatMap(([object, window]) => {
    const kind = kindOf(window)
    if (kind === 'receipt') return []
    const blobs = kind === 'program' ? weightsOf(reader, object) : inputsOf(reader, object)
    return blobs === undefined ? [] : [{ object, kind, blobs, closeHeight: window.closeHeight }]
  })
}

/** Receipts that `validator` has not yet given a verdict on and that still matter. */
export function pendingVerdicts(reader: Reader, height: bigint, validator: string): VerdictDuty[] {
  return owedWindows(reader, height, validator).flatMap(([object, window]) =>
    kindOf(window) === 'receipt' ? (verdictDuty(reader, object, window) ?? []) : [],
  )
}

function verdictDuty(
  reader: Reader,
  receiptId: string,
  window: WindowRecord,
): VerdictDuty | undefined {
  const job = toHex(window.job)
  const { attempt, closeHeight, openHeight } = window
  const state = attemptOf(reader, job, attempt)?.state
  if (state !== ATTEMPT.anchored && state !== ATTEMPT.verified) return undefined
  const anchored = receiptOf(reader, receiptId)
  assert(anchored !== undefined, 'a window about a receipt has its receipt')
  const { receipt } = anchored
  const verification = verificationOf(requireJob(reader, job))
  if (verification === 'succinct' && !isAnnounced(reader, receiptId)) return undefined
  const program = requireProgram(reader, receipt.program)
  return {
    receiptId,
    job,
    attempt,
    receipt,
    program,
    verification,
    anchorHeight: openHeight,
    unavailableFrom: unavailableFrom(window),
    closeHeight,
    inputs: receipt.inputs,
    weights: program.weights,
  }
}

/** Windows that take items in a block after `height` and lack one of `validator`. */
function owedWindows(reader: Reader, height: bigint, validator: string): [string, WindowRecord][] {
  const owed: [string, WindowRecord][] = []
  for (const [object, window] of reader.entries(WINDOWS)) {
    if (window.closeHeight <= height) continue
    const member = windowMembers(reader, window).findIndex(({ id }) => toHex(id) === validator)
    const isOwed = member >= 0 && !window.items.some((item) => item.member === member)
    if (isOwed) owed.push([object, window])
  }
  return owed
}

function weightsOf(reader: Reader, id: string): readonly Blob[] | undefined {
  const program = programOf(reader, id)
  const isWanted = program?.state === 'pending' || program?.state === 'available'
  return isWanted ? program.weights : undefined
}

function inputsOf(reader: Reader, id: string): readonly Blob[] | undefined {
  const job = jobOf(reader, id)
  return job === undefined || isFinal(job) ? undefined : job.offer.inputs
}

/** Attempts that `provider` has been matched to and has not yet delivered. */
export function matchedAttempts(reader: Reader, provider: string): MatchedAttempt[] {
  return reader.entries(OPEN_ATTEMPTS, `${provider}/`).flatMap(([key, { attempt }]) => {
    const job = key.slice(provider.length + 1)
    const record = attemptOf(reader, job, attempt)
    if (record?.state !== ATTEMPT.matched) return []
    const { offer } = requireJob(reader, job)
    const { units, price: payment, matchedHeight, deadlineHeight } = record
    const program = requireProgram(reader, offer.program)
    return [{ job, attempt, offer, program, units, payment, matchedHeight, deadlineHeight }]
  })
}

/**
 * Whether a block is due each interval: a job is open, data is being attested, a proposal is under
 * way, or a bonded validator waits for its first height.
 * @param height of the next block
 */
export function windowsOpen(reader: Reader, height: bigint): boolean {
  const { openJobs, pendingWindows } = totalsOf(reader)
  if (openJobs > 0 || pendingWindows > 0 || proposalsOpen(reader)) return true
  return joinPending(reader, height, activeParams(reader).params)
}

function verificationOf({ offer }: JobRecord): Verification {
  const name = VERIFICATIONS[offer.verification]
  assert(name !== undefined, 'an admitted offer names a verification')
  return name
}

function requireProgram(reader: Reader, id: Uint8Array): RegisteredProgram {
  const program = programOf(reader, toHex(id))
  assert(program !== undefined, 'the program of an open job is kept')
  return program
}
