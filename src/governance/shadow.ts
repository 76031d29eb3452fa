/**
 * The shadow phase: how many judgements of a block would have come out otherwise under the proposed
 * parameters. The one real state goes on under the parameters in force; nothing else changes.
 *
 * Source: protocol.md §7 (Shadow).
 */

import { unreachable } from '../base/assert.ts'
import type { Params } from './params.ts'

/** What was judged in a block, with what the judgement looked at. */
export type Judged =
  | { readonly kind: 'transaction-fee' }
  | { readonly kind: 'offer-fee' }
  | { readonly kind: 'admission'; readonly units: bigint; readonly bytes: bigint }
  | { readonly kind: 'latency'; readonly micros: bigint }
  | { readonly kind: 'collateral'; readonly price: bigint }
  | { readonly kind: 'slash' }

/** How many of the judgements differ between the two sets. */
export function countDifferences(
  judged: readonly Judged[],
  current: Params,
  proposed: Params,
): number {
  return judged.filter((each) => judgement(each, current) !== judgement(each, proposed)).length
}

/** The outcome of a judgement, as text that is equal exactly when the outcome is. */
function judgement(judged: Judged, params: Params): string {
  switch (judged.kind) {
    case 'transaction-fee':
      return String(params.base_fee_transaction)
    case 'offer-fee':
      return String(params.base_fee_offer)
    case 'admission':
      return String(
        judged.units <= params.proof_verification_budget_units &&
          judged.bytes <= params.proof_data_budget_bytes,
      )
    case 'latency': {
      const late = judged.micros > params.proof_verification_budget_ms * 1000n
      return late ? `late ${params.proof_latency_gate} ${params.proof_latency_penalty_bps}` : 'met'
    }
    case 'collateral':
      return String((judged.price * params.collateral_bps) / 10_000n)
    case 'slash':
      return `${params.fraud_penalty_bps} ${params.reporter_bps}`
    default:
      return unreachable(judged)
  }
}
