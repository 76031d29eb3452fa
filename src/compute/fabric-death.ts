/**
 * The name of what a fabric did, from how its process ended and what it was doing then.
 *
 * A refusal that has been found before, such as a limit exceeded, is the reason; these are the ends
 * that come by themselves.
 */

import { type Refusal, refusal } from '../base/refusal.ts'

/** How the process ended, and what is known of its last moments. */
export interface LastMoments {
  /** Exit code, signal, or other words. */
  readonly reason: string
  readonly exitCode?: number
  readonly signal?: string
  /** It broke the line to the node, or wrote to it what is no message. */
  readonly isGarbled?: true
  /** The step of opening, `run`, `cancel` or `idle`. */
  readonly during: string
  /** Hex id of the job, or nothing. */
  readonly job: string
  /** Resident when last looked at, of what it may have; 0 when it was not looked at. */
  readonly memoryShare: number
}

/** A process that dies by itself this close to its limit has died of it. */
const MEMORY_SHARE_LEAST = 0.8

/** Signals by which the system ends who breaks a limit. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGSYS: 'fabric_forked',
  SIGXCPU: 'fabric_busy',
}

export function nameDeath(moments: LastMoments): Refusal {
  const { reason, exitCode, signal, isGarbled, during, job, memoryShare } = moments
  const facts = { during, reason, job }
  if (isGarbled) return refusal('fabric_answer_wrong', facts)
  if (exitCode !== undefined) return refusal('fabric_exited', { ...facts, exitCode })
  const known = signal === undefined ? undefined : SIGNALS[signal]
  if (known !== undefined) return refusal(known, facts)
  const isFull = memoryShare >= MEMORY_SHARE_LEAST
  return refusal(isFull ? 'fabric_memory_exceeded' : 'fabric_crashed', facts)
}
