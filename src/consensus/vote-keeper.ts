/**
 * Counts the votes of one height and says, once each, which quorum has been reached.
 *
 *   vote -> round -> prevotes | precommits -> tally of its value -> output
 *
 * Invariants
 *   - A validator's first vote of a (round, type) is the one that counts; a second, different one
 *     is evidence. A certificate counts whole all the same: its quorum convinced someone else.
 *   - No output is given twice, skips of a future round excepted.
 *   - One vote costs constant time. With `accountable`, prevotes are tallied by (value, valid
 *     round), so that a polka's prevotes agree in both.
 *
 * Source: circlefin/malachite specs/consensus/quint/votekeeper.qnt; arXiv 1807.04938 lines 34-55.
 */

import { assert } from '../base/assert.ts'
import type { VoteType } from '../ledger/types/vote.ts'
import type { Round, ValueId, Vote, VoteClaim } from './types.ts'

export type KeeperOutput =
  | { readonly kind: 'none' }
  | { readonly kind: 'polka-any'; readonly round: Round }
  | { readonly kind: 'polka-nil'; readonly round: Round }
  | {
      readonly kind: 'polka-value'
      readonly round: Round
      readonly value: ValueId
      readonly validRound: Round
    }
  | { readonly kind: 'precommit-any'; readonly round: Round }
  | { readonly kind: 'precommit-value'; readonly round: Round; readonly value: ValueId }
  | { readonly kind: 'skip'; readonly round: Round }

export interface Tally {
  readonly value: ValueId | null
  readonly validRound: Round
  /** Power that counts for this value. */
  weight: bigint
  /** Its own quorum has been said. */
  said: boolean
}

export interface VoteCount {
  /** First vote of each validator, by index. */
  readonly first: (Vote | undefined)[]
  /** Further, different votes of equivocators, by index. */
  readonly further: Map<number, Vote[]>
  readonly tallies: Map<string, Tally>
  /** Sum of `weight` over the tallies. */
  weight: bigint
  /** The tally of the last vote: most votes of a round are for one value. */
  recent: Tally | undefined
  /** A quorum of any votes has been said. */
  anySaid: boolean
}

export interface RoundVotes {
  readonly round: Round
  readonly prevotes: VoteCount
  readonly precommits: VoteCount
  /** Outputs given, by key. */
  readonly emitted: Map<string, KeeperOutput>
  /** Who voted in this round, with either type. */
  readonly voters: Set<number>
  votersWeight: bigint
}

export interface VoteKeeper {
  /** By validator index; an index beyond it has no power. */
  readonly powers: readonly bigint[]
  readonly total: bigint
  /** The least power that is more than two thirds. */
  readonly quorumAt: bigint
  readonly accountable: boolean
  /** Different votes kept of one validator in one (round, type). */
  readonly variantsMax: number
  readonly rounds: Map<Round, RoundVotes>
}

/** What one vote or certificate led to. `conflicts` pairs a known vote with the one that came now. */
export interface KeeperResult {
  readonly output: KeeperOutput
  readonly conflicts: readonly (readonly [Vote, Vote])[]
}

/** Enough for evidence; the specification keeps all. */
export const VARIANTS_MAX = 2

const NONE: KeeperOutput = { kind: 'none' }
const NO_CONFLICTS: readonly (readonly [Vote, Vote])[] = []
const NOTHING_NEW: KeeperResult = { output: NONE, conflicts: NO_CONFLICTS }

export function newVoteKeeper(
  powers: readonly bigint[],
  accountable: boolean,
  variantsMax: number = VARIANTS_MAX,
): VoteKeeper {
  const total = powers.reduce((sum, power) => sum + power, 0n)
  const quorumAt = (2n * total) / 3n + 1n
  return { powers, total, quorumAt, accountable, variantsMax, rounds: new Map() }
}

/** More than two thirds: any two such sets share more than a third. */
export function isQuorum(weight: bigint, total: bigint): boolean {
  return 3n * weight > 2n * total
}

/** More than a third: at least one of them is honest. */
export function isSkip(weight: bigint, total: bigint): boolean {
  return 3n * weight > total
}

/** Counts one vote. `currentRound` is the round the core is in. */
export function applyVote(keeper: VoteKeeper, vote: Vote, currentRound: Round): KeeperResult {
  const votes = roundVotes(keeper, vote.round)
  const count = countOf(votes, vote.type)
  const power = keeper.powers[vote.validator] ?? 0n
  if (!votes.voters.has(vote.validator)) {
    votes.voters.add(vote.validator)
    votes.votersWeight += power
  }
  if (isSurplus(keeper, count, vote)) return NOTHING_NEW
  const tally = tallyOf(keeper, count, vote)
  const conflict = record(count, tally, vote, power)
  const conflicts = conflict === undefined ? NO_CONFLICTS : [conflict]
  if (vote.round > currentRound && isSkip(votes.votersWeight, keeper.total)) {
    return { output: emit(votes, { kind: 'skip', round: vote.round }, true), conflicts }
  }
  const output = thresholdOutput(keeper, count, tally, vote)
  if (output.kind === 'none' && conflict === undefined) return NOTHING_NEW
  return { output: emit(votes, output, false), conflicts }
}

