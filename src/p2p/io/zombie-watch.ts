/**
 * Hangs up on peers that are connected but can no longer be gossiped with.
 *
 * Gossipsub opens one outbound stream to a peer and never another; when that stream is lost, by a
 * full buffer or a frame too long, the peer stays connected and in the mesh and hears nothing. So
 * does a peer whose inbound stream broke. Closing the connection lets either side start afresh.
 *
 *   connected, no stream yet --grace--> hung up
 *   stream was there, is gone --------> hung up
 *   bytes wait, none leaves --stall---> hung up
 */

import type { Libp2p } from 'libp2p'

import type { PeerId } from '../../runtime/ports.ts'

const LOOK_EVERY_MS = 500
/** A new connection has this long to open its gossip stream. */
const GRACE_MS = 10_000
/** Bytes may wait this long without one of them leaving. */
const STALL_MS = 20_000

interface RawStream {
  readonly writeBufferLength: number
}

/** The inside of gossipsub that tells whether a peer can still be reached. */
export interface GossipStreams {
  readonly peers: ReadonlyMap<string, unknown>
  readonly streamsOutbound: ReadonlyMap<string, unknown>
}

interface Watched {
  readonly sinceMs: number
  hadStream: boolean
  unsentBytes: number
  movedMs: number
}

/** Starts watching; the returned function stops. `hangUp` is told why. */
export function watchZombies(
  host: Libp2p,
  gossip: GossipStreams,
  hangUp: (peer: PeerId, reason: string) => void,
): () => void {
  const watched = new Map<PeerId, Watched>()
  const timer = setInterval(() => {
    const nowMs = performance.now()
    const connected = new Set(host.getPeers().map((peer) => peer.toString()))
    for (const peer of watched.keys()) if (!connected.has(peer)) watched.delete(peer)
    for (const peer of connected) {
      const entry = watched.get(peer) ?? {
        sinceMs: nowMs,
        hadStream: false,
        unsentBytes: 0,
        movedMs: nowMs,
      }
      watched.set(peer, entry)
      const reason = judge(entry, gossip, peer, nowMs)
      if (reason === undefined) continue
      watched.delete(peer)
      hangUp(peer, reason)
    }
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function judge(
  entry: Watched,
  gossip: GossipStreams,
  peer: PeerId,
  nowMs: number,
): string | undefined {
  const outbound = gossip.streamsOutbound.get(peer)
  if (outbound === undefined || !gossip.peers.has(peer)) {
    if (entry.hadStream) return 'gossip_stream_lost'
    return nowMs - entry.sinceMs > GRACE_MS ? 'gossip_never_opened' : undefined
  }
  entry.hadStream = true
  const unsentBytes =
    (outbound as { readonly rawStream?: RawStream }).rawStream?.writeBufferLength ?? 0
  if (unsentBytes === 0 || unsentBytes < entry.unsentBytes) entry.movedMs = nowMs
  entry.unsentBytes = unsentBytes
  return nowMs - entry.movedMs > STALL_MS ? 'gossip_stalled' : undefined
}
