/**
 * What a node remembers: the cores' states side by side, and what is under way between them.
 *
 * Everything here is rebuilt from the store and the journals at start; nothing is said from it that
 * a restart could contradict.
 */

import type { ConsensusEvent, Timer } from '../consensus/events.ts'
import type { ConsensusState } from '../consensus/state.ts'
import type { Proposal, ValueId } from '../consensus/types.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Mempool } from '../ledger/mempool.ts'
import type { Intake } from '../p2p/intake.ts'
import type { SyncState } from '../p2p/sync.ts'
import type { PeerId, Signer } from '../runtime/ports.ts'
import type { Bodies } from './bodies.ts'
import type { Token } from './events.ts'
import type { Origin } from './gossip-desk.ts'
import type { ProviderDuties } from './provider-desk.ts'
import type { Waiting } from './turn.ts'
import type { ValidatorDuties } from './validator-desk.ts'

/** Who this node is, and what it may sign besides votes. */
export interface Identity {
  /** Hex account id; undefined for a node that only observes. */
  readonly account: string | undefined
  /** Signs transactions, evidence and receipts of the account. */
  readonly accountSigner: Signer | undefined
  /** Signs attestation batches; votes go through the sign guard. */
  readonly attestor: Signer | undefined
  /** ECVRF proof over the beacon's input; 80 bytes. */
  readonly vrfProve: ((alpha: Uint8Array) => Uint8Array) | undefined
  /** 32 bytes of the validator's own, for the coins of `fold`. Never logged. */
  readonly coinSecret: Uint8Array | undefined
  /** What the provider's receipts say of its fabric. */
  readonly fabric: FabricIdentity | undefined
}

export interface FabricIdentity {
  readonly name: string
  readonly kernelDigest: Uint8Array
  /** 40 hexadecimal digits, or '' for none. */
  readonly benchmarkCommit: string
  /** Whether receipts tell what a run allocated and released. */
  readonly profiles: boolean
}

export interface NodeState {
  readonly identity: Identity
  readonly ledger: Ledger
  readonly consensus: ConsensusState
  /** Events for the consensus machine that came up while it was stepping. */
  readonly consensusQueue: ConsensusEvent[]
  readonly timers: Map<string, Timer>
  readonly pool: Mempool
  readonly intake: Intake
  readonly sync: SyncState
  readonly bodies: Bodies
  /** Bodies whose verdict consensus waits for, until all their parts are here. */
  readonly judging: Map<ValueId, { readonly proposal: Proposal; readonly fresh: boolean }>
  /** Blocks that sync delivered, encoded, in order; at most what sync holds ahead. */
  readonly synced: Uint8Array[]
  /** A synced block is being checked. */
  syncing: boolean
  readonly validator: ValidatorDuties
  readonly provider: ProviderDuties
  readonly waiting: Waiting
  /** Who waits for the outcome of each message taken in. */
  readonly origins: Map<Token, Origin>
  nextOrigin: Token
  /** Own objects that waited when they were last counted: still here, they are overdue. */
  lastOwn: ReadonlySet<string>
  peers: readonly PeerId[]
  /** Set while a decided block is on its way to the disk: nothing else may be applied. */
  applying: boolean
  /** True once the journals are replayed and the first height has begun. */
  ready: boolean
}
