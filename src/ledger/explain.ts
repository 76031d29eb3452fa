/**
 * Explanations: what state an object is in and why, from the tables alone.
 *
 * `explain` answers for any id of a job, program, ask, receipt, provider, validator or evidence.
 * Facts are plain values with units last in their names, so that RPC, CLI and explorer show the
 * same; a history line names a height and what happened there.
 */

import { toHex } from '../base/bytes.ts'
import type { Fact } from '../base/refusal.ts'
import { askOf } from './asks.ts'
import { saidIn, tallyOf, windowMembers, windowOf } from './attestations-windows.ts'
import { evidenceRecordOf, evidenceTypeOf } from './evidence-records.ts'
import { jobState } from './jobs.ts'
import {
  ASK,
  ATTEMPT,
  type AttemptRecord,
  attemptOf,
  jobOf,
  PROVIDER,
  reasonText,
  stateName,
} from './market-records.ts'
import { programOf } from './programs.ts'
import { freeBond, providerOf } from './providers-bonds.ts'
import { receiptOf } from './receipts.ts'
import { slaOutcomeOf } from './sla.ts'
import type { Reader } from './state.ts'
import { LANES, VERIFICATIONS } from './types/market.ts'
import { validatorOf } from './validators.ts'

export interface HistoryLine {
  readonly height: bigint
  readonly what: string
  readonly reason: string
}

export interface Explanation {
  readonly id: string
  readonly kind: 'job' | 'program' | 'ask' | 'receipt' | 'provider' | 'validator' | 'evidence'
  readonly state: string
  /** Reason code, or '' when there is nothing to explain. */
  readonly reason: string
  readonly facts: Readonly<Record<string, Fact>>
  readonly history: readonly HistoryLine[]
}

/** One attempt as anybody may show it. */
export interface AttemptView {
  readonly attempt: number
  readonly provider: string
  readonly ask: string
  readonly state: string
  readonly reason: string
  readonly receipt: string
  readonly priceNblock: bigint
  readonly paidNblock: bigint
  readonly collateralNblock: bigint
  readonly matchedHeight: bigint
  readonly deadlineHeight: bigint
  readonly anchorHeight: bigint
  readonly verifiedHeight: bigint
  readonly settleHeight: bigint
  readonly finalHeight: bigint
  readonly latencyMicros: number
  readonly latencyBreached: boolean
  readonly refuted: boolean
}

export function explain(reader: Reader, id: string): Explanation | undefined {
  return (
    explainJob(reader, id) ??
    explainReceipt(reader, id) ??
    explainProgram(reader, id) ??
    explainAsk(reader, id) ??
    explainEvidence(reader, id) ??
    explainProvider(reader, id) ??
    explainValidator(reader, id)
  )
}

/** The attempts of a job, first to last. */
export function attemptsOf(reader: Reader, job: string): AttemptView[] {
  const count = jobOf(reader, job)?.attempt ?? 0
  const views: AttemptView[] = []
  for (let attempt = 1; attempt <= count; attempt++) {
    const record = attemptOf(reader, job, attempt)
    if (record !== undefined) views.push(attemptView(attempt, record))
  }
  return views
}

function attemptView(attempt: number, record: AttemptRecord): AttemptView {
  return {
    attempt,
    provider: toHex(record.provider),
    ask: toHex(record.ask),
    state: stateName(ATTEMPT, record.state),
    reason: reasonText(record.reason),
    receipt: record.anchorHeight === 0n ? '' : toHex(record.receipt),
    priceNblock: record.price,
    paidNblock: record.paid,
    collateralNblock: record.collateral,
    matchedHeight: record.matchedHeight,
    deadlineHeight: record.deadlineHeight,
    anchorHeight: record.anchorHeight,
    verifiedHeight: record.verifiedHeight,
    settleHeight: record.settleHeight,
    finalHeight: record.finalHeight,
    latencyMicros: record.latencyMicros,
    latencyBreached: record.latencyBreached,
    refuted: record.refuted,
  }
}

function explainJob(reader: Reader, id: string): Explanation | undefined {
  const job = jobOf(reader, id)
  if (job === undefined) return undefined
  const { offer } = job
  const outcome = slaOutcomeOf(reader, id)
  const history = [
    { height: job.includedHeight, what: 'offered', reason: '' },
    ...attemptsOf(reader, id).flatMap(attemptHistory),
    ...closing(job.closedHeight, jobState(job), reasonText(job.reason)),
  ]
  return {
    id,
    kind: 'job',
    state: jobState(job),
    reason: reasonText(job.reason),
    facts: {
      buyer: toHex(offer.buyer),
      program: toHex(offer.program),
      lane: LANES[offer.lane] ?? '',
      verification: VERIFICATIONS[offer.verification] ?? '',
      outcome: outcome?.kind ?? '',
      attempts: job.attempt,
      excluded: job.excluded.length,
      inputsReady: job.inputsReady,
      units: job.units,
      verifyUnits: job.verifyUnits,
      priceCeilingNblock: offer.priceCeiling,
      verifyFeeNblock: job.verifyFee,
      depositNblock: job.deposit,
      compensatedNblock: job.compensated,
      expiryHeight: offer.expiryHeight,
    },
    history,
  }
}

