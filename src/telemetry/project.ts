/**
 * From facts to metrics: a pure projection, so that a metric never says what no fact said.
 *
 *   NodeFact, LedgerEvent, levels  ->  MetricUpdate[]  ->  Meter
 *
 * The facts are typed here by what the projection reads of them; the node's own facts fit.
 */

import { unreachable } from '../base/assert.ts'
import type { EventKind, LedgerEvent } from '../ledger/types/event.ts'
import type { Lane, Verification } from '../ledger/types/market.ts'
import type { Labels, Meter, Topic, Verdict } from '../runtime/ports.ts'

export type MetricUpdate =
  | {
      readonly op: 'add'
      readonly name: string
      readonly amount: number | bigint
      readonly labels: Labels
    }
  | {
      readonly op: 'set' | 'observe'
      readonly name: string
      readonly amount: number
      readonly labels: Labels
    }

/** What an event does not say about its job; undefined for a job nobody knows. */
export type JobLabels = (
  jobId: string,
) => { readonly lane: Lane; readonly verification: Verification } | undefined

type Coded = { readonly code: string }

/** What a node tells of itself. */
export type ObservedFact =
  | {
      readonly kind: 'block-committed'
      readonly height: bigint
      readonly objects: number
      readonly bytes: number
      readonly events: readonly LedgerEvent[]
      readonly finalityMs: number | undefined
    }
  | { readonly kind: 'block-refused'; readonly refusal: Coded }
  | {
      readonly kind: 'message-refused'
      readonly topic: Topic
      readonly refusal: Coded
      readonly verdict: Verdict
    }
  | { readonly kind: 'object-pooled'; readonly object: string }
  | { readonly kind: 'object-dropped'; readonly refusal: Coded }
  | { readonly kind: 'round-started' }
  | { readonly kind: 'misbehaviour-seen'; readonly type: string }
  | {
      readonly kind: 'verdict-given'
      readonly verification: string
      readonly lane: string
      readonly outcome: string
      readonly micros: number
    }
  | {
      readonly kind: 'job-run'
      readonly outcome: string
      readonly micros: number
      readonly allocFreeDelta: number
    }
  | {
      readonly kind: 'tensor-leaked'
      readonly job: string
      readonly label: string
      readonly bytes: number
    }
  | { readonly kind: 'sync-progress'; readonly height: bigint; readonly target: bigint }
  | { readonly kind: 'alarm'; readonly code: string }

const MICROS_PER_SECOND = 1_000_000
const MS_PER_SECOND = 1_000
const LATENCY_BUDGET = 'proof_latency_budget'
const VETOED = 'vetoed'

export function projectFact(fact: ObservedFact, jobs: JobLabels): MetricUpdate[] {
  switch (fact.kind) {
    case 'block-committed':
      return [...projectBlock(fact), ...fact.events.flatMap((event) => projectEvent(event, jobs))]
    case 'block-refused':
      return [add('blocks_refused_total', 1, { code: fact.refusal.code })]
    case 'message-refused': {
      const { topic, verdict, refusal } = fact
      return [add('messages_refused_total', 1, { topic, verdict, code: refusal.code })]
    }
    case 'object-pooled':
      return [add('objects_pooled_total', 1, { kind: fact.object })]
    case 'object-dropped':
      return [add('objects_dropped_total', 1, { code: fact.refusal.code })]
    case 'round-started':
      return [add('consensus_rounds_total', 1)]
    case 'misbehaviour-seen':
      return [add('misbehaviour_seen_total', 1, { type: fact.type })]
    case 'verdict-given': {
      const { verification, lane, outcome, micros } = fact
      return [
        add('verdicts_total', 1, { verification, outcome }),
        observe('verification_seconds', micros / MICROS_PER_SECOND, { lane, verification }),
      ]
    }
    case 'job-run': {
      const { outcome, micros, allocFreeDelta } = fact
      return [
        add('job_runs_total', 1, { outcome }),
        observe('job_run_seconds', micros / MICROS_PER_SECOND, { outcome }),
        observe('orchard_alloc_free_delta', allocFreeDelta),
        set('orchard_alloc_free_delta_last', allocFreeDelta),
      ]
    }
    case 'tensor-leaked': {
      const { job, label, bytes } = fact
      return [
        add('alarms_total', 1, { code: 'fabric_leaked' }),
        set('orchard_alloc_free_delta_detail', bytes, { job_id: job, label }),
      ]
    }
    case 'sync-progress':
      return [
        set('sync_height', Number(fact.height)),
        set('sync_target_height', Number(fact.target)),
      ]
    case 'alarm':
      return [add('alarms_total', 1, { code: fact.code })]
    default:
      return unreachable(fact)
  }
}

