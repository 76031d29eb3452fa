/**
 * How hard the peer stack bounds its peers, as data: one table for each kind of network.
 *
 * `devnet` runs many nodes on one machine, so nothing is counted by address and bursts of
 * connections are welcome; `testnet` meets strangers.
 */

export type PeerProfileName = 'devnet' | 'testnet'

export interface PeerProfile {
  readonly heartbeatMs: number
  /** Heartbeats for which a message stays relayable; a verdict later than that relays nothing. */
  readonly historyHeartbeats: number
  readonly peersTarget: number
  readonly connectionsMax: number
  /** New connections a second from one address. */
  readonly inboundConnectionsPerSec: number
  readonly pendingConnectionsMax: number
  /** What one peer may send on gossip, refilled steadily; welcome consensus bytes are given back. */
  readonly gossipBytesPerSec: number
  readonly gossipBurstBytes: number
  /** Weight of the penalty for many peers behind one address; 0 switches it off. */
  readonly colocationWeight: number
  readonly colocationThreshold: number
  readonly redialFirstMs: number
  readonly redialLastMs: number
  /** Between two questions for more peers while fewer than the target are connected. */
  readonly discoverEveryMs: number
  /** After a connection opens, how long its peer may take to say its status. */
  readonly handshakeMs: number
  /** After this long a verdict is no longer awaited and the message is ignored. */
  readonly verdictMs: number
  /** Whether addresses of private networks and of this machine may be learnt from others. */
  readonly learnPrivateAddresses: boolean
}

const KIB = 1024
const MIB = 1024 * KIB

export const PROFILES: Readonly<Record<PeerProfileName, PeerProfile>> = {
  devnet: {
    heartbeatMs: 500,
    historyHeartbeats: 16,
    peersTarget: 16,
    connectionsMax: 128,
    inboundConnectionsPerSec: 200,
    pendingConnectionsMax: 100,
    gossipBytesPerSec: MIB,
    gossipBurstBytes: 4 * MIB,
    colocationWeight: 0,
    colocationThreshold: 10,
    redialFirstMs: 250,
    redialLastMs: 10_000,
    discoverEveryMs: 1_000,
    handshakeMs: 10_000,
    verdictMs: 8_000,
    learnPrivateAddresses: true,
  },
  testnet: {
    heartbeatMs: 1_000,
    historyHeartbeats: 10,
    peersTarget: 24,
    connectionsMax: 100,
    inboundConnectionsPerSec: 5,
    pendingConnectionsMax: 10,
    gossipBytesPerSec: 100_000,
    gossipBurstBytes: 2 * MIB,
    colocationWeight: -100,
    colocationThreshold: 5,
    redialFirstMs: 1_000,
    redialLastMs: 60_000,
    discoverEveryMs: 15_000,
    handshakeMs: 15_000,
    verdictMs: 10_000,
    learnPrivateAddresses: false,
  },
}

/** Bytes queued for one gossip peer before it is hung up on. */
export const OUTBOUND_BUFFER_BYTES_MAX: number = 8 * MIB
/** The longest gossip frame that is decoded. */
export const INBOUND_FRAME_BYTES_MAX: number = MIB
/** Bytes of one stream handled in one turn of the event loop. */
export const BYTES_PER_TURN: number = 256 * KIB
/** Gossip messages that wait for their verdict at once, all topics together. */
export const VERDICTS_PENDING_MAX = 4096
/** Of those, places only consensus and evidence may take. */
export const VERDICTS_RESERVED = 1024
/** Yamux windows: the first is also how much a paused stream may still receive. */
export const STREAM_WINDOW_FIRST_BYTES: number = 256 * KIB
export const STREAM_WINDOW_LAST_BYTES: number = MIB
/** Open streams of one connection, all protocols together. */
export const STREAMS_PER_CONNECTION_MAX = 128

/** Finite limits on what one gossip frame may hold. */
export const DECODE_LIMITS = {
  maxSubscriptions: 64,
  maxMessages: 256,
  maxIhaveMessageIDs: 1000,
  maxIwantMessageIDs: 1000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 64,
  maxPeerInfos: 16,
} as const
