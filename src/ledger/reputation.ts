/**
 * Reputation: a whole number that makes a provider's asks look dearer than they are.
 *
 * A newcomer starts in the middle, so that a new name is worth less than a good one; it rises by
 * settled jobs and falls by faults, never below a half.
 *
 * Source: protocol.md §5 (effective price, bounds).
 */

export const REPUTATION_MIN_PPM = 500_000
export const REPUTATION_MAX_PPM = 1_000_000
export const REPUTATION_START_PPM = 750_000

export type Conduct = 'settled' | 'latency' | 'late' | 'indeterminate' | 'rejected' | 'fraud'

/** Added for each kind of conduct, ppm. */
const STEPS_PPM: Readonly<Record<Conduct, number>> = {
  settled: 5_000,
  latency: 0,
  late: -50_000,
  indeterminate: -10_000,
  rejected: -100_000,
  fraud: -500_000,
}

export function reputationAfter(ppm: number, conduct: Conduct): number {
  const moved = ppm + STEPS_PPM[conduct]
  return Math.min(REPUTATION_MAX_PPM, Math.max(REPUTATION_MIN_PPM, moved))
}

/** What a unit costs in the matcher's order: price x 10^6 / reputation, rounded up. */
export function effectivePrice(unitPrice: bigint, reputationPpm: number): bigint {
  const ppm = BigInt(reputationPpm)
  return (unitPrice * 1_000_000n + ppm - 1n) / ppm
}
