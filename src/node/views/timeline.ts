/**
 * The timeline: what the last receipts ran on, and how long verifying them took.
 *
 * Lines and their order are those of the seed system: kernel digest, benchmark commit, tensor
 * profile epoch, descriptor digest, output digest, proof latency, and kernel digests registered.
 *
 * Source: background, CLI and explorer of the seed system.
 */

import { toHex } from '../../base/bytes.ts'
import {
  ATTEMPTS,
  type AttemptRecord,
  KERNEL_DIGESTS,
  RECEIPTS,
} from '../../ledger/market-records.ts'
import type { AnchoredReceipt } from '../../ledger/receipts.ts'
import type { Reader } from '../../ledger/state.ts'
import type { Queries } from '../queries.ts'
import { textOf } from './json.ts'

/** Heights that the latency buckets look back on; never fewer than five. */
export const LATENCY_BLOCKS = 100n
/** Upper bounds, ms; the last bucket is open. */
const BUCKETS_MS = [1, 5, 10, 25, 50, 75, 100, 125, 150, 250, 500, 1_000] as const

export interface LatencyBuckets {
  readonly fromHeight: number
  readonly toHeight: number
  readonly count: number
  /** Receipts at or below each bound, cumulative; `le` null is unbounded. */
  readonly buckets: readonly { readonly le: number | null; readonly count: number }[]
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export function latestReceipt(reader: Reader): AnchoredReceipt | undefined {
  return reader
    .entries(RECEIPTS)
    .reduce<AnchoredReceipt | undefined>(
      (best, [, each]) => (best === undefined || each.height > best.height ? each : best),
      undefined,
    )
}

/** Latency of the attempts that were verified in the last LATENCY_BLOCKS heights. */
export function latencyBuckets(reader: Reader, height: bigint): LatencyBuckets {
  const from = height > LATENCY_BLOCKS ? height - LATENCY_BLOCKS : 0n
  const latencies = reader
    .entries(ATTEMPTS)
    .map(([, record]) => record)
    .filter((record: AttemptRecord) => record.verifiedHeight > 0n && record.verifiedHeight >= from)
    .map(({ latencyMicros }) => latencyMicros / 1_000)
    .sort((left, right) => left - right)
  const buckets = BUCKETS_MS.map((le) => ({
    le,
    count: latencies.filter((each) => each <= le).length,
  }))
  return {
    fromHeight: Number(from),
    toHeight: Number(height),
    count: latencies.length,
    buckets: [...buckets, { le: null, count: latencies.length }],
    p50Ms: quantile(latencies, 50),
    p99Ms: quantile(latencies, 99),
  }
}

/** Nearest rank. */
function quantile(sorted: readonly number[], percent: number): number | null {
  if (sorted.length === 0) return null
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? null
}

export function kernelDigestsOf(reader: Reader): string[] {
  return reader.entries(KERNEL_DIGESTS).map(([digest]) => digest)
}

const NONE = 'none yet'

export function timelineLines({ ledger }: Queries): string[] {
  const { state, head } = ledger
  const receipt = latestReceipt(state)?.receipt
  const latency = latencyBuckets(state, head.height)
  const epoch = receipt?.tensorProfile?.epoch
  const commit = receipt === undefined ? '' : textOf(receipt.benchmarkCommit)
  const p50 = latency.p50Ms === null ? NONE : `p50 ${latency.p50Ms.toFixed(2)} ms`
  const p99 = latency.p99Ms === null ? '' : `, p99 ${latency.p99Ms.toFixed(2)} ms`
  return [
    `kernel digest: ${receipt === undefined ? NONE : toHex(receipt.kernelDigest)}`,
    `benchmark commit: ${commit === '' ? NONE : commit}`,
    `tensor profile epoch: ${epoch === undefined ? NONE : toHex(epoch)}`,
    `descriptor digest: ${receipt === undefined ? NONE : toHex(receipt.descriptorDigest)}`,
    `output digest: ${receipt === undefined ? NONE : toHex(receipt.outputDigest)}`,
    `proof latency: ${p50}${p99} (${latency.count} receipts, heights ${latency.fromHeight} to ${latency.toHeight})`,
    `kernel digests registered: ${kernelDigestsOf(state).join(' ') || NONE}`,
  ]
}
