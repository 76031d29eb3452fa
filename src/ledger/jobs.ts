/**
 * Jobs: an offer from its inclusion to its end.
 *
 *   Offered --match--> Matched --attempt verified, challenge over--> Settled
 *      |  ^--attempt rejected, indeterminate, late or voided--|
 *      |--cancel by the buyer--> Cancelled
 *      |--inputs unavailable, expiry, attempts exhausted--> Expired
 *
 * Invariants
 *   - Escrow (price ceiling and verification fee) and deposit are held from Offered on and leave
 *     exactly once: with Settled, Expired or Cancelled.
 *   - A job in Offered whose inputs are held stands in `open-jobs`; no other job does.
 *   - A job record is kept at least until its offer has expired: it is the seen-set of offers.
 *
 * Source: protocol.md §4, §5.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { sha256 } from '../base/hash.ts'
import { refuse } from '../base/refusal.ts'
import { admits, programCost } from '../program/cost.ts'
import { tensorBytes } from '../program/shape.ts'
import type { Program } from '../program/types.ts'
import { account, move, pot } from './accounts.ts'
import { openWindow, settleWindow } from './attestations-windows.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import {
  addTotals,
  drop,
  JOB,
  JOBS,
  type JobRecord,
  type JobState,
  jobOf,
  OPEN_JOBS,
  OPEN_JOBS_MAX,
  reasonBytes,
  requireJob,
  totalsOf,
} from './market-records.ts'
import { availabilityBlocks, countProgramJobs, programOf } from './programs.ts'
import { numberKey, type Reader } from './state.ts'
import {
  type CancelOffer,
  JobDescriptorCodec,
  LANES,
  type Offer,
  VERIFICATIONS,
  type Verification,
} from './types/market.ts'

/** What one run of an offer's program costs, in the units of docs/reference/program.md. */
interface Work {
  readonly units: bigint
  readonly verifyUnits: bigint
  readonly verifyBytes: bigint
}

/** Charges deposit and escrow and takes the offer in; fee and tip are charged by the caller. */
export function applyOffer(execution: Execution, id: string, offer: Offer): void {
  const { view, block } = execution
  if (jobOf(view, id) !== undefined) refuse('offer_known', { offer: id })
  requireTimes(execution, offer)
  if (totalsOf(view).openJobs >= OPEN_JOBS_MAX) refuse('market_full', { jobs: OPEN_JOBS_MAX })
  const work = requireWork(execution, offer)
  const bytes = offer.inputs.reduce((sum, { length }) => sum + length, 0n)
  const { max_input_bytes: bytesMax, deposit_per_byte: perByte } = block.params
  if (bytes > bytesMax) refuse('inputs_too_large', { bytes, bytesMax })
  const buyer = toHex(offer.buyer)
  const deposit = bytes * perByte
  const verifyFee = work.verifyUnits * block.params.verify_unit_price
  move(execution, account(buyer), pot('deposits'), deposit)
  move(execution, account(buyer), pot('escrow'), offer.priceCeiling + verifyFee)
  view.put(JOBS, id, {
    offer,
    includedHeight: block.height,
    state: JOB.offered,
    reason: reasonBytes('inputs_pending'),
    inputsReady: false,
    attempt: 0,
    excluded: [],
    ...work,
    verifyFee,
    deposit,
    compensated: 0n,
    closedHeight: 0n,
  })
  addTotals(view, { openJobs: 1 })
  countProgramJobs(execution, toHex(offer.program), 1)
  schedule(view, offer.expiryHeight, 'offer', id)
  emit(execution, { kind: 'job-offered', subject: id, actor: buyer, value: offer.priceCeiling })
  awaitInputs(execution, id, offer)
}

function awaitInputs(execution: Execution, id: string, offer: Offer): void {
  if (offer.inputs.length === 0) {
    inputsReady(execution, id)
    return
  }
  const closeHeight = execution.block.height + availabilityBlocks(execution)
  openWindow(execution, id, { kind: 'offer', closeHeight })
  schedule(execution.view, closeHeight, 'availability', id)
}

