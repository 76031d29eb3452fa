/**
 * Jobs as buyers see them: where each stands and why, attempt by attempt.
 *
 *   Offered -> Matched -> Anchored -> Verified -> Settled        Expired, Cancelled
 *
 * The state of a matched job is that of its current attempt.
 */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { jobState } from '../../ledger/jobs.ts'
import {
  ATTEMPT,
  type AttemptRecord,
  attemptOf,
  JOBS,
  type JobRecord,
  reasonText,
  stateName,
} from '../../ledger/market-records.ts'
import { programOf, programRecordOf } from '../../ledger/programs.ts'
import { receiptOf } from '../../ledger/receipts.ts'
import type { Reader } from '../../ledger/state.ts'
import type { LedgerEvent } from '../../ledger/types/event.ts'
import { LANES, VERIFICATIONS } from '../../ledger/types/market.ts'
import {
  Amount,
  Count,
  Height,
  Hex,
  Id,
  ListQuery,
  listOf,
  MaybeId,
  newestFirst,
  type Page,
  pageOf,
  textOf,
} from './json.ts'

export const JOB_STATES = [
  'Offered',
  'Matched',
  'Anchored',
  'Verified',
  'Settled',
  'Expired',
  'Cancelled',
] as const
const ATTEMPT_STATES = [
  'Matched',
  'Anchored',
  'Verified',
  'Settled',
  'Rejected',
  'Indeterminate',
  'Late',
  'Voided',
] as const
type JobStateName = (typeof JOB_STATES)[number]
type AttemptStateName = (typeof ATTEMPT_STATES)[number]

export const LaneName = z.enum(LANES)
export const VerificationName = z.enum(VERIFICATIONS)

export const AttemptView = z.object({
  attempt: Count,
  provider: Id,
  ask: Id,
  state: z.enum(ATTEMPT_STATES),
  reason: z.string(),
  matchedHeight: Height,
  deadlineHeight: Height,
  receiptId: Id.optional(),
  anchoredHeight: Height.optional(),
  verdictsCloseHeight: Height.optional(),
  verifiedHeight: Height.optional(),
  settleHeight: Height.optional(),
  finalHeight: Height.optional(),
  units: Count,
  price: Amount,
  collateral: Amount,
  /** Paid to the provider. */
  payment: Amount,
  outputDigest: Id.optional(),
  outputs: z.array(Id).optional(),
  verifyMicrosMedian: Count.optional(),
  latencyMs: z.number().optional(),
  latencyBreached: z.boolean(),
  refuted: z.boolean(),
  paramsVersion: Count,
})
export type AttemptView = z.infer<typeof AttemptView>

export const HistoryLine = z.object({
  height: Height,
  kind: z.string(),
  reason: z.string(),
  value: Amount,
  count: z.number(),
  actor: MaybeId,
})
export type HistoryLine = z.infer<typeof HistoryLine>

export const JobView = z.object({
  id: Id,
  buyer: Id,
  program: Id,
  programName: z.string(),
  lane: LaneName,
  verification: VerificationName,
  state: z.enum(JOB_STATES),
  reason: z.string(),
  attempt: Count,
  inputs: z.array(z.object({ digest: Id, bytes: Count })),
  capabilities: z.array(z.string()),
  descriptorDigest: Id,
  units: Count,
  verifyUnits: Count,
  priceCeiling: Amount,
  verifyFee: Amount,
  compensated: Amount,
  offeredHeight: Height,
  expiryHeight: Height,
  closedHeight: Height.optional(),
  deadlineBlocks: Count,
  paramsVersion: Count.nullable(),
  attempts: z.array(AttemptView),
  payment: Amount,
  provider: MaybeId,
  outputDigest: MaybeId,
})
export type JobView = z.infer<typeof JobView>
export const JobList = listOf(JobView)
export const JobDetail = JobView.extend({ history: z.array(HistoryLine) })

export const JobsQuery = ListQuery.extend({
  state: z.enum(JOB_STATES).optional(),
  buyer: Hex.optional(),
  provider: Hex.optional(),
})

/** Newest first. */
export function jobsView(
  reader: Reader,
  { state, buyer, provider, ...page }: z.infer<typeof JobsQuery>,
): Page<JobView> {
  const rows = reader
    .entries(JOBS)
    .filter(
      ([id, job]) =>
        (state === undefined || jobStateName(reader, id, job) === state) &&
        (buyer === undefined || toHex(job.offer.buyer) === buyer) &&
        (provider === undefined ||
          attemptsView(reader, id, job).some((a) => a.provider === provider)),
    )
  return pageOf(
    rows,
    ([id, job]) => newestFirst(job.includedHeight, id),
    ([id, job]) => jobView(reader, id, job),
    page,
  )
}