function projectBlock(
  fact: Extract<ObservedFact, { kind: 'block-committed' }>,
): readonly MetricUpdate[] {
  const updates = [
    add('blocks_total', 1),
    set('block_height', Number(fact.height)),
    observe('block_bytes', fact.bytes),
    add('block_objects_total', fact.objects),
  ]
  const { finalityMs, objects } = fact
  if (finalityMs === undefined || objects === 0) return updates
  return [...updates, observe('block_finality_seconds', finalityMs / MS_PER_SECOND)]
}

/** One line of a block's story. */
export function projectEvent(event: LedgerEvent, jobs: JobLabels): MetricUpdate[] {
  const told = TELLS[event.kind]?.(event, jobs) ?? []
  return [add('ledger_events_total', 1, { kind: event.kind }), ...told]
}

type Tell = (event: LedgerEvent, jobs: JobLabels) => MetricUpdate[]

/** What each kind of event moves besides `ledger_events_total`, which counts every one. */
const TELLS: Readonly<Partial<Record<EventKind, Tell>>> = {
  'job-offered': () => [add('jobs_total', 1, { outcome: 'offered' })],
  'job-expired': () => [add('jobs_total', 1, { outcome: 'expired' })],
  'job-cancelled': () => [add('jobs_total', 1, { outcome: 'cancelled' })],
  'job-matched': (event, jobs) => [add('matches_total', 1, { lane: labelsOf(event, jobs).lane })],
  'job-settled': toldSettled,
  'attempt-anchored': (event, jobs) => [
    add('job_attempts_total', 1, { outcome: 'anchored' }),
    add('receipts_total', 1, labelsOf(event, jobs)),
  ],
  'attempt-verified': () => [add('job_attempts_total', 1, { outcome: 'verified' })],
  'attempt-indeterminate': () => [add('job_attempts_total', 1, { outcome: 'indeterminate' })],
  'attempt-voided': () => [add('job_attempts_total', 1, { outcome: 'voided' })],
  'attempt-rejected': ({ reason }) => [
    add('job_attempts_total', 1, { outcome: 'rejected' }),
    add('sla_breach_count', 1, { reason, gate: 'apply' }),
  ],
  'attempt-late': ({ reason }) => [
    add('job_attempts_total', 1, { outcome: 'late' }),
    add('sla_breach_count', 1, { reason, gate: 'apply' }),
  ],
  'latency-breached': ({ reason }) => {
    const gate = reason === 'applied' ? 'apply' : 'shadow'
    return [add('sla_breach_count', 1, { reason: LATENCY_BUDGET, gate })]
  },
  'fee-paid': ({ value, reason }) => [add('settlement_fee_nblock_total', value, { to: reason })],
  refunded: ({ value, reason }) => [add('settlement_refunded_nblock_total', value, { reason })],
  'fee-burned': ({ value }) => [add('fee_burn_nblock_total', value)],
  'provider-slashed': toldSlash,
  'validator-slashed': toldSlash,
  compensated: ({ value, reason }) => [add('slashing_compensated_nblock_total', value, { reason })],
  burned: ({ value, reason }) => {
    const name = reason === VETOED ? 'gov_deposit_burn_nblock_total' : 'slashing_burn_nblock_total'
    return [add(name, value, { reason })]
  },
  'evidence-accepted': ({ reason }) => [add('evidence_accepted_total', 1, { type: reason })],
  'duty-missed': () => [add('duties_missed_total', 1)],
  'validator-jailed': ({ reason }) => [add('validators_jailed_total', 1, { reason })],
  'proposal-opened': () => [add('gov_proposals_total', 1, { phase: 'deposit' })],
  'proposal-moved': ({ reason }) => [add('gov_proposals_total', 1, { phase: reason })],
  'proposal-vote': ({ reason }) => [add('gov_votes_total', 1, { choice: reason })],
  'parameter-changed': ({ reason }) => [add('gov_param_changes_total', 1, { key: reason })],
  // A gate in shadow tells of one judgement and leaves the count at zero.
  'shadow-diff': ({ reason, count }) => [
    add('gov_shadow_differences_total', count === 0n ? 1n : count, { judgement: reason }),
  ],
}

