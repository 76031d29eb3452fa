/**
 * The state of the consensus machine, and what may be asked of it without changing it.
 *
 *   idle -> waiting -> running -> decided -> (next height) waiting ...
 *
 * `waiting` takes messages but has not begun round 0; `decided` only watches for evidence.
 *
 * Invariants
 *   - Everything but `early` belongs to one height and is dropped with it.
 *   - Each map has a named bound.
 */

import { proposer } from '../ledger/types/validator-set.ts'
import { certificateFrom } from './certificate.ts'
import type { CoreState } from './core.ts'
import { type DigestMemo, newDigestMemo } from './digest-memo.ts'
import type { DriverState } from './driver.ts'
import type { HeightSetup, Timer } from './events.ts'
import type { SignRequest } from './sign-guard.ts'
import type {
  Certificate,
  Height,
  Proposal,
  QuorumCertificate,
  Round,
  RoundCertificate,
  ValueId,
  Vote,
} from './types.ts'
import { firstVote, isQuorum, isSkip, polkasFor, votesFor, votesOf } from './vote-keeper.ts'
import type { BuiltValue } from './wal.ts'

export type Phase = 'idle' | 'waiting' | 'running' | 'decided'

/** Proposals kept of one round: two prove the proposer guilty. */
export const PROPOSALS_PER_ROUND_MAX = 2
/** Rounds beyond the current one whose single votes are taken. */
export const ROUNDS_AHEAD_MAX = 16
/** Rounds before the current one that are remembered. */
export const ROUNDS_KEPT_MAX = 128
/** Votes kept for the next height: each validator's, in its first rounds. */
export const EARLY_VOTES_MAX = 1024
export const EARLY_PROPOSALS_MAX = 8
export const EARLY_ROUNDS_MAX = 4
/** Quorum certificates of one height that are compared for amnesia. */
export const QUORUMS_MAX = 256

export interface Pending {
  readonly request: SignRequest
  /** The journal entry that must be durable before this is said. */
  readonly after: number
  signature: Uint8Array | undefined
  /** Travels with a proposal made again. */
  readonly polka: QuorumCertificate | null
}

/** What more than two thirds of the power voted for. */
export type QuorumClaim = Pick<Vote, 'type' | 'round' | 'validRound'> & { readonly value: ValueId }

/** What belongs to one height. */
export interface HeightState {
  readonly setup: HeightSetup
  readonly driver: DriverState
  /** By round, at most `PROPOSALS_PER_ROUND_MAX` each. */
  readonly proposals: Map<Round, Proposal[]>
  /** Verdicts: by value when valid, by `round value` when not. */
  readonly valid: Set<ValueId>
  readonly invalid: Set<string>
  /** Bodies whose verdict is awaited, by `judgeKey`. */
  readonly judging: Map<string, { readonly proposal: Proposal; readonly fresh: boolean }>
  readonly built: Map<Round, BuiltValue>
  /** Round a value is being built for. */
  building: Round | undefined
  /** What waits to be said, by position. */
  readonly outbox: Map<string, Pending>
  readonly timers: Map<string, Timer>
  readonly quorums: Map<string, QuorumClaim>
  readonly reported: Set<string>
  decision: QuorumCertificate | undefined
}

export interface ConsensusState {
  readonly genesisHash: Uint8Array
  /** Only saves hashing. */
  readonly digests: DigestMemo
  phase: Phase
  current: HeightState | undefined
  /** Sequence of the last journal effect, and of the last one known durable. */
  journalSequence: number
  journalledUpTo: number
  /** Checked messages of the next height. */
  readonly early: { readonly votes: Map<string, Vote>; readonly proposals: Proposal[] }
}

export function newConsensus(genesisHash: Uint8Array): ConsensusState {
  return {
    genesisHash,
    digests: newDigestMemo(genesisHash),
    phase: 'idle',
    current: undefined,
    journalSequence: 0,
    journalledUpTo: 0,
    early: { votes: new Map(), proposals: [] },
  }
}

