/**
 * The shadow phase: what the judgements of a block would have been under the proposed parameters.
 *
 *   the one real state -> judged items -> outcome under both sets -> counted per judgement
 *
 * Nothing but the counters changes: there is no second state, so a shadow cannot drift from the
 * truth. An outcome is a whole number: nBLOCK where money is judged, 1 or 0 where yes or no is.
 *
 * Source: protocol.md §7 (Shadow): fee, admission, budget, penalty, slash, match eligibility.
 */

import { assert, unreachable } from '../base/assert.ts'
import type { ParamKey, Params } from './params.ts'

/** Stored by index: a place in the list keeps its meaning. */
export const JUDGEMENTS = ['fee', 'admission', 'budget', 'penalty', 'slash', 'match'] as const
export type Judgement = (typeof JUDGEMENTS)[number]

/** What was judged in a block, with what the judgement looks at. */
export type Judged =
  | { readonly kind: 'fee'; readonly of: 'transaction' | 'offer'; readonly bytes: bigint }
  | { readonly kind: 'fee'; readonly of: 'settlement'; readonly gross: bigint }
  | {
      readonly kind: 'admission'
      readonly verifyUnits: bigint
      readonly verifyBytes: bigint
      readonly inputBytes: bigint
    }
  | { readonly kind: 'budget'; readonly latencyMicros: bigint }
  | { readonly kind: 'penalty'; readonly latencyMicros: bigint; readonly gross: bigint }
  | { readonly kind: 'slash'; readonly offence: Offence; readonly base: bigint }
  | { readonly kind: 'match'; readonly ceiling: bigint; readonly free: bigint }

/** What a slash is measured by: bond of a provider, price ceiling, bond of a validator. */
export type Offence = 'fraud' | 'service-level' | 'equivocation' | 'false-verdict'

/** The parameters that each judgement reads. */
export const JUDGED_BY: Readonly<Record<Judgement, readonly ParamKey[]>> = {
  fee: ['base_fee_transaction', 'base_fee_offer', 'settlement_fee_bps'],
  admission: ['proof_verification_budget_units', 'proof_data_budget_bytes', 'max_input_bytes'],
  budget: ['proof_verification_budget_ms'],
  penalty: ['proof_verification_budget_ms', 'proof_latency_gate', 'proof_latency_penalty_bps'],
  slash: [
    'fraud_penalty_bps',
    'sla_penalty_bps',
    'equivocation_slash_ppm',
    'false_verdict_gate',
    'false_verdict_slash_ppm',
  ],
  match: ['collateral_bps'],
}

/** Judgements that a change of these keys can make come out otherwise. */
export function judgementsOf(keys: readonly string[]): Judgement[] {
  return JUDGEMENTS.filter((kind) => JUDGED_BY[kind].some((key) => keys.includes(key)))
}

/** What one judgement added up to over some items. */
export interface ShadowCount {
  readonly seen: bigint
  readonly differing: bigint
  /** Sum of the outcomes under the parameters in force. */
  readonly current: bigint
  readonly proposed: bigint
}

export const NO_COUNT: ShadowCount = { seen: 0n, differing: 0n, current: 0n, proposed: 0n }

export type ShadowCounts = ReadonlyMap<Judgement, ShadowCount>

/** The judgements of a block under both sets, counted. */
export function shadowDiff(
  judged: readonly Judged[],
  current: Params,
  proposed: Params,
): ShadowCounts {
  const counts = new Map<Judgement, ShadowCount>()
  for (const each of judged) {
    const now = outcome(each, current)
    const then = outcome(each, proposed)
    const one = { seen: 1n, differing: now === then ? 0n : 1n, current: now, proposed: then }
    counts.set(each.kind, addCounts(counts.get(each.kind) ?? NO_COUNT, one))
  }
  return counts
}

export function addCounts(left: ShadowCount, right: ShadowCount): ShadowCount {
  return {
    seen: left.seen + right.seen,
    differing: left.differing + right.differing,
    current: left.current + right.current,
    proposed: left.proposed + right.proposed,
  }
}

/** Pure: what a judgement comes to under `params`. Never negative. */
export function outcome(judged: Judged, params: Params): bigint {
  switch (judged.kind) {
    case 'fee':
      return feeOutcome(judged, params)
    case 'admission':
      return yes(
        judged.verifyUnits <= params.proof_verification_budget_units &&
          judged.verifyBytes <= params.proof_data_budget_bytes &&
          judged.inputBytes <= params.max_input_bytes,
      )
    case 'budget':
      return yes(isOverBudget(judged.latencyMicros, params))
    case 'penalty': {
      const costs = isOverBudget(judged.latencyMicros, params) && params.proof_latency_gate === 1n
      return costs ? (judged.gross * params.proof_latency_penalty_bps) / 10_000n : 0n
    }
    case 'slash':
      return slashOutcome(judged.offence, judged.base, params)
    case 'match':
      return yes(judged.free >= (judged.ceiling * params.collateral_bps) / 10_000n)
    default:
      return unreachable(judged)
  }
}

function feeOutcome(judged: Extract<Judged, { kind: 'fee' }>, params: Params): bigint {
  switch (judged.of) {
    case 'transaction':
      return judged.bytes * params.base_fee_transaction
    case 'offer':
      return judged.bytes * params.base_fee_offer
    case 'settlement':
      return (judged.gross * params.settlement_fee_bps) / 10_000n
    default:
      return unreachable(judged)
  }
}

function slashOutcome(offence: Offence, base: bigint, params: Params): bigint {
  assert(base >= 0n, 'a slash is measured by something')
  switch (offence) {
    case 'fraud':
      return (base * params.fraud_penalty_bps) / 10_000n
    case 'service-level':
      return (base * params.sla_penalty_bps) / 10_000n
    case 'equivocation':
      return (base * params.equivocation_slash_ppm) / 1_000_000n
    case 'false-verdict':
      return params.false_verdict_gate === 1n
        ? (base * params.false_verdict_slash_ppm) / 1_000_000n
        : 0n
    default:
      return unreachable(offence)
  }
}

function isOverBudget(latencyMicros: bigint, params: Params): boolean {
  return latencyMicros > params.proof_verification_budget_ms * 1_000n
}

function yes(holds: boolean): bigint {
  return holds ? 1n : 0n
}
