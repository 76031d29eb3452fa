/**
 * Counting votes by stake: quorum, threshold, veto, and when a vote may close early.
 *
 * Power is the validator bonds frozen at the height voting opened. A later vote of the same
 * validator replaces its earlier one.
 *
 * Source: protocol.md §7; formulas: background, governance (334 B <= 1000 voted).
 */

import type { Params } from './params.ts'

export const OPTIONS = ['yes', 'no', 'abstain', 'veto'] as const
export type VoteOption = (typeof OPTIONS)[number]

export interface Tally {
  readonly yes: bigint
  readonly no: bigint
  readonly abstain: bigint
  readonly veto: bigint
  /** Power of everyone who may vote. */
  readonly total: bigint
}

export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'rejected'; readonly reason: 'quorum_missed' | 'vetoed' | 'threshold_missed' }

/** The option a wire byte stands for: 1 yes, 2 no, 3 abstain, 4 veto. */
export function optionOf(byte: number): VoteOption | undefined {
  return OPTIONS[byte - 1]
}

export function tallyVotes(
  votes: Iterable<{ readonly option: VoteOption; readonly power: bigint }>,
  total: bigint,
): Tally {
  const sums = { yes: 0n, no: 0n, abstain: 0n, veto: 0n }
  for (const { option, power } of votes) sums[option] += power
  return { ...sums, total }
}

export function votedPower({ yes, no, abstain, veto }: Tally): bigint {
  return yes + no + abstain + veto
}

/** Everybody has voted, so waiting changes nothing but minds: the vote closes. */
export function isComplete(tally: Tally): boolean {
  return votedPower(tally) === tally.total
}

export function judgeTally(
  tally: Tally,
  params: Pick<Params, 'gov_quorum_bps' | 'gov_threshold_bps' | 'gov_veto_bps'>,
): Outcome {
  const voted = votedPower(tally)
  if (10_000n * voted < params.gov_quorum_bps * tally.total) {
    return { kind: 'rejected', reason: 'quorum_missed' }
  }
  if (voted > 0n && 10_000n * tally.veto >= params.gov_veto_bps * voted) {
    return { kind: 'rejected', reason: 'vetoed' }
  }
  const decided = tally.yes + tally.no + tally.veto
  if (decided === 0n || 10_000n * tally.yes <= params.gov_threshold_bps * decided) {
    return { kind: 'rejected', reason: 'threshold_missed' }
  }
  return { kind: 'passed' }
}