function toldSettled(event: LedgerEvent, jobs: JobLabels): MetricUpdate[] {
  const labels = labelsOf(event, jobs)
  return [
    add('jobs_total', 1, { outcome: 'settled' }),
    add('settlement_paid_nblock_total', event.value, { lane: labels.lane }),
    observe('proof_verification_latency_seconds', Number(event.count) / MICROS_PER_SECOND, labels),
  ]
}

function toldSlash({ value, reason }: LedgerEvent): MetricUpdate[] {
  return [
    add('slashes_total', 1, { reason }),
    add('slashing_taken_nblock_total', value, { reason }),
  ]
}

/** What is read off the node when it is asked, not counted as it happens. */
export interface Levels {
  readonly validatorsActive: number
  readonly receiptsAnchored: number
  readonly offersWaiting: Readonly<Record<Lane, number>>
  readonly poolObjects: number
  readonly openProposals: number
  /** By key. */
  readonly params: Readonly<Record<string, bigint>>
  readonly version: string
  readonly chain: string
  readonly profile: string
}

export function projectLevels(levels: Levels): MetricUpdate[] {
  const { version, chain, profile, offersWaiting } = levels
  return [
    set('node_info', 1, { version, chain, profile }),
    set('validators_active', levels.validatorsActive),
    set('receipt_drain_depth', levels.receiptsAnchored),
    set('pool_objects', levels.poolObjects),
    set('gov_open_proposals', levels.openProposals),
    ...Object.entries(offersWaiting).map(([lane, jobs]) =>
      set('job_offers_waiting', jobs, { lane }),
    ),
    ...Object.entries(levels.params).map(([key, value]) =>
      set('gov_param_value', Number(value), { key }),
    ),
  ]
}

/** The matcher ran for `ms` over a block in which these lanes had offers waiting. */
export function projectMatchLoop(ms: number, lanes: readonly Lane[]): MetricUpdate[] {
  return lanes.map((lane) =>
    observe('compute_market_match_loop_latency_seconds', ms / MS_PER_SECOND, { lane }),
  )
}

export function applyUpdates(meter: Meter, updates: readonly MetricUpdate[]): void {
  for (const update of updates) {
    switch (update.op) {
      case 'add':
        meter.add(update.name, update.amount, update.labels)
        break
      case 'set':
        meter.set(update.name, update.amount, update.labels)
        break
      case 'observe':
        meter.observe(update.name, update.amount, update.labels)
        break
      default:
        unreachable(update)
    }
  }
}

function labelsOf({ subject }: LedgerEvent, jobs: JobLabels): Labels & { readonly lane: string } {
  const known = jobs(subject)
  return { lane: known?.lane ?? 'unknown', verification: known?.verification ?? 'unknown' }
}

function add(name: string, amount: number | bigint, labels: Labels = {}): MetricUpdate {
  return { op: 'add', name, amount, labels }
}

function set(name: string, amount: number, labels: Labels = {}): MetricUpdate {
  return { op: 'set', name, amount, labels }
}

function observe(name: string, amount: number, labels: Labels = {}): MetricUpdate {
  return { op: 'observe', name, amount, labels }
}