/**
 * Counts a certificate whole: every vote seen for any value counts from now on.
 * Precondition: the votes cast one claim and hold a quorum (`isUniformQuorum`).
 */
export function applyCertificate(keeper: VoteKeeper, certificate: readonly Vote[]): KeeperResult {
  const claim = certificate[0]
  assert(claim !== undefined && claim.value !== null, 'a certificate is for a value')
  const votes = roundVotes(keeper, claim.round)
  const count = countOf(votes, claim.type)
  const conflicts: (readonly [Vote, Vote])[] = []
  const tally = tallyOf(keeper, count, claim)
  for (const vote of certificate) {
    const conflict = record(count, tally, vote, keeper.powers[vote.validator] ?? 0n)
    if (conflict !== undefined) conflicts.push(conflict)
  }
  countAllSeen(keeper, count)
  const { round, value, validRound } = claim
  const output: KeeperOutput =
    claim.type === 'prevote'
      ? { kind: 'polka-value', round, value, validRound: keeper.accountable ? validRound : -1 }
      : { kind: 'precommit-value', round, value }
  return { output, conflicts }
}

/** Weighs every tally by whoever was seen voting for it, first votes or not. */
function countAllSeen(keeper: VoteKeeper, count: VoteCount): void {
  const voters = new Map<Tally, Set<number>>()
  for (const vote of votesOf(count)) {
    const tally = tallyOf(keeper, count, vote)
    const known = voters.get(tally) ?? new Set<number>()
    voters.set(tally, known.add(vote.validator))
  }
  count.weight = 0n
  for (const [tally, seen] of voters) {
    tally.weight = [...seen].reduce((sum, voter) => sum + (keeper.powers[voter] ?? 0n), 0n)
    count.weight += tally.weight
  }
}

/** One claim, cast by more than two thirds of the power, each validator once. */
export function isUniformQuorum(
  votes: readonly VoteClaim[],
  voters: readonly number[],
  powers: readonly bigint[],
): boolean {
  const claim = votes[0]
  if (claim === undefined || claim.value === null) return false
  const uniform = votes.every(
    (vote) =>
      vote.type === claim.type &&
      vote.height === claim.height &&
      vote.round === claim.round &&
      vote.value === claim.value &&
      vote.validRound === claim.validRound,
  )
  if (!uniform || new Set(voters).size !== voters.length) return false
  const total = powers.reduce((sum, power) => sum + power, 0n)
  const weight = voters.reduce((sum, voter) => sum + (powers[voter] ?? 0n), 0n)
  return isQuorum(weight, total)
}

export function hasQuorumFor(
  keeper: VoteKeeper,
  round: Round,
  type: VoteType,
  value: ValueId | null,
  validRound: Round = -1,
): boolean {
  const votes = keeper.rounds.get(round)
  if (votes === undefined) return false
  const key = tallyKey(keeper.accountable, type, value, validRound)
  return (countOf(votes, type).tallies.get(key)?.weight ?? 0n) >= keeper.quorumAt
}

/** A quorum of votes of `type`, whatever they are for. */
export function hasQuorumOfAny(keeper: VoteKeeper, round: Round, type: VoteType): boolean {
  const votes = keeper.rounds.get(round)
  return votes !== undefined && countOf(votes, type).weight >= keeper.quorumAt
}

/** The valid rounds under which `value` has a polka in `round`; the highest first. */
export function polkasFor(keeper: VoteKeeper, round: Round, value: ValueId): Round[] {
  const tallies = keeper.rounds.get(round)?.prevotes.tallies.values() ?? []
  const found: Round[] = []
  for (const tally of tallies) {
    if (tally.value === value && isQuorum(tally.weight, keeper.total)) found.push(tally.validRound)
  }
  return found.sort((left, right) => right - left)
}

/** Every vote seen for a claim, one for each validator, by index. */
export function votesFor(
  keeper: VoteKeeper,
  round: Round,
  type: VoteType,
  value: ValueId | null,
  validRound: Round = -1,
): Vote[] {
  const votes = keeper.rounds.get(round)
  if (votes === undefined) return []
  const anyValidRound = !keeper.accountable || type === 'precommit' || value === null
  return votesOf(countOf(votes, type)).filter(
    (vote) => vote.value === value && (anyValidRound || vote.validRound === validRound),
  )
}

