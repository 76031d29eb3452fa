/**
 * Queries: all that the views, the HTTP routes and the tests read of a running node.
 *
 * State is read from the ledger as it stands between two steps, so one view sees one height.
 * History lies on disk and is read asynchronously; its reader is given by composition.
 */

import type { Ledger } from '../ledger/ledger.ts'
import type { Mempool } from '../ledger/mempool.ts'
import type { LedgerEvent } from '../ledger/types/event.ts'
import type { StoredBlock } from '../ledger/types/stored-block.ts'
import type { PeerId } from '../runtime/ports.ts'
import type { SlashLine } from './history.ts'

export type Role = 'validator' | 'provider' | 'observer'

/** What does not follow from the chain. */
export interface NodeInfo {
  readonly version: string
  readonly peerId: PeerId
  /** Multiaddrs that others may dial. */
  readonly addresses: readonly string[]
  /** Hex account id; undefined on an observer. */
  readonly account: string | undefined
  readonly roles: readonly Role[]
  /** Base URL of the HTTP interface. */
  readonly http: string
  /** Multiaddrs that a newcomer is told to begin with. */
  readonly bootstrap: readonly string[]
}

export interface PeerInfo {
  readonly peerId: PeerId
  readonly addresses: readonly string[]
  /** Last height it told us; undefined before its first status. */
  readonly height: bigint | undefined
  readonly score: number
  readonly direction: 'inbound' | 'outbound'
  readonly connectedMs: number
}

export interface ConsensusStatus {
  readonly height: bigint
  readonly round: number
  readonly step: string
}

export interface SyncStatus {
  readonly syncing: boolean
  /** Highest height that peers claim. */
  readonly targetHeight: bigint
}

export interface BlockEvents {
  readonly round: number
  readonly events: readonly LedgerEvent[]
}

/** The past, as the store holds it. */
export interface History {
  readBlock(height: bigint): Promise<StoredBlock | undefined>
  readEvents(height: bigint): Promise<BlockEvents | undefined>
  /** Height of a block, or height a receipt was anchored at. */
  heightOf(id: string): Promise<bigint | undefined>
  /** Heights whose events are about `subject`, ascending; empty when it is no longer indexed. */
  heightsOf(subject: string): readonly bigint[]
  /** Newest first. */
  slashes(): readonly SlashLine[]
}

export interface BlobReads {
  get(digest: Uint8Array): Promise<Uint8Array | undefined>
}

export interface Queries {
  readonly ledger: Ledger
  readonly pool: Mempool
  readonly history: History
  readonly blobs: BlobReads
  info(): NodeInfo
  peers(): readonly PeerInfo[]
  /** Why there are no peers, in words; undefined while there are some. */
  peersReason(): string | undefined
  consensus(): ConsensusStatus
  sync(): SyncStatus
}
