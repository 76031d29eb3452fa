/**
 * Ledger events: the one story of what a block did and why, in order.
 *
 * Metrics, explorer, CLI and `explain` are projections of these and of nothing else. The events of
 * block H are committed to by `eventsRoot` in header H+1.
 */

import { byteList, bytes32, container, type Decoded, u64, u128 } from '../../base/codec.ts'

export type EventKind =
  | 'transferred'
  | 'fee-burned'
  | 'tip-paid'
  | 'validator-bonded'
  | 'validator-unbonding'
  | 'validator-activated'
  | 'validator-removed'
  | 'validator-jailed'
  | 'validator-unjailed'
  | 'validator-slashed'
  | 'key-rotated'
  | 'bond-released'
  | 'provider-registered'
  | 'provider-retired'
  | 'provider-slashed'
  | 'provider-suspended'
  | 'program-registered'
  | 'program-available'
  | 'program-expired'
  | 'program-retired'
  | 'ask-posted'
  | 'ask-cancelled'
  | 'ask-suspended'
  | 'job-offered'
  | 'job-inputs-available'
  | 'job-unmatched'
  | 'job-matched'
  | 'job-cancelled'
  | 'job-expired'
  | 'job-requeued'
  | 'attempt-anchored'
  | 'attempt-verified'
  | 'attempt-rejected'
  | 'attempt-indeterminate'
  | 'attempt-late'
  | 'attempt-voided'
  | 'job-settled'
  | 'fee-paid'
  | 'refunded'
  | 'compensated'
  | 'burned'
  | 'latency-breached'
  | 'evidence-accepted'
  | 'proposal-opened'
  | 'proposal-deposit'
  | 'proposal-vote'
  | 'proposal-moved'
  | 'parameter-changed'
  | 'shadow-diff'
  | 'duty-missed'

/** One line of the story. Unused fields are zero or empty. */
export const EventCodec = container({
  /** EventKind as ASCII. */
  kind: byteList(32),
  /** What it is about: job, program, ask, receipt, proposal, validator. */
  subject: bytes32,
  /** Whose doing, or whose money: account id. */
  actor: bytes32,
  /** nBLOCK. */
  value: u128,
  /** Attempt number, height, units, parameter value: by kind. */
  count: u64,
  /** Reason code or parameter key, snake_case ASCII. */
  reason: byteList(64),
})
export type EncodedEvent = Decoded<typeof EventCodec>

/** As the code handles it. `subject` and `actor` are lower-case hex of 32 bytes, or ''. */
export interface LedgerEvent {
  readonly kind: EventKind
  readonly subject: string
  readonly actor: string
  readonly value: bigint
  readonly count: bigint
  readonly reason: string
}