function requireTimes({ block }: Execution, offer: Offer): void {
  const { height, params } = block
  const { expiryHeight: expiry, deadlineBlocks } = offer
  if (expiry < height) refuse('offer_expired', { expiry, height })
  const latest = height + params.max_offer_ttl
  if (expiry > latest) refuse('offer_ttl_exceeded', { expiry, latest })
  if (deadlineBlocks === 0) refuse('offer_deadline_empty', { deadlineBlocks })
}

function requireWork({ view, block }: Execution, offer: Offer): Work {
  if (LANES[offer.lane] === undefined) refuse('lane_unknown', { lane: offer.lane })
  const verification = VERIFICATIONS[offer.verification]
  if (verification === undefined) {
    return refuse('verification_unknown', { verification: offer.verification })
  }
  const id = toHex(offer.program)
  const registered = programOf(view, id)
  if (registered === undefined) return refuse('program_unknown', { program: id })
  if (registered.state !== 'available') {
    return refuse('program_not_available', { program: id, state: registered.state })
  }
  requireInputs(registered.program, offer)
  requireDescriptor(offer)
  const work = workOf(registered.program, verification)
  const { verifyUnits, verifyBytes } = work
  const { proof_verification_budget_units: unitsMax, proof_data_budget_bytes: bytesMax } =
    block.params
  if (verifyUnits > unitsMax) {
    refuse('verification_units_exceeded', { units: verifyUnits, unitsMax })
  }
  if (verifyBytes > bytesMax) {
    refuse('verification_data_exceeded', { bytes: verifyBytes, bytesMax })
  }
  return work
}

function workOf(program: Program, verification: Verification): Work {
  const against = admits(program, verification)
  if (against !== null) refuse(against.code, against.facts)
  const { units, verify } = programCost(program)
  const { units: verifyUnits, bytes: verifyBytes } = verify[verification]
  return {
    units: BigInt(units),
    verifyUnits: BigInt(verifyUnits),
    verifyBytes: BigInt(verifyBytes),
  }
}

/** A length fixes the shape: types and dimensions are the program's. */
function requireInputs(program: Program, { inputs }: Offer): void {
  if (inputs.length !== program.inputs.length) {
    refuse('inputs_mismatch', { inputs: inputs.length, expected: program.inputs.length })
  }
  program.inputs.forEach((type, index) => {
    const length = inputs[index]?.length
    const expected = BigInt(tensorBytes(type))
    if (length !== expected) {
      refuse('inputs_mismatch', { input: index, bytes: length ?? 0n, expected })
    }
  })
}

function requireDescriptor(offer: Offer): void {
  const { program, inputs, lane, verification } = offer
  const body = encode(JobDescriptorCodec, { program, inputs, lane, verification })
  const expected = sha256(body)
  if (!equalBytes(offer.descriptorDigest, expected)) {
    refuse('descriptor_mismatch', {
      digest: toHex(offer.descriptorDigest),
      expected: toHex(expected),
    })
  }
}

export function applyCancelOffer(execution: Execution, _id: string, cancel: CancelOffer): void {
  const { view, block } = execution
  const id = toHex(cancel.offer)
  const job = jobOf(view, id)
  if (job === undefined || !equalBytes(job.offer.buyer, cancel.buyer)) {
    refuse('offer_unknown', { offer: id })
  }
  if (cancel.expiryHeight < block.height) {
    refuse('offer_expired', { expiry: cancel.expiryHeight, height: block.height })
  }
  if (job.state !== JOB.offered) refuse('offer_not_open', { offer: id, state: jobState(job) })
  refundJob(execution, id, 'cancelled', 'cancelled_by_buyer')
}

export function jobState(job: JobRecord): JobState {
  const names = Object.keys(JOB) as JobState[]
  const name = names.find((each) => JOB[each] === job.state)
  assert(name !== undefined, 'a job has one of its states')
  return name
}

