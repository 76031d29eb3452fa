/**
 * Deadlines: what happens at the end of a block because its height has come.
 *
 * Order at one height: availability windows close, verdict windows close, receipts become late,
 * offers and asks expire, old records are forgotten; `settlement.ts` follows. Windows are inclusive:
 * what was in time in this very block has already been counted.
 *
 * Source: protocol.md §1 (Pace), §5.
 */

import { unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { expireAsk } from './asks.ts'
import { closeVerdicts, forgetBatches } from './attestations.ts'
import { type Due, type DueKind, dueAt } from './deadlines-due.ts'
import { forgetEvidence } from './evidence-records.ts'
import type { Execution } from './execution.ts'
import { expireInputs, expireOffer, isFinal } from './jobs.ts'
import { failAttempt } from './jobs-attempts.ts'
import {
  ANNOUNCEMENTS,
  ASKS,
  ATTEMPT,
  ATTEMPTS,
  attemptKey,
  attemptOf,
  CLOSED_WINDOWS,
  drop,
  JOBS,
  jobOf,
  RECEIPTS,
  WINDOWS,
} from './market-records.ts'
import { expireProgram, forgetProgram } from './programs.ts'

/** `settle` is taken by `settleAtEnd`. */
const KINDS: readonly Exclude<DueKind, 'settle'>[] = [
  'availability',
  'verdicts',
  'receipt',
  'offer',
  'ask',
  'forgetJob',
  'forgetProgram',
  'forgetAsk',
  'forgetEvidence',
]

export function expireAtEnd(execution: Execution): void {
  forgetBatches(execution)
  for (const due of dueAt(execution.view, execution.block.height, KINDS)) expire(execution, due)
}

function expire(execution: Execution, { kind, id, attempt }: Due): void {
  switch (kind) {
    case 'availability':
      closeAvailability(execution, id)
      return
    case 'verdicts':
      closeVerdicts(execution, id)
      return
    case 'receipt':
      if (attemptOf(execution.view, id, attempt)?.state === ATTEMPT.matched) {
        failAttempt(execution, id, attempt, 'late', 'receipt_late')
      }
      return
    case 'offer':
      expireOffer(execution, id)
      return
    case 'ask':
      expireAsk(execution, id)
      return
    case 'settle':
      return
    case 'forgetJob':
      forgetJob(execution, id)
      return
    case 'forgetProgram':
      forgetProgram(execution, id)
      return
    case 'forgetAsk':
      drop(execution.view, ASKS, id)
      return
    case 'forgetEvidence':
      forgetEvidence(execution, id)
      return
    default:
      unreachable(kind)
  }
}

/** A window that everyone has answered is closed before; a program may have a newer one. */
function closeAvailability(execution: Execution, id: string): void {
  const { view, block } = execution
  if (view.get(WINDOWS, id)?.closeHeight !== block.height) return
  expireProgram(execution, id)
  expireInputs(execution, id)
  closeVerdicts(execution, id)
}

/** No offence of the job can be punished any more. */
function forgetJob({ view }: Execution, id: string): void {
  const job = jobOf(view, id)
  if (job === undefined || !isFinal(job)) return
  for (let attempt = 1; attempt <= job.attempt; attempt++) {
    const record = attemptOf(view, id, attempt)
    if (record === undefined) continue
    const receipt = toHex(record.receipt)
    drop(view, RECEIPTS, receipt)
    drop(view, ANNOUNCEMENTS, receipt)
    drop(view, CLOSED_WINDOWS, receipt)
    drop(view, ATTEMPTS, attemptKey(id, attempt))
  }
  drop(view, CLOSED_WINDOWS, id)
  drop(view, JOBS, id)
}
