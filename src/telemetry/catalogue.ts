/**
 * Every metric there is, once: name, type, unit, labels, buckets and what it says.
 *
 * A metric exists if and only if it stands here: the adapter refuses other names and other labels,
 * and docs/reference/metrics.md is generated from this table. Digests are never labels, a job id is
 * one only where a leak is named, and money is counted in whole nBLOCK, exactly.
 *
 * Source: design of the interfaces (Metrics); names of the seed plan are kept.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricLine {
  readonly name: string
  readonly type: MetricType
  /** Of the value: seconds, bytes, nBLOCK, or the thing that is counted. */
  readonly unit: string
  /** Every series of the metric has exactly these. */
  readonly labels: readonly string[]
  /** Upper bounds in the unit, ascending; histograms only. */
  readonly buckets: readonly number[]
  /** Kept as bigint and written out digit by digit: sums of money pass 2^53. */
  readonly isExact: boolean
  readonly help: string
}

/** Series of one metric; further label values are counted under `other`. */
export const SERIES_MAX = 512
export const OTHER = 'other'

/** Dense around the budget of 100 ms. */
const PROOF_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.25, 0.5, 1, 5]
const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LOOP_BUCKETS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
/** Bytes that a run kept: none is the first, and the only one that is right. */
const LEAK_BUCKETS = [0, 1_024, 65_536, 1_048_576, 16_777_216, 268_435_456]
const BYTES_BUCKETS = [1_024, 4_096, 16_384, 65_536, 131_072, 262_144, 491_520]

type Labels = readonly string[]

function counter(name: string, unit: string, labels: Labels, help: string): MetricLine {
  return { name, type: 'counter', unit, labels, buckets: [], isExact: false, help }
}

function money(name: string, labels: Labels, help: string): MetricLine {
  return { name, type: 'counter', unit: 'nBLOCK', labels, buckets: [], isExact: true, help }
}

function gauge(name: string, unit: string, labels: Labels, help: string): MetricLine {
  return { name, type: 'gauge', unit, labels, buckets: [], isExact: false, help }
}

function histogram(
  name: string,
  unit: string,
  labels: Labels,
  buckets: readonly number[],
  help: string,
): MetricLine {
  return { name, type: 'histogram', unit, labels, buckets, isExact: false, help }
}

