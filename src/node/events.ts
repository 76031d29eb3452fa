/**
 * What the engine hears and what it asks for: the one inbound and the one outbound door.
 *
 *   ports -> driver -> NodeEvent -> engine -> NodeEffect[] -> driver -> ports
 *
 * Whatever is slow carries a token; the event that completes it carries the same token back.
 */

import type { Refusal } from '../base/refusal.ts'
import type { FabricJob, RunOutcome } from '../compute/fabric.ts'
import type { LaneVerdict, VerifyRequest } from '../compute/lanes.ts'
import type { SignOutcome, SignRequest } from '../consensus/sign-guard.ts'
import type { LedgerEvent } from '../ledger/types/event.ts'
import type {
  Answer,
  Blame,
  PeerId,
  Protocol,
  SignatureCheck,
  SignatureRule,
  StoreOp,
  Topic,
  Verdict,
} from '../runtime/ports.ts'

/** Names one thing under way; counts up and is never used again within a life. */
export type Token = number

/** `wal` holds what consensus heard, `receipts` what a provider claimed. The guard has its own. */
export type JournalName = 'wal' | 'receipts'

export type NodeEvent =
  | { readonly kind: 'started' }
  | {
      readonly kind: 'gossip'
      readonly message: Token
      readonly topic: Topic
      readonly bytes: Uint8Array
      readonly from: PeerId
    }
  | { readonly kind: 'checked'; readonly token: Token; readonly valid: readonly boolean[] }
  | { readonly kind: 'signed'; readonly token: Token; readonly outcome: SignOutcome }
  | { readonly kind: 'persisted'; readonly token: Token }
  | { readonly kind: 'journalled'; readonly token: Token }
  | { readonly kind: 'timer'; readonly id: string }
  | {
      readonly kind: 'asked'
      readonly request: Token
      readonly protocol: Protocol
      readonly bytes: Uint8Array
      readonly from: PeerId
    }
  | { readonly kind: 'answered'; readonly token: Token; readonly answer: Answer }
  | { readonly kind: 'loaded'; readonly token: Token; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'peers'; readonly peers: readonly PeerId[] }
  | {
      readonly kind: 'fetched'
      readonly token: Token
      readonly refusal: Refusal | undefined
    }
  | { readonly kind: 'verified'; readonly token: Token; readonly verdict: LaneVerdict }
  | { readonly kind: 'ran'; readonly token: Token; readonly outcome: RunOutcome }
  | { readonly kind: 'submitted'; readonly submission: Token; readonly bytes: Uint8Array }

export type Reply = { readonly chunks: readonly Uint8Array[] } | { readonly refusal: Refusal }
export type SubmitOutcome = { readonly id: string } | { readonly refusal: Refusal }

export type NodeEffect =
  | { readonly kind: 'verdict'; readonly message: Token; readonly verdict: Verdict }
  | {
      readonly kind: 'publish'
      readonly topic: Topic
      readonly bytes: Uint8Array
      readonly manner: 'mesh' | 'flood'
      /** Hex id of what must be durable before this is said; '' when nothing must. */
      readonly says: string
    }
  | {
      readonly kind: 'check'
      readonly token: Token
      readonly batch: readonly SignatureCheck[]
      readonly rule: SignatureRule
    }
  /** The sign guard answers once the record is durable. */
  | { readonly kind: 'sign'; readonly token: Token; readonly request: SignRequest }
  /** Until it completes, nothing that `says` what this `holds` may be published. */
  | {
      readonly kind: 'persist'
      readonly token: Token
      readonly batch: readonly StoreOp[]
      readonly holds: string
    }
  | {
      readonly kind: 'journal'
      readonly token: Token
      readonly journal: JournalName
      readonly record: Uint8Array
      readonly holds: string
    }
  | {
      readonly kind: 'replace-journal'
      readonly token: Token
      readonly journal: JournalName
      readonly records: readonly Uint8Array[]
    }
  | { readonly kind: 'load'; readonly token: Token; readonly keys: readonly string[] }
  | { readonly kind: 'set-timer'; readonly id: string; readonly delayMs: number }
  | { readonly kind: 'clear-timer'; readonly id: string }
  | {
      readonly kind: 'request'
      readonly token: Token
      readonly peer: PeerId
      readonly protocol: Protocol
      readonly bytes: Uint8Array
      readonly deadlineMs: number
    }
  | { readonly kind: 'reply'; readonly request: Token; readonly reply: Reply }
  | { readonly kind: 'report'; readonly peer: PeerId; readonly blame: Blame; readonly code: string }
  | {
      readonly kind: 'fetch'
      readonly token: Token
      readonly digest: Uint8Array
      readonly lengthBytes: number
      readonly deadlineMs: number
    }
  | { readonly kind: 'drop-blob'; readonly digest: Uint8Array }
  | { readonly kind: 'verify'; readonly token: Token; readonly request: VerifyRequest }
  | { readonly kind: 'run'; readonly token: Token; readonly job: FabricJob }
  | { readonly kind: 'answer-submit'; readonly submission: Token; readonly outcome: SubmitOutcome }
  | { readonly kind: 'fact'; readonly fact: NodeFact }

/** What the rest of the world may know: logs and metrics are projections of these. */
export type NodeFact =
  | {
      readonly kind: 'block-committed'
      readonly height: bigint
      readonly id: string
      readonly round: number
      /** Zero for a heartbeat. */
      readonly objects: number
      readonly bytes: number
      readonly events: readonly LedgerEvent[]
      /** From the proposal heard or sent to the block persisted; undefined for synced blocks. */
      readonly finalityMs: number | undefined
    }
  | {
      readonly kind: 'block-refused'
      readonly height: bigint
      readonly id: string
      readonly refusal: Refusal
    }
  | {
      readonly kind: 'message-refused'
      readonly topic: Topic
      readonly from: PeerId
      readonly refusal: Refusal
      readonly verdict: Verdict
    }
  | { readonly kind: 'object-pooled'; readonly object: string; readonly id: string }
  | { readonly kind: 'object-dropped'; readonly id: string; readonly refusal: Refusal }
  | { readonly kind: 'round-started'; readonly height: bigint; readonly round: number }
  | { readonly kind: 'misbehaviour-seen'; readonly type: string; readonly offender: string }
  | {
      readonly kind: 'verdict-given'
      readonly receipt: string
      readonly verification: string
      readonly lane: string
      readonly outcome: string
      readonly micros: number
    }
  | {
      readonly kind: 'job-run'
      readonly job: string
      readonly attempt: number
      readonly outcome: string
      readonly micros: number
      /** Bytes that the run allocated less those it released. */
      readonly allocFreeDelta: number
    }
  /** The fabric did not give back what it took for this job. */
  | {
      readonly kind: 'tensor-leaked'
      readonly job: string
      readonly attempt: number
      readonly label: string
      readonly bytes: number
    }
  | { readonly kind: 'sync-progress'; readonly height: bigint; readonly target: bigint }
  | { readonly kind: 'alarm'; readonly code: string; readonly facts: Refusal['facts'] }
