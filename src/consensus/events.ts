/**
 * What goes into the consensus machine and what it asks for.
 *
 * Each effect is an obligation of who performs it (engine and driver of the node). The machine never
 * waits: what may only be said once something is durable comes out of the step that handles that
 * completion.
 *
 *   sign -----> signed ------.
 *                             >--- both ---> publish-vote | publish-proposal
 *   journal --> journalled --'
 *
 * Source: architecture.md (The shape of a core, Durable before said); protocol.md §3.
 */

import type { Checked } from '../base/checked.ts'
import type { Refusal } from '../base/refusal.ts'
import type { DurationMs, TimeMs } from '../base/time.ts'
import type { Priorities, ValidatorSet } from '../ledger/types/validator-set.ts'
import type { TimeoutKind } from './core.ts'
import type { ConsensusEvidence } from './misbehavior.ts'
import type { GuardRecord, SignRequest } from './sign-guard.ts'
import type {
  Certificate,
  Height,
  Proposal,
  QuorumCertificate,
  Round,
  ValueId,
  Vote,
} from './types.ts'
import type { BuiltValue, WalEntry } from './wal.ts'

/** Linear in the round: base + step x round, up to round 100. */
export interface Timeouts {
  readonly proposeMs: number
  readonly proposeStepMs: number
  readonly prevoteMs: number
  readonly prevoteStepMs: number
  readonly precommitMs: number
  readonly precommitStepMs: number
  /** Between two repairs of a height that does not end. */
  readonly rebroadcastMs: number
}

export interface HeightSetup {
  readonly height: Height
  readonly validators: ValidatorSet
  /** Of this height, before round 0. */
  readonly priorities: Priorities
  /** Of the height after, as far as known: lets early messages be checked and kept. */
  readonly next: { readonly validators: ValidatorSet; readonly priorities: Priorities } | undefined
  /** Index of this node in the set; nothing for an observer. */
  readonly self: number | undefined
  readonly timeouts: Timeouts
  /** Round 0 does not begin before, unless `due` or another's proposal says so. */
  readonly minimumStartAtMs: TimeMs | undefined
}

export type TimerKind = TimeoutKind | 'start' | 'rebroadcast'
export interface Timer {
  readonly kind: TimerKind
  readonly height: Height
  readonly round: Round
}

export type ConsensusEvent =
  /**
   * Begins a height. `replay` is the write-ahead log of this height and `signed` what the sign guard
   * has of it; both empty unless the node restarts in the middle. No network input may come before.
   */
  | {
      readonly kind: 'start-height'
      readonly setup: HeightSetup
      readonly replay: readonly WalEntry[]
      readonly signed: readonly GuardRecord[]
    }
  /** Work waits: begin round 0 now. */
  | { readonly kind: 'due'; readonly height: Height }
  | { readonly kind: 'proposal'; readonly proposal: Checked<Proposal> }
  /** Answers `judge-body`. No answer while the body is missing. */
  | {
      readonly kind: 'body-judged'
      readonly height: Height
      readonly round: Round
      readonly value: ValueId
      readonly valid: boolean
    }
  /** Answers `build-value`. */
  | {
      readonly kind: 'value-built'
      readonly height: Height
      readonly round: Round
      readonly built: BuiltValue
    }
  | { readonly kind: 'vote'; readonly vote: Checked<Vote> }
  | { readonly kind: 'certificate'; readonly certificate: Checked<Certificate> }
  | { readonly kind: 'timeout'; readonly timer: Timer }
  /** Answers `sign`: the guard's record is durable. */
  | { readonly kind: 'signed'; readonly request: SignRequest; readonly signature: Uint8Array }
  | { readonly kind: 'sign-refused'; readonly request: SignRequest; readonly refusal: Refusal }
  /** Answers `journal`: everything up to `sequence` is durable. */
  | { readonly kind: 'journalled'; readonly sequence: number }
  /** Block sync brought the block and its commit; the machine stops at this height. */
  | { readonly kind: 'decided-elsewhere'; readonly certificate: Checked<QuorumCertificate> }

export type ConsensusEffect =
  /** The driver MUST build a block for (height, round) and answer `value-built`, or never. */
  | { readonly kind: 'build-value'; readonly height: Height; readonly round: Round }
  /**
   * The driver MUST answer `body-judged` once it has the whole body, and keep an accepted body until
   * the height ends. `fresh` bodies have their time judged against the clock, others do not.
   */
  | { readonly kind: 'judge-body'; readonly proposal: Proposal; readonly fresh: boolean }
  /** The driver MUST hand the request to the sign guard and answer `signed` or `sign-refused`. */
  | { readonly kind: 'sign'; readonly request: SignRequest }
  /** The driver MUST publish to the mesh, once. */
  | { readonly kind: 'publish-vote'; readonly vote: Vote }
  /** The driver MUST flood the proposal, then every part of the body of `proposal.value`. */
  | { readonly kind: 'publish-proposal'; readonly proposal: Proposal }
  /** The driver MUST answer `timeout` with this timer no sooner than `delay` from now. */
  | { readonly kind: 'set-timer'; readonly timer: Timer; readonly delay: DurationMs }
  | { readonly kind: 'clear-timer'; readonly timer: Timer }
  /** The driver MUST append the entries in order and answer `journalled` when the last is durable. */
  | {
      readonly kind: 'journal'
      readonly height: Height
      readonly sequence: number
      readonly entries: readonly WalEntry[]
    }
  /** The driver MUST empty the log before it appends anything else: its height is over. */
  | { readonly kind: 'journal-reset'; readonly height: Height }
  /** The driver MUST commit the block and, when it is durable, begin the next height. */
  | {
      readonly kind: 'decided'
      readonly height: Height
      readonly round: Round
      readonly value: ValueId
      readonly certificate: QuorumCertificate
    }
  /** The driver MUST fetch block and commit from peers and answer `decided-elsewhere`. */
  | { readonly kind: 'want-block'; readonly certificate: QuorumCertificate }
  /** The driver MUST report the evidence to the ledger; the same may come again after a restart. */
  | { readonly kind: 'evidence'; readonly height: Height; readonly evidence: ConsensusEvidence }
  /** The driver MUST push these by stream to a few peers, and ask them for theirs. */
  | {
      readonly kind: 'rebroadcast'
      readonly height: Height
      readonly round: Round
      readonly votes: readonly Vote[]
      readonly proposal: Proposal | undefined
      readonly certificates: readonly Certificate[]
    }
  | { readonly kind: 'fact'; readonly fact: ConsensusFact }

/** What happened, for metrics, logs and the explorer. */
export type ConsensusFact =
  | { readonly kind: 'round-entered'; readonly height: Height; readonly round: Round }
  | {
      readonly kind: 'voted'
      readonly height: Height
      readonly round: Round
      readonly type: Vote['type']
      readonly value: ValueId | null
    }
  | {
      readonly kind: 'locked'
      readonly height: Height
      readonly round: Round
      readonly value: ValueId
    }
  | {
      readonly kind: 'timed-out'
      readonly height: Height
      readonly round: Round
      readonly timeout: TimeoutKind
    }
  | { readonly kind: 'message-dropped'; readonly refusal: Refusal }
  | { readonly kind: 'sign-refused'; readonly refusal: Refusal }
  /** After a restart: how much was taken up. */
  | {
      readonly kind: 'recovered'
      readonly height: Height
      readonly entries: number
      readonly signed: number
    }
