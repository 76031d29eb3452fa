/**
 * The courier: hands jobs to a fabric one after another and answers for every one of them.
 *
 *   submit -> queued -> running -> done
 *                |         |-----> failed{reason}     deadline, refusal, second crash
 *                |         |-----> queued (front)     first crash of the fabric
 *                `---------`-----> cancelled          asked for
 *
 * Invariants
 *   - A job ends exactly once, with one outcome; a late answer of the fabric is dropped.
 *   - At most `JOBS_QUEUED_MAX` jobs wait; one more is refused at once.
 *   - The deadline counts from `submit`, so a job that waits too long fails while it waits.
 */

import { assert } from '../base/assert.ts'
import { refusal } from '../base/refusal.ts'
import { durationMs } from '../base/time.ts'
import type { Clock } from '../runtime/ports.ts'
import type { CancelHandle, Fabric, FabricJob, RunDone, RunOutcome } from './fabric.ts'

export const JOBS_QUEUED_MAX = 64
/** Runs of one job in all: a crash may have been the machine's fault once. */
export const RUNS_MAX = 2

/**
 * Stands between a run and its receipt. Absent in honest composition; the devnet's cheating
 * provider sets it to falsify what it has computed.
 */
export type Tamper = (job: FabricJob, outcome: RunDone, done: (outcome: RunDone) => void) => void

export interface CourierOptions {
  readonly fabric: Fabric
  readonly clock: Clock
  readonly tamper?: Tamper
}

export interface Courier {
  submit(job: FabricJob, done: (outcome: RunOutcome) => void): CancelHandle
  /** Jobs that wait or run. */
  openJobs(): number
}

interface Errand {
  readonly job: FabricJob
  readonly done: (outcome: RunOutcome) => void
  runs: number
  handle: CancelHandle | undefined
  isOver: boolean
}

export function openCourier({ fabric, clock, tamper }: CourierOptions): Courier {
  const waiting: Errand[] = []
  let running: Errand | undefined
  const openIds = new Set<string>()

  function timerOf(errand: Errand): string {
    return `courier/${errand.job.jobId}`
  }

  function end(errand: Errand, outcome: RunOutcome): void {
    if (errand.isOver) return
    errand.isOver = true
    clock.clearTimer(timerOf(errand))
    openIds.delete(errand.job.jobId)
    const place = waiting.indexOf(errand)
    if (place >= 0) waiting.splice(place, 1)
    errand.done(outcome)
  }

  function advance(): void {
    if (running !== undefined) return
    const errand = waiting.shift()
    if (errand === undefined) return
    running = errand
    errand.runs++
    errand.handle = fabric.run(errand.job, (outcome) => settle(errand, outcome))
  }

  /** The fabric has answered: it is free again, whatever became of the errand. */
  function settle(errand: Errand, outcome: RunOutcome): void {
    assert(running === errand, 'a fabric answers for the job it was given')
    running = undefined
    const hasCrashed = outcome.kind === 'failed' && outcome.refusal.code === 'fabric_crashed'
    if (hasCrashed && errand.runs < RUNS_MAX && !errand.isOver) {
      waiting.unshift(errand)
    } else if (outcome.kind === 'done' && tamper !== undefined && !errand.isOver) {
      tamper(errand.job, outcome, (altered) => end(errand, altered))
    } else {
      end(errand, outcome)
    }
    advance()
  }

  function stop(errand: Errand, outcome: RunOutcome): void {
    if (errand.isOver) return
    if (running === errand) errand.handle?.cancel()
    end(errand, outcome)
  }

  function submit(job: FabricJob, done: (outcome: RunOutcome) => void): CancelHandle {
    assert(!openIds.has(job.jobId), 'a job is submitted once')
    const errand: Errand = { job, done, runs: 0, handle: undefined, isOver: false }
    openIds.add(job.jobId)
    if (waiting.length >= JOBS_QUEUED_MAX) {
      end(errand, { kind: 'failed', refusal: refusal('courier_full', { waiting: waiting.length }) })
      return { cancel: () => undefined }
    }
    clock.setTimer(timerOf(errand), durationMs(job.deadlineMs), () => {
      const facts = { job: job.jobId, deadlineMs: job.deadlineMs, runs: errand.runs }
      stop(errand, { kind: 'failed', refusal: refusal('run_deadline_passed', facts) })
    })
    waiting.push(errand)
    advance()
    return { cancel: () => stop(errand, { kind: 'cancelled' }) }
  }

  return { submit, openJobs: () => openIds.size }
}
