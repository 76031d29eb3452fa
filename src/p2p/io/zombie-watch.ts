/**
 * Hangs up on peers that are connected but can no longer be gossiped with.
 *
 * Gossipsub opens one outbound stream to a peer and never another; when that stream is lost, by a
 * full buffer or a frame too long, the peer stays connected and in the mesh and hears nothing. So
 * does a peer whose inbound stream broke. Closing the connection lets either side start afresh.
 *
 *   connected, no stream yet --grace--> hung up
 *   stream was there, is gone --------> hung up at once
 *   bytes wait, none leaves --stall---> hung up
 *   gossip score beyond the graylist -> hung up and banned
 */

import type { Libp2p } from 'libp2p'

import type { PeerId } from '../../runtime/ports.ts'
import { GRAYLIST_BELOW } from './gossip-score.ts'

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
  readonly streamsOutbound: Map<string, unknown>
  readonly score: { score(peer: string): number }
}

interface Watched {
  readonly sinceMs: number
  unsentBytes: number
  movedMs: number
}

/** Starts watching; the returned function stops. `hangUp` is told why. */
export function watchZombies(
  host: Libp2p,
  gossip: GossipStreams,
  hangUp: (peer: PeerId, reason: string) => void,
): () => void {
  onLost(gossip.streamsOutbound, (peer) => {
    const connected = host.getPeers().some((candidate) => candidate.toString() === peer)
    if (connected && !gossip.streamsOutbound.has(peer)) hangUp(peer, 'gossip_stream_lost')
  })
  const watched = new Map<PeerId, Watched>()
  const timer = setInterval(() => {
    const nowMs = performance.now()
    const connected = new Set(host.getPeers().map((peer) => peer.toString()))
    for (const peer of watched.keys()) if (!connected.has(peer)) watched.delete(peer)
    for (const peer of connected) {
      const entry = watched.get(peer) ?? {
        sinceMs: nowMs,
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

/** Tells of each stream that gossipsub drops, after the turn in which it drops it. */
function onLost(streams: Map<string, unknown>, tell: (peer: PeerId) => void): void {
  const remove = streams.delete.bind(streams)
  streams.delete = (peer) => {
    const had = remove(peer)
    if (had) setImmediate(() => tell(peer))
    return had
  }
}

function judge(
  entry: Watched,
  gossip: GossipStreams,
  peer: PeerId,
  nowMs: number,
): string | undefined {
  const outbound = gossip.streamsOutbound.get(peer)
  if (outbound === undefined || !gossip.peers.has(peer)) {
    return nowMs - entry.sinceMs > GRACE_MS ? 'gossip_never_opened' : undefined
  }
  if (gossip.score.score(peer) < GRAYLIST_BELOW) return 'gossip_graylisted'
  const unsentBytes =
    (outbound as { readonly rawStream?: RawStream }).rawStream?.writeBufferLength ?? 0
  if (unsentBytes === 0 || unsentBytes < entry.unsentBytes) entry.movedMs = nowMs
  entry.unsentBytes = unsentBytes
  return nowMs - entry.movedMs > STALL_MS ? 'gossip_stalled' : undefined
}