/** Every vote of a count by validator index, first votes before further ones. */
export function votesOf(count: VoteCount): Vote[] {
  const found: Vote[] = []
  count.first.forEach((vote, validator) => {
    if (vote !== undefined) found.push(vote, ...(count.further.get(validator) ?? []))
  })
  return found
}

/** The vote already counted for this validator, if any. */
export function firstVote(
  keeper: VoteKeeper,
  claim: VoteClaim,
  validator: number,
): Vote | undefined {
  const votes = keeper.rounds.get(claim.round)
  return votes === undefined ? undefined : countOf(votes, claim.type).first[validator]
}

export function countOf(votes: RoundVotes, type: VoteType): VoteCount {
  return type === 'prevote' ? votes.prevotes : votes.precommits
}

function roundVotes(keeper: VoteKeeper, round: Round): RoundVotes {
  const known = keeper.rounds.get(round)
  if (known !== undefined) return known
  const votes: RoundVotes = {
    round,
    prevotes: newVoteCount(),
    precommits: newVoteCount(),
    emitted: new Map(),
    voters: new Set(),
    votersWeight: 0n,
  }
  keeper.rounds.set(round, votes)
  return votes
}

function newVoteCount(): VoteCount {
  return {
    first: [],
    further: new Map(),
    tallies: new Map(),
    weight: 0n,
    recent: undefined,
    anySaid: false,
  }
}

/** Keeps the vote, counts it if it is the validator's first; returns the pair if it conflicts. */
function record(
  count: VoteCount,
  tally: Tally,
  vote: Vote,
  power: bigint,
): readonly [Vote, Vote] | undefined {
  const first = count.first[vote.validator]
  if (first === undefined) {
    count.first[vote.validator] = vote
    tally.weight += power
    count.weight += power
    return undefined
  }
  if (sameClaim(first, vote)) return undefined
  const further = count.further.get(vote.validator) ?? []
  if (further.some((known) => sameClaim(known, vote))) return undefined
  count.further.set(vote.validator, [...further, vote])
  return [first, vote]
}

/** One variant too many of a known equivocator: it proves nothing new and would grow the tallies. */
function isSurplus(keeper: VoteKeeper, count: VoteCount, vote: Vote): boolean {
  const further = count.further.get(vote.validator)
  if (further === undefined || further.length + 1 < keeper.variantsMax) return false
  const first = count.first[vote.validator]
  return (
    !(first !== undefined && sameClaim(first, vote)) && !further.some((v) => sameClaim(v, vote))
  )
}

function tallyOf(keeper: VoteKeeper, count: VoteCount, claim: VoteClaim): Tally {
  const validRound = keeper.accountable && claim.value !== null ? claim.validRound : -1
  const { recent } = count
  if (recent?.value === claim.value && recent.validRound === validRound) return recent
  const key = tallyKey(keeper.accountable, claim.type, claim.value, claim.validRound)
  const known = count.tallies.get(key)
  const tally = known ?? { value: claim.value, validRound, weight: 0n, said: false }
  if (known === undefined) count.tallies.set(key, tally)
  count.recent = tally
  return tally
}

function tallyKey(
  accountable: boolean,
  type: VoteType,
  value: ValueId | null,
  validRound: Round,
): string {
  if (value === null) return 'nil'
  return accountable && type === 'prevote' ? `${validRound}/${value}` : `/${value}`
}

/** The quorum this vote is part of, unless it has been said. */
function thresholdOutput(
  keeper: VoteKeeper,
  count: VoteCount,
  tally: Tally,
  { type, round }: VoteClaim,
): KeeperOutput {
  const { value, validRound } = tally
  if (tally.weight >= keeper.quorumAt && (value !== null || type === 'prevote')) {
    if (tally.said) return NONE
    tally.said = true
    if (value === null) return { kind: 'polka-nil', round }
    if (type === 'prevote') return { kind: 'polka-value', round, value, validRound }
    return { kind: 'precommit-value', round, value }
  }
  if (count.anySaid || count.weight < keeper.quorumAt) return NONE
  count.anySaid = true
  return { kind: type === 'prevote' ? 'polka-any' : 'precommit-any', round }
}

function emit(votes: RoundVotes, output: KeeperOutput, repeats: boolean): KeeperOutput {
  if (output.kind === 'none') return output
  const key = outputKey(output)
  if (votes.emitted.has(key)) return repeats ? output : NONE
  votes.emitted.set(key, output)
  return output
}

function outputKey(output: KeeperOutput): string {
  if (output.kind === 'polka-value') return `polka ${output.validRound}/${output.value}`
  return output.kind === 'precommit-value' ? `precommit ${output.value}` : output.kind
}

export function sameClaim(left: VoteClaim, right: VoteClaim): boolean {
  return (
    left.value === right.value &&
    left.validRound === right.validRound &&
    left.round === right.round &&
    left.type === right.type &&
    left.height === right.height
  )
}
