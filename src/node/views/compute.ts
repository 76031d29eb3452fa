/** The market at a glance: jobs by state, money by lane, and how long verification takes. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { potOf } from '../../ledger/accounts.ts'
import { ASK_BOOK, ATTEMPTS, JOBS, OPEN_JOBS, totalsOf } from '../../ledger/market-records.ts'
import type { Reader } from '../../ledger/state.ts'
import { LANES, type Lane } from '../../ledger/types/market.ts'
import type { Queries } from '../queries.ts'
import { JOB_STATES, jobStateName } from './jobs.ts'
import { Amount, Count, Height, Id, textOf } from './json.ts'
import { kernelDigestsOf, latencyBuckets, latestReceipt, timelineLines } from './timeline.ts'

export const ComputeStatsView = z.object({
  height: Height,
  jobs: z.record(z.enum(JOB_STATES), Count),
  settledTotal: Count,
  /** Paid to providers, nBLOCK. */
  paidTotal: z.record(z.enum(LANES), Amount),
  /** Taken from bonds since the oldest indexed slash, nBLOCK. */
  slashedTotal: Amount,
  compensatedTotal: Amount,
  /** Burned in all, fees included, nBLOCK. */
  burnedTotal: Amount,
  backlog: z.object({ offers: Count, asks: Count, verifyUnits: Count, verifyBytes: Count }),
  latency: z.object({
    fromHeight: Height,
    toHeight: Height,
    count: Count,
    buckets: z.array(z.object({ le: z.number().nullable(), count: Count })),
    p50Ms: z.number().nullable(),
    p99Ms: z.number().nullable(),
  }),
  kernelDigests: z.array(Id),
  benchmarkCommit: z.string().nullable(),
  tensorProfileEpoch: Id.nullable(),
  descriptorDigest: Id.nullable(),
  outputDigest: Id.nullable(),
  timeline: z.array(z.string()),
})

export function computeStatsView(queries: Queries): z.infer<typeof ComputeStatsView> {
  const { state, head } = queries.ledger
  const jobs = jobCounts(state)
  const slashes = queries.history.slashes()
  const totals = totalsOf(state)
  const receipt = latestReceipt(state)?.receipt
  const commit = receipt === undefined ? '' : textOf(receipt.benchmarkCommit)
  const epoch = receipt?.tensorProfile?.epoch ?? null
  const latency = latencyBuckets(state, head.height)
  return {
    height: Number(head.height),
    jobs,
    settledTotal: jobs.Settled,
    paidTotal: paidByLane(state),
    slashedTotal: String(slashes.reduce((sum, { amount }) => sum + amount, 0n)),
    compensatedTotal: String(slashes.reduce((sum, each) => sum + each.compensated, 0n)),
    burnedTotal: String(potOf(state, 'burned')),
    backlog: {
      offers: state.entries(OPEN_JOBS).length,
      asks: state.entries(ASK_BOOK).length,
      verifyUnits: Number(totals.verifyUnits),
      verifyBytes: Number(totals.verifyBytes),
    },
    latency: { ...latency, buckets: [...latency.buckets] },
    kernelDigests: kernelDigestsOf(state),
    benchmarkCommit: commit === '' ? null : commit,
    tensorProfileEpoch: epoch === null ? null : toHex(epoch),
    descriptorDigest: receipt === undefined ? null : toHex(receipt.descriptorDigest),
    outputDigest: receipt === undefined ? null : toHex(receipt.outputDigest),
    timeline: timelineLines(queries),
  }
}

function jobCounts(reader: Reader): Record<(typeof JOB_STATES)[number], number> {
  const counts = {
    Offered: 0,
    Matched: 0,
    Anchored: 0,
    Verified: 0,
    Settled: 0,
    Expired: 0,
    Cancelled: 0,
  }
  for (const [id, job] of reader.entries(JOBS)) counts[jobStateName(reader, id, job)] += 1
  return counts
}

function paidByLane(reader: Reader): Record<Lane, string> {
  const sums: Record<Lane, bigint> = { consumer: 0n, industrial: 0n }
  for (const [key, { paid }] of reader.entries(ATTEMPTS)) {
    if (paid === 0n) continue
    const lane = LANES[reader.get(JOBS, key.slice(0, key.indexOf('/')))?.offer.lane ?? 0]
    if (lane !== undefined) sums[lane] += paid
  }
  return { consumer: String(sums.consumer), industrial: String(sums.industrial) }
}