/** Where the machine stands; nothing while idle. */
export function position(state: ConsensusState):
  | {
      readonly height: Height
      readonly round: Round
      readonly step: CoreState['step']
      readonly phase: Phase
    }
  | undefined {
  const { current, phase } = state
  if (current === undefined) return undefined
  const { round, step } = current.driver.core
  return { height: current.setup.height, round, step, phase }
}

export function proposerOf(current: HeightState, round: Round): number {
  return proposer(current.setup.validators, current.setup.priorities, round)
}

/** Every vote known of (height, round), to answer a peer's request. */
export function knownVotes(state: ConsensusState, height: Height, round: Round): Vote[] {
  const { current } = state
  if (current === undefined || current.setup.height !== height) return []
  const votes = current.driver.keeper.rounds.get(round)
  return votes === undefined ? [] : [...votesOf(votes.prevotes), ...votesOf(votes.precommits)]
}

export function knownProposals(state: ConsensusState, height: Height, round: Round): Proposal[] {
  const { current } = state
  if (current === undefined || current.setup.height !== height) return []
  return [...(current.proposals.get(round) ?? [])]
}

/** The certificates that help a peer along most: commit, polka of the valid value, round. */
export function bestCertificates(current: HeightState): Certificate[] {
  if (current.decision !== undefined) return [current.decision]
  const { core, keeper } = current.driver
  const found: Certificate[] = []
  if (core.validValue !== null) {
    const polka = polkaOf(current, core.validRound, core.validValue)
    if (polka !== undefined) found.push(polka)
  }
  const round = roundCertificate(current, core.round)
  if (round !== undefined) found.push(round)
  for (const each of keeper.rounds.keys()) {
    const commit = commitCertificate(current, each)
    if (commit !== undefined) found.unshift(commit)
  }
  return found
}

/** The polka for `value` in `round`, with the highest valid round if there are two. */
export function polkaOf(
  current: HeightState,
  round: Round,
  value: ValueId,
): QuorumCertificate | undefined {
  const { keeper } = current.driver
  const [validRound] = polkasFor(keeper, round, value)
  if (validRound === undefined) return undefined
  return certificateFrom(votesFor(keeper, round, 'prevote', value, validRound))
}

export function commitCertificate(
  current: HeightState,
  round: Round,
): QuorumCertificate | undefined {
  const { keeper } = current.driver
  const tallies = keeper.rounds.get(round)?.precommits.tallies.values() ?? []
  for (const { value, weight } of tallies) {
    if (value !== null && isQuorum(weight, keeper.total)) {
      return certificateFrom(votesFor(keeper, round, 'precommit', value))
    }
  }
  return undefined
}

/** Why `round` may be entered, if the votes known show it. */
export function roundCertificate(current: HeightState, round: Round): RoundCertificate | undefined {
  if (round < 1) return undefined
  const { keeper } = current.driver
  const { height } = current.setup
  const before = keeper.rounds.get(round - 1)?.precommits
  if (before !== undefined && isQuorum(before.weight, keeper.total)) {
    const votes = before.first.filter((vote) => vote !== undefined)
    return { kind: 'round', height, round, votes }
  }
  const inside = keeper.rounds.get(round)
  if (inside === undefined || !isSkip(inside.votersWeight, keeper.total)) return undefined
  const votes = [...inside.prevotes.first, ...inside.precommits.first]
  return { kind: 'round', height, round, votes: votes.filter((vote) => vote !== undefined) }
}

/** This node's own votes in `round`, for repair. */
export function ownVotes(current: HeightState, round: Round): Vote[] {
  const { self, height } = current.setup
  if (self === undefined) return []
  const claim = { height, round, value: null, validRound: -1 }
  const { keeper } = current.driver
  const prevote = firstVote(keeper, { ...claim, type: 'prevote' }, self)
  const precommit = firstVote(keeper, { ...claim, type: 'precommit' }, self)
  return [prevote, precommit].filter((vote) => vote !== undefined)
}

export function judgeKey(round: Round, value: ValueId): string {
  return `${round} ${value}`
}