export function isFinal(job: JobRecord): boolean {
  return job.state >= JOB.settled
}

/** The job may be matched from the next block on. */
export function inputsReady(execution: Execution, id: string): void {
  const { view } = execution
  const job = requireJob(view, id)
  if (job.state !== JOB.offered || job.inputsReady) return
  view.put(JOBS, id, { ...job, inputsReady: true, reason: reasonBytes('') })
  const actor = toHex(job.offer.buyer)
  emit(execution, { kind: 'job-inputs-available', subject: id, actor })
  enqueue(execution, id)
}

/** Puts a job in Offered on the matcher's list, at its old place. */
export function enqueue({ view, block }: Execution, id: string): void {
  const { includedHeight } = requireJob(view, id)
  view.put(OPEN_JOBS, openJobKey(includedHeight, id), { since: block.height })
}

export function dequeue({ view }: Execution, id: string): void {
  drop(view, OPEN_JOBS, openJobKey(requireJob(view, id).includedHeight, id))
}

function openJobKey(includedHeight: bigint, id: string): string {
  return `${numberKey(includedHeight)}/${id}`
}

/** Gives everything back and ends the job. Precondition: it is not final. */
export function refundJob(
  execution: Execution,
  id: string,
  state: 'expired' | 'cancelled',
  reason: string,
): void {
  const { view } = execution
  const job = requireJob(view, id)
  assert(!isFinal(job), 'a job ends once')
  dequeue(execution, id)
  const buyer = toHex(job.offer.buyer)
  const escrow = job.offer.priceCeiling + job.verifyFee
  move(execution, pot('escrow'), account(buyer), escrow)
  const kind = state === 'expired' ? 'job-expired' : 'job-cancelled'
  emit(execution, { kind, subject: id, actor: buyer, count: BigInt(job.attempt), reason })
  emit(execution, { kind: 'refunded', subject: id, actor: buyer, value: escrow, reason })
  closeJob(execution, id, state, reason)
}

/** Ends the job; the escrow has gone where it belongs. Gives the deposit back. */
export function closeJob(
  execution: Execution,
  id: string,
  state: 'settled' | 'expired' | 'cancelled',
  reason: string,
): void {
  const { view, block } = execution
  const job = requireJob(view, id)
  move(execution, pot('deposits'), account(toHex(job.offer.buyer)), job.deposit)
  view.put(JOBS, id, {
    ...job,
    state: JOB[state],
    reason: reasonBytes(reason),
    deposit: 0n,
    closedHeight: block.height,
  })
  settleWindow(execution, id)
  addTotals(view, { openJobs: -1 })
  countProgramJobs(execution, toHex(job.offer.program), -1)
  const age = block.height + block.params.evidence_age
  const { expiryHeight } = job.offer
  schedule(view, age > expiryHeight ? age : expiryHeight + 1n, 'forgetJob', id)
}

/** At the end of the offer's expiry height. */
export function expireOffer(execution: Execution, id: string): void {
  const job = jobOf(execution.view, id)
  if (job?.state === JOB.offered) refundJob(execution, id, 'expired', 'offer_expired')
}

/** Its availability window has closed. */
export function expireInputs(execution: Execution, id: string): void {
  const job = jobOf(execution.view, id)
  if (job?.state === JOB.offered && !job.inputsReady) {
    refundJob(execution, id, 'expired', 'inputs_unavailable')
  }
}

/** What escrow holds for jobs that are not final. */
export function escrowedByJobs(reader: Reader): bigint {
  return openRecords(reader).reduce(
    (sum, { offer, verifyFee }) => sum + offer.priceCeiling + verifyFee,
    0n,
  )
}

export function depositedByJobs(reader: Reader): bigint {
  return openRecords(reader).reduce((sum, { deposit }) => sum + deposit, 0n)
}

function openRecords(reader: Reader): JobRecord[] {
  return reader
    .entries(JOBS)
    .map(([, job]) => job)
    .filter((job) => !isFinal(job))
}
