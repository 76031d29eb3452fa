/** `tb-cli compute stats`: the market at a glance, and the timeline lines of the compute fabric. */

import { showAmount } from '../amounts.ts'
import type { ComputeStats } from '../answers.ts'
import { type Command, report } from '../context.ts'
import { printable, toPairs } from '../render.ts'

export const run: Command = async (context) => {
  const client = await context.client()
  const stats = await client.get<ComputeStats>('/blocktorch/compute/stats')
  report(context, { ok: true, ...stats }, () => words(stats))
}

function words(stats: ComputeStats): string {
  const { jobs, paidTotal, latency, backlog } = stats
  const counts = Object.entries(jobs).filter(([, count]) => count > 0)
  const p50 = latency.p50Ms === null ? 'none' : `${latency.p50Ms} ms`
  const p99 = latency.p99Ms === null ? 'none' : `${latency.p99Ms} ms`
  const table = toPairs([
    ['height', stats.height],
    ['jobs', counts.map(([state, count]) => `${count} ${state}`).join(', ') || 'none'],
    ['paid', paid(paidTotal)],
    ['slashed', showAmount(stats.slashedTotal)],
    ['compensated', showAmount(stats.compensatedTotal)],
    ['burned', showAmount(stats.burnedTotal)],
    ['waiting', `${backlog.offers} offers, ${backlog.asks} asks on the book`],
    ['verification', `p50 ${p50}, p99 ${p99} over ${latency.count} verdicts`],
  ])
  return [table, ...stats.timeline.map(printable)].join('\n')
}

function paid(byLane: ComputeStats['paidTotal']): string {
  return Object.entries(byLane)
    .map(([lane, nblock]) => `${showAmount(nblock)} ${lane}`)
    .join(', ')
}