function attemptHistory(view: AttemptView): HistoryLine[] {
  const name = `attempt ${view.attempt}`
  const lines = [
    { height: view.matchedHeight, what: `${name} matched`, reason: '' },
    { height: view.anchorHeight, what: `${name} anchored`, reason: '' },
    { height: view.verifiedHeight, what: `${name} verified`, reason: '' },
    {
      height: view.finalHeight,
      what: `${name} ${view.state === 'verified' ? 'settled' : view.state}`,
      reason: view.reason,
    },
  ]
  return lines.filter(({ height }) => height > 0n)
}

function closing(height: bigint, what: string, reason: string): HistoryLine[] {
  return height === 0n ? [] : [{ height, what, reason }]
}

function explainReceipt(reader: Reader, id: string): Explanation | undefined {
  const anchored = receiptOf(reader, id)
  const window = windowOf(reader, id)
  if (anchored === undefined || window === undefined) return undefined
  const { receipt, height } = anchored
  const job = toHex(receipt.job)
  const record = attemptOf(reader, job, receipt.attempt)
  const { valid, invalid, unavailable, total } = tallyOf(reader, window)
  const members = windowMembers(reader, window)
  const verdicts = window.items.map((item) => {
    const member = members[item.member]
    const who = member === undefined ? '' : toHex(member.id)
    return { height, what: `${who} ${saidIn(item)} ${item.micros}`, reason: '' }
  })
  return {
    id,
    kind: 'receipt',
    state: record === undefined ? 'anchored' : stateName(ATTEMPT, record.state),
    reason: record === undefined ? '' : reasonText(record.reason),
    facts: {
      job,
      attempt: receipt.attempt,
      provider: toHex(receipt.provider),
      outputDigest: toHex(receipt.outputDigest),
      traceRoot: toHex(receipt.traceRoot),
      kernelDigest: toHex(receipt.kernelDigest),
      paymentNblock: receipt.payment,
      validPower: valid,
      invalidPower: invalid,
      unavailablePower: unavailable,
      totalPower: total,
      closeHeight: window.closeHeight,
      latencyMicros: record?.latencyMicros ?? 0,
      refuted: record?.refuted ?? false,
    },
    history: [{ height, what: 'anchored', reason: '' }, ...verdicts],
  }
}

function explainProgram(reader: Reader, id: string): Explanation | undefined {
  const program = programOf(reader, id)
  if (program === undefined) return undefined
  const window = windowOf(reader, id)
  const available = window === undefined ? 0n : tallyOf(reader, window).available
  return {
    id,
    kind: 'program',
    state: program.state,
    reason: program.reason,
    facts: {
      owner: program.owner,
      name: program.name,
      ops: program.program.ops.length,
      weights: program.weights.length,
      availablePower: available,
      totalPower: window?.total ?? 0n,
    },
    history: [{ height: program.registeredHeight, what: 'registered', reason: '' }],
  }
}

function explainAsk(reader: Reader, id: string): Explanation | undefined {
  const ask = askOf(reader, id)
  if (ask === undefined) return undefined
  return {
    id,
    kind: 'ask',
    state: stateName(ASK, ask.state),
    reason: reasonText(ask.reason),
    facts: {
      provider: toHex(ask.provider),
      lane: LANES[ask.lane] ?? '',
      unitPriceNblock: ask.unitPrice,
      openJobs: ask.openJobs,
      openUnits: ask.openUnits,
      suspendedUntilHeight: ask.suspendedUntil,
      expiryHeight: ask.expiryHeight,
    },
    history: [{ height: ask.includedHeight, what: 'posted', reason: '' }],
  }
}

function explainEvidence(reader: Reader, id: string): Explanation | undefined {
  const record = evidenceRecordOf(reader, id)
  if (record === undefined) return undefined
  return {
    id,
    kind: 'evidence',
    state: 'accepted',
    reason: reasonText(record.reason),
    facts: {
      type: evidenceTypeOf(record) ?? '',
      offender: toHex(record.offender),
      subject: toHex(record.subject),
      reporter: toHex(record.reporter),
      job: toHex(record.job),
      attempt: record.attempt,
      slashedNblock: record.slashed,
      compensatedNblock: record.compensated,
      burnedNblock: record.burned,
    },
    history: [{ height: record.height, what: 'accepted', reason: reasonText(record.reason) }],
  }
}

function explainProvider(reader: Reader, id: string): Explanation | undefined {
  const record = providerOf(reader, id)
  if (record === undefined) return undefined
  return {
    id,
    kind: 'provider',
    state: stateName(PROVIDER, record.state),
    reason: '',
    facts: {
      bondNblock: record.bond,
      freeBondNblock: freeBond(record),
      lockedNblock: record.locked,
      reputationPpm: record.reputationPpm,
      suspendedUntilHeight: record.suspendedUntil,
      openAttempts: record.openAttempts,
      openAsks: record.openAsks,
      settledCount: record.settledCount,
      faultCount: record.faultCount,
    },
    history: [{ height: record.registeredHeight, what: 'registered', reason: '' }],
  }
}

function explainValidator(reader: Reader, id: string): Explanation | undefined {
  const record = validatorOf(reader, id)
  if (record === undefined) return undefined
  const isJailed = record.jailedUntil > 0n
  return {
    id,
    kind: 'validator',
    state: record.tombstoned ? 'tombstoned' : isJailed ? 'jailed' : 'bonded',
    reason: '',
    facts: {
      bondNblock: record.bond,
      jailedUntilHeight: record.jailedUntil,
      missedCount: record.missedCount,
    },
    history: [],
  }
}