export function jobView(reader: Reader, id: string, job: JobRecord): JobView {
  const { offer } = job
  const attempts = attemptsView(reader, id, job)
  const last = attempts[attempts.length - 1]
  const name = programRecordOf(reader, toHex(offer.program))?.name
  const paid = attempts.reduce((sum, { payment }) => sum + BigInt(payment), 0n)
  return {
    id,
    buyer: toHex(offer.buyer),
    program: toHex(offer.program),
    programName: name === undefined ? '' : textOf(name),
    lane: LANES[offer.lane] as (typeof LANES)[number],
    verification: VERIFICATIONS[offer.verification] as (typeof VERIFICATIONS)[number],
    state: jobStateName(reader, id, job),
    reason: reasonText(job.reason),
    attempt: job.attempt,
    inputs: offer.inputs.map(({ digest, length }) => ({
      digest: toHex(digest),
      bytes: Number(length),
    })),
    capabilities: offer.capabilities.map(textOf),
    descriptorDigest: toHex(offer.descriptorDigest),
    units: Number(job.units),
    verifyUnits: Number(job.verifyUnits),
    priceCeiling: String(offer.priceCeiling),
    verifyFee: String(job.verifyFee),
    compensated: String(job.compensated),
    offeredHeight: Number(job.includedHeight),
    expiryHeight: Number(offer.expiryHeight),
    ...at('closedHeight', job.closedHeight),
    deadlineBlocks: offer.deadlineBlocks,
    paramsVersion: last?.paramsVersion ?? null,
    attempts,
    payment: String(paid),
    provider: last?.provider ?? '',
    outputDigest: last?.outputDigest ?? '',
  }
}

export function attemptsView(reader: Reader, id: string, job: JobRecord): AttemptView[] {
  const views: AttemptView[] = []
  for (let attempt = 1; attempt <= job.attempt; attempt++) {
    const record = attemptOf(reader, id, attempt)
    if (record !== undefined) views.push(attemptView(reader, attempt, record))
  }
  return views
}

function attemptView(reader: Reader, attempt: number, record: AttemptRecord): AttemptView {
  const isAnchored = record.anchorHeight > 0n
  const receiptId = toHex(record.receipt)
  const receipt = isAnchored ? receiptOf(reader, receiptId)?.receipt : undefined
  const micros = record.latencyMicros
  return {
    attempt,
    provider: toHex(record.provider),
    ask: toHex(record.ask),
    state: attemptStateName(record),
    reason: reasonText(record.reason),
    matchedHeight: Number(record.matchedHeight),
    deadlineHeight: Number(record.deadlineHeight),
    ...(isAnchored ? { receiptId } : {}),
    ...at('anchoredHeight', record.anchorHeight),
    ...at('verdictsCloseHeight', record.closeHeight),
    ...at('verifiedHeight', record.verifiedHeight),
    ...at('settleHeight', record.settleHeight),
    ...at('finalHeight', record.finalHeight),
    units: Number(record.units),
    price: String(record.price),
    collateral: String(record.collateral),
    payment: String(record.paid),
    ...(receipt === undefined ? {} : { outputDigest: toHex(receipt.outputDigest) }),
    ...(micros === 0 ? {} : { verifyMicrosMedian: micros, latencyMs: micros / 1_000 }),
    latencyBreached: record.latencyBreached,
    refuted: record.refuted,
    paramsVersion: record.paramsVersion,
  }
}

/** A height that has come; zero stands for one that has not. */
function at<Name extends string>(name: Name, height: bigint): { [N in Name]?: number } {
  return (height === 0n ? {} : { [name]: Number(height) }) as { [N in Name]?: number }
}

export function attemptStateName({ state, finalHeight }: AttemptRecord): AttemptStateName {
  const name = stateName(ATTEMPT, state)
  if (name === 'verified' && finalHeight > 0n) return 'Settled'
  return capitalised(name) as AttemptStateName
}

export function jobStateName(reader: Reader, id: string, job: JobRecord): JobStateName {
  const name = jobState(job)
  if (name !== 'matched') return capitalised(name) as JobStateName
  const record = attemptOf(reader, id, job.attempt)
  if (record === undefined) return 'Matched'
  const current = attemptStateName(record)
  return current === 'Anchored' || current === 'Verified' ? current : 'Matched'
}

function capitalised(name: string): string {
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}

/** The trace manifest of the last receipt, whose digests name the outputs; undefined before it. */
export function manifestDigestOf(
  reader: Reader,
  id: string,
  job: JobRecord,
): Uint8Array | undefined {
  const record = attemptOf(reader, id, job.attempt)
  if (record === undefined || record.anchorHeight === 0n) return undefined
  const receipt = receiptOf(reader, toHex(record.receipt))?.receipt
  return receipt?.proofBytes === 0n ? undefined : receipt?.proofDigest
}

const DIGEST_BYTES = 32

/** The digests of the program's outputs, out of the manifest of all op outputs. */
export function outputsIn(reader: Reader, job: JobRecord, manifest: Uint8Array): string[] {
  const program = programOf(reader, toHex(job.offer.program))?.program
  if (program === undefined) return []
  const first = program.inputs.length + program.weights.length
  return program.outputs.flatMap((value) => {
    const from = (value - first) * DIGEST_BYTES
    const digest = manifest.subarray(from, from + DIGEST_BYTES)
    return from < 0 || digest.length < DIGEST_BYTES ? [] : [toHex(digest)]
  })
}

export function historyLine(height: bigint, event: LedgerEvent): HistoryLine {
  const { kind, reason, value, count, actor } = event
  return {
    height: Number(height),
    kind,
    reason,
    value: String(value),
    count: Number(count),
    actor,
  }
}

/** Heights at which something happened to the job, by its records alone. */
export function milestonesOf(reader: Reader, id: string, job: JobRecord): bigint[] {
  const heights = [job.includedHeight, job.closedHeight]
  for (let attempt = 1; attempt <= job.attempt; attempt++) {
    const record = attemptOf(reader, id, attempt)
    if (record === undefined) continue
    const { matchedHeight, anchorHeight, verifiedHeight, finalHeight } = record
    heights.push(matchedHeight, anchorHeight, verifiedHeight, finalHeight)
  }
  return heights.filter((height) => height > 0n)
}