// biome-ignore format: one line a metric
export const CATALOGUE: readonly MetricLine[] = [
  // The chain.
  counter('blocks_total', 'blocks', [], 'Blocks this node has committed since it started.'),
  gauge('block_height', 'height', [], 'Height of the last committed block.'),
  histogram('block_bytes', 'bytes', [], BYTES_BUCKETS, 'Encoded size of committed blocks.'),
  counter('block_objects_total', 'objects', [], 'Objects in committed blocks.'),
  counter('blocks_refused_total', 'blocks', ['code'], 'Proposed blocks that were refused, by code.'),
  histogram('block_finality_seconds', 's', [], SECONDS_BUCKETS, 'From a proposal heard or sent to its block persisted; heartbeats and synced blocks left out.'),
  counter('consensus_rounds_total', 'rounds', [], 'Rounds started.'),
  counter('misbehaviour_seen_total', 'offences', ['type'], 'Consensus offences this node has seen with its own eyes.'),
  counter('ledger_events_total', 'events', ['kind'], 'Ledger events by kind.'),
  gauge('sync_height', 'height', [], 'Height reached by the last step of catching up.'),
  gauge('sync_target_height', 'height', [], 'Height being caught up with.'),

  // The market.
  counter('jobs_total', 'jobs', ['outcome'], 'Jobs by how they went: offered, settled, expired, cancelled.'),
  counter('matches_total', 'matches', ['lane'], 'Attempts started.'),
  counter('job_attempts_total', 'attempts', ['outcome'], 'Attempts by what became of them.'),
  histogram('compute_market_match_loop_latency_seconds', 's', ['lane'], LOOP_BUCKETS, 'Wall time of the matcher for one block, once for each lane that had offers waiting.'),
  gauge('job_offers_waiting', 'jobs', ['lane'], 'Offers that wait for a match.'),
  counter('receipts_total', 'receipts', ['lane', 'verification'], 'Receipts anchored in a block.'),
  gauge('receipt_drain_depth', 'receipts', [], 'Receipts anchored and not yet final.'),
  histogram('proof_verification_latency_seconds', 's', ['lane', 'verification'], PROOF_BUCKETS, 'Latency of settled receipts: the smallest time that half of the included valid power took at most.'),
  counter('sla_breach_count', 'breaches', ['reason', 'gate'], 'Broken service levels; under gate `shadow` they cost nothing.'),

  // Money.
  money('settlement_paid_nblock_total', ['lane'], 'Paid to providers.'),
  money('settlement_fee_nblock_total', ['to'], 'Settlement and verification fees, to the treasury and to validators.'),
  money('settlement_refunded_nblock_total', ['reason'], 'Escrow given back to buyers.'),
  counter('slashes_total', 'slashes', ['reason'], 'Slashes of providers and validators.'),
  money('slashing_taken_nblock_total', ['reason'], 'Taken from bonds.'),
  money('slashing_burn_nblock_total', ['reason'], 'Of what was taken, burned.'),
  money('slashing_compensated_nblock_total', ['reason'], 'Of what was taken, paid to buyers.'),
  money('fee_burn_nblock_total', [], 'Transaction and offer fees, burned.'),
  money('gov_deposit_burn_nblock_total', ['reason'], 'Deposits of proposals, burned.'),

  // Validators.
  counter('evidence_accepted_total', 'pieces', ['type'], 'Evidence accepted in a block.'),
  counter('duties_missed_total', 'duties', [], 'Windows that closed without the verdict of a validator that owed one.'),
  counter('validators_jailed_total', 'validators', ['reason'], 'Validators jailed.'),
  gauge('validators_active', 'validators', [], 'Validators in force.'),

  // Governance.
  counter('gov_proposals_total', 'proposals', ['phase'], 'Proposals entering a phase.'),
  counter('gov_votes_total', 'votes', ['choice'], 'Votes included.'),
  counter('gov_shadow_differences_total', 'judgements', ['judgement'], 'Judgements that came out otherwise under proposed values or a gate in shadow.'),
  counter('gov_param_changes_total', 'changes', ['key'], 'Values put in force.'),
  gauge('gov_param_value', 'unit of the key', ['key'], 'Values in force.'),
  gauge('gov_open_proposals', 'proposals', [], 'Proposals that still move.'),

  // This node.
  gauge('node_info', 'always 1', ['version', 'chain', 'profile'], 'What is running.'),
  counter('objects_pooled_total', 'objects', ['kind'], 'Objects taken into the pool.'),
  counter('objects_dropped_total', 'objects', ['code'], 'Objects dropped from the pool, by code.'),
  gauge('pool_objects', 'objects', [], 'Objects that wait for a block.'),
  counter('messages_refused_total', 'messages', ['topic', 'verdict', 'code'], 'Gossip that was not accepted.'),
  counter('verdicts_total', 'verdicts', ['verification', 'outcome'], 'Verdicts this node has come to.'),
  histogram('verification_seconds', 's', ['lane', 'verification'], PROOF_BUCKETS, 'What verifying took on this node, data in memory.'),
  counter('job_runs_total', 'runs', ['outcome'], 'Jobs this node has run.'),
  histogram('job_run_seconds', 's', ['outcome'], SECONDS_BUCKETS, 'What running a job took on this node.'),
  histogram('orchard_alloc_free_delta', 'bytes', [], LEAK_BUCKETS, 'Bytes that a run allocated and did not release.'),
  gauge('orchard_alloc_free_delta_last', 'bytes', [], 'The same, of the last run.'),
  gauge('orchard_alloc_free_delta_detail', 'bytes', ['job_id', 'label'], 'What a leaking run kept, by job and buffer; there is a series only for a leak.'),
  counter('alarms_total', 'alarms', ['code'], 'Conditions that need a person.'),
  gauge('process_resident_memory_bytes', 'bytes', [], 'Resident memory of the node process.'),
  gauge('event_loop_delay_p99_seconds', 's', [], 'How long the event loop kept others waiting, 99th percentile since the last scrape.'),

  // Peers.
  gauge('p2p_peers', 'peers', [], 'Peers that have shaken hands.'),
  counter('p2p_gossip_messages_total', 'messages', ['topic', 'verdict'], 'Gossip judged, by verdict.'),
  counter('p2p_gossip_published_total', 'messages', ['topic', 'result'], 'Gossip published.'),
  counter('p2p_gossip_dropped_total', 'messages', ['topic', 'reason'], 'Gossip dropped unjudged.'),
  counter('p2p_gossip_pauses_total', 'pauses', [], 'Times a peer was no longer read, for sending faster than it is judged.'),
  counter('p2p_requests_total', 'requests', ['protocol', 'side', 'result'], 'Requests asked and served.'),
  counter('p2p_blob_bytes_total', 'bytes', ['direction'], 'Bytes of blobs.'),
  counter('p2p_blames_total', 'blames', ['blame', 'code'], 'What peers were blamed for.'),
  counter('p2p_hangups_total', 'hang-ups', ['reason'], 'Connections this node has ended.'),
]

const byName: ReadonlyMap<string, MetricLine> = new Map(CATALOGUE.map((line) => [line.name, line]))

export function metricLine(name: string): MetricLine | undefined {
  return byName.get(name)
}

/** docs/reference/metrics.md. */
export function metricsPage(): string {
  const rows = CATALOGUE.map(({ name, type, unit, labels, buckets, help }) =>
    [
      '',
      `\`${name}\``,
      type,
      unit,
      labels.map((label) => `\`${label}\``).join(', '),
      buckets.join(' '),
      help,
      '',
    ]
      .join(' | ')
      .trim(),
  )
  return [
    '# Metrics',
    '',
    'Served as Prometheus text at `/metrics`. A metric exists if and only if it stands here; its',
    `series carry exactly the labels named. One metric has at most ${SERIES_MAX} series, further label values`,
    `are counted under \`${OTHER}\`. Counters begin at zero when a node starts.`,
    '',
    'nBLOCK counters are exact: they are written digit by digit and never pass through a float.',
    '`lane` is consumer or industrial, `verification` is fold, succinct or replay.',
    '',
    'This page is generated from `src/telemetry/catalogue.ts` by `npm run docs`.',
    '',
    '| name | type | unit | labels | buckets | what it says |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
