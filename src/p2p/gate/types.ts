/** What a gate answers, and what the rooms below answer the gate. */

import type { Refusal } from '../../base/refusal.ts'
import type { ProposalMessage, Vote } from '../../consensus/types.ts'
import type { Envelope, ObjectKind } from '../../ledger/types/envelope.ts'
import type { SignatureCheck } from '../../runtime/ports.ts'

/** A message that decoded, as what it is. */
export type GatedObject =
  | {
      readonly kind: 'ledger'
      readonly objectKind: ObjectKind
      readonly envelope: Envelope
      readonly id: Uint8Array
    }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal-message'; readonly message: ProposalMessage }

/** The answer of `ledger/admit.ts` and `consensus/admit.ts`: state looked at, nothing verified. */
export type Admission =
  | { readonly kind: 'check'; readonly checks: readonly SignatureCheck[] }
  | { readonly kind: 'ignore'; readonly refusal: Refusal }
  | { readonly kind: 'reject'; readonly refusal: Refusal }
  | { readonly kind: 'park'; readonly refusal: Refusal }

export type GateAnswer =
  /** Relay once these signatures hold; reject otherwise. No checks means accept now. */
  | {
      readonly kind: 'check'
      readonly object: GatedObject
      readonly checks: readonly SignatureCheck[]
      /** Names the object in the set of those judged; hex. */
      readonly key: string
    }
  | { readonly kind: 'ignore'; readonly refusal: Refusal }
  | { readonly kind: 'reject'; readonly refusal: Refusal }
  | { readonly kind: 'park'; readonly refusal: Refusal }

/** The pure queries a gate asks, bound by the engine to the state they look at. */
export interface Admitters {
  readonly genesisHash: Uint8Array
  readonly admitObject: (envelope: Envelope, kind: ObjectKind, id: Uint8Array) => Admission
  readonly admitVote: (vote: Vote) => Admission
  readonly admitProposal: (message: ProposalMessage) => Admission
}
