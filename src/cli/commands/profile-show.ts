/** `tb-cli profile show [JOB]`: what each run allocated and released, or one run event by event. */

import { type ProfiledJob, parseProfile } from '../../base/tensor-profile.ts'
import { readProfileLog } from '../../runtime/io/profile-log.ts'
import { type Command, reportList } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { profilePath } from '../profile.ts'
import type { Row } from '../render.ts'

export const run: Command = async (context, input) => {
  const path = profilePath(context, input)
  const { jobs, malformed } = parseProfile(readProfileLog(path))
  const [wanted] = input.args
  if (wanted !== undefined) {
    const job = jobs.findLast((each) => each.job === wanted || each.job.startsWith(`${wanted}/`))
    if (job === undefined) return fail(EXIT.notFound, 'profile_job_unknown', { job: wanted, path })
    const rows = job.events.map((event, at) => ({ sequence: at + 1, ...event }))
    const beside = { ok: true, ...summaryOf(job) }
    const columns = ['sequence', 'kind', 'label', 'bytes']
    reportList(context, { name: 'events', columns, rows, beside })
    return
  }
  const rows = jobs.map(summaryOf)
  const deltaBytes = jobs.reduce((sum, job) => sum + job.deltaBytes, 0)
  const beside = { ok: true, path, malformed, deltaBytes }
  const columns = ['job', 'fabric', 'outcome', 'allocations', 'releases', 'deltaBytes', 'epoch']
  reportList(context, { name: 'jobs', columns, rows, beside })
  if (context.format !== 'text') return
  for (const { job, live } of jobs) {
    for (const { label, bytes } of live) context.stderr(`${job} leaked ${label}, ${bytes} bytes\n`)
  }
  if (malformed > 0) context.stderr(`${malformed} lines are none of the profile\n`)
}

function summaryOf(job: ProfiledJob): Row {
  return { ...job, events: job.events.length }
}
