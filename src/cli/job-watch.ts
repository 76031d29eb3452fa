/**
 * A job as it goes, line by line, until it is final.
 *
 * The lines are the ledger's own events about the job, so that nothing is told that did not happen.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { showAmount } from './amounts.ts'
import type { Attempt, Job } from './answers.ts'
import type { Client } from './client.ts'
import type { Context, Input } from './context.ts'
import { CliFailure, EXIT, fail } from './failure.ts'
import { printable } from './render.ts'
import { until } from './waiting.ts'

const POLL_MS = 200
export const WITHIN_S_DEFAULT = 600
export const WITHIN_S_MAX = 86_400

type Line = Job['history'][number]

export function jobPath(id: string): string {
  return `/blocktorch/jobs/${id}`
}

/** The job, or undefined while it stands in no block. */
async function readJob(client: Client, id: string): Promise<Job | undefined> {
  try {
    return await client.get<Job>(jobPath(id))
  } catch (error) {
    if (error instanceof CliFailure && error.exit === EXIT.notFound) return undefined
    throw error
  }
}

/** Follows the job to its end and tells each step to `tell`. @throws CliFailure job_unfinished */
export async function watchJob(
  context: Context,
  client: Client,
  id: string,
  withinMs: number,
  tell: (line: string) => void,
): Promise<Job> {
  const told = new Set<string>()
  const wait = { signal: context.signal, withinMs, everyMs: POLL_MS, code: 'job_unfinished' }
  return await until({ ...wait, facts: { job: id } }, async () => {
    const job = await readJob(client, id)
    if (job === undefined) return undefined
    for (const line of job.history) {
      const key = `${line.height} ${line.kind} ${line.actor} ${line.count} ${line.reason}`
      if (told.has(key)) continue
      told.add(key)
      tell(historyText(line, job))
    }
    return isFinal(job) ? job : undefined
  })
}

export function isFinal({ state }: Pick<Job, 'state'>): boolean {
  return state === 'Settled' || state === 'Expired' || state === 'Cancelled'
}

/** @throws CliFailure job_expired, job_cancelled, so that scripts see it by the exit code */
export function requireSettled({ id, state, reason }: Job): void {
  if (state === 'Expired') fail(EXIT.rejected, 'job_expired', { job: id, reason })
  if (state === 'Cancelled') fail(EXIT.rejected, 'job_cancelled', { job: id, reason })
}

const WORDS: Readonly<Record<string, string>> = {
  'job-offered': 'submitted',
  'job-inputs-available': 'inputs held by the validators',
  'job-unmatched': 'no ask fits yet',
  'job-matched': 'matched',
  'job-cancelled': 'cancelled',
  'job-expired': 'expired',
  'job-requeued': 'back in the queue',
  'attempt-anchored': 'receipt anchored',
  'attempt-verified': 'verified',
  'attempt-rejected': 'result rejected',
  'attempt-indeterminate': 'verdict indeterminate',
  'attempt-late': 'provider too late',
  'attempt-voided': 'attempt voided',
  'job-settled': 'settled',
  'fee-paid': 'fee paid',
  refunded: 'refunded',
  compensated: 'compensated',
  'latency-breached': 'verification slower than its budget',
}

const MONEY: ReadonlySet<string> = new Set(['job-settled', 'fee-paid', 'refunded', 'compensated'])

export function historyText(line: Line, job: Job): string {
  const { height, kind, reason, value, count, actor } = line
  const attempt = job.attempts.find((each) => each.attempt === count)
  const extra = [
    kind === 'job-matched' && actor !== '' ? `to ${actor.slice(0, 8)}` : '',
    kind === 'attempt-verified' ? latencyText(attempt) : '',
    MONEY.has(kind) ? showAmount(value) : '',
    reason === '' ? '' : `(${reason})`,
  ]
  const words = [WORDS[kind] ?? kind, ...extra].filter((word) => word !== '')
  return printable(`#${height} ${words.join(' ')}`)
}

/** The median is only known once the verdicts are in, which may be after the line was told. */
export function latencyText(attempt: Attempt | undefined): string {
  const micros = attempt?.verifyMicrosMedian
  return micros === undefined ? '' : `in ${(micros / 1000).toFixed(2)} ms`
}

/** Writes the outputs of a settled job to `--output`, one file each. @returns their paths */
export async function saveOutputs(
  context: Context,
  input: Input,
  client: Client,
  job: Job,
): Promise<readonly string[]> {
  const { output } = input.options
  if (typeof output !== 'string') return []
  const folder = resolve(context.cwd, output)
  mkdirSync(folder, { recursive: true })
  const digests = job.attempts.at(-1)?.outputs ?? []
  const paths: string[] = []
  for (const [index, digest] of digests.entries()) {
    const path = join(folder, `output-${index}.bin`)
    writeFileSync(path, await client.getBytes(`/blocktorch/blobs/${digest}`))
    paths.push(path)
  }
  return paths
}
