/** `tb-cli job show ID [--watch]`: a job, its attempts and its story. */

import { showAmount } from '../amounts.ts'
import type { Attempt, Job } from '../answers.ts'
import { idArgument, wholeOption } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import {
  historyText,
  jobPath,
  requireSettled,
  saveOutputs,
  WITHIN_S_DEFAULT,
  WITHIN_S_MAX,
  watchJob,
} from '../job-watch.ts'
import { toPairs } from '../render.ts'

export const run: Command = async (context, input) => {
  const id = idArgument(input)
  const client = await context.client()
  const isWatched = input.options['watch'] === true
  const bounds = { fallback: WITHIN_S_DEFAULT, least: 1, most: WITHIN_S_MAX }
  const withinMs = 1000 * wholeOption(input, 'within', bounds)
  const tell = (line: string): void => context.stderr(`${line}\n`)
  const job = isWatched
    ? await watchJob(context, client, id, withinMs, tell)
    : await client.get<Job>(jobPath(id))
  if (isWatched) requireSettled(job)
  const outputFiles = await saveOutputs(context, input, client, job)
  report(context, { ok: true, ...job, outputFiles }, () => words(job, outputFiles))
}

function words(job: Job, outputFiles: readonly string[]): string {
  const table = toPairs([
    ['job', job.id],
    ['state', job.reason === '' ? job.state : `${job.state} (${job.reason})`],
    ['program', `${job.programName} ${job.program}`],
    ['checked by', `${job.verification}, lane ${job.lane}`],
    ['buyer', job.buyer],
    ['price ceiling', showAmount(job.priceCeiling)],
    ['paid', showAmount(job.payment)],
    ['offered', `#${job.offeredHeight}, expires #${job.expiryHeight}`],
    ['output', job.outputDigest === '' ? 'none yet' : job.outputDigest],
  ])
  const attempts = job.attempts.map(attemptText)
  const story = job.history.map((line) => `  ${historyText(line, job)}`)
  return [table, ...attempts, ...story, ...outputFiles].join('\n')
}

function attemptText(attempt: Attempt): string {
  const { state, reason, provider, payment } = attempt
  const why = reason === '' ? '' : ` (${reason})`
  const paid = `paid ${showAmount(payment)}`
  return `attempt ${attempt.attempt}: ${state}${why}, provider ${provider}, ${paid}`
}
