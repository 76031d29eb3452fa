/**
 * Service level: how a job ended, and how long its verification took.
 *
 * Latency is consensus data, nobody's local clock: the smallest m such that the included `valid`
 * verdicts with micros <= m hold at least half of the included valid power.
 *
 * Source: protocol.md §5 (The 100 ms budget), §6 (SlaOutcome).
 */

import { saidIn, windowMembers } from './attestations-windows.ts'
import { jobState } from './jobs.ts'
import {
  ATTEMPT,
  attemptOf,
  type JobRecord,
  jobOf,
  reasonText,
  type WindowRecord,
} from './market-records.ts'
import type { Reader } from './state.ts'

export const LATENCY_BREACH = 'proof_latency_budget'

/** How a final job ended. */
export type SlaOutcome =
  | { readonly kind: 'Completed' }
  | { readonly kind: 'Cancelled'; readonly reason: string }
  | { readonly kind: 'Violated'; readonly reason: string; readonly automated: boolean }

/** Microseconds; 0 when no valid verdict was included. */
export function latencyOf(reader: Reader, window: WindowRecord): number {
  const members = windowMembers(reader, window)
  const valid = window.items
    .filter((item) => saidIn(item) === 'valid')
    .map(({ member, micros }) => ({ micros, power: members[member]?.power ?? 0n }))
    .sort((left, right) => left.micros - right.micros)
  const total = valid.reduce((sum, { power }) => sum + power, 0n)
  let held = 0n
  for (const { micros, power } of valid) {
    held += power
    if (2n * held >= total) return micros
  }
  return 0
}

/** Reasons for which the provider of the last attempt is to blame. */
const VIOLATIONS: ReadonlySet<string> = new Set([
  'receipt_late',
  'data_withheld',
  'invalid_execution',
  'invalid_proof',
  'fraud_proof',
  'receipt_equivocation',
])

/** Undefined while the job is open. */
export function slaOutcomeOf(reader: Reader, id: string): SlaOutcome | undefined {
  const job = jobOf(reader, id)
  if (job === undefined) return undefined
  const state = jobState(job)
  const reason = reasonText(job.reason)
  switch (state) {
    case 'offered':
    case 'matched':
      return undefined
    case 'settled':
      return reason === LATENCY_BREACH
        ? { kind: 'Violated', reason, automated: true }
        : { kind: 'Completed' }
    case 'cancelled':
      return { kind: 'Cancelled', reason }
    case 'expired':
      return expiredOutcome(reader, id, job, reason)
  }
}

/** A job that ran out of attempts was violated by whoever failed last, if it was a fault. */
function expiredOutcome(
  reader: Reader,
  id: string,
  { attempt }: JobRecord,
  reason: string,
): SlaOutcome {
  const last = attemptOf(reader, id, attempt)
  const cause = last === undefined ? reason : reasonText(last.reason)
  const isFault = last !== undefined && last.state > ATTEMPT.verified && VIOLATIONS.has(cause)
  return isFault
    ? { kind: 'Violated', reason: cause, automated: true }
    : { kind: 'Cancelled', reason }
}
