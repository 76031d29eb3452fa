/**
 * The network port over libp2p: TCP, Noise, Yamux, judged gossip, bounded streams, discovery.
 *
 *                     .-- JudgedGossip -- InboundGuard -- gossipsub
 *   Network port -----+-- Streams (status, blocks, votes, push, blob, ...)
 *                     +-- Handshake --> who is a peer
 *                     +-- Discovery --> whom to dial
 *                     `-- PeerScores, ZombieWatch --> whom to hang up on
 *
 * Everything a peer can make grow has a bound: src/p2p/profiles.ts and protocols.ts name them.
 */

import './polyfill.ts'

import { identify } from '@libp2p/identify'
import type { PeerId as Libp2pPeerId, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'

import { assert } from '../../base/assert.ts'
import { type Refusal, refuse } from '../../base/refusal.ts'
import type { DurationMs } from '../../base/time.ts'
import type { Blame, Logger, Meter, Network, PeerId, Topic } from '../../runtime/ports.ts'
import { contextOf } from '../answers.ts'
import { goodbyeFor, PeerScores } from '../peer-score.ts'
import { type PeerProfile, type PeerProfileName, PROFILES } from '../profiles.ts'
import { type BlobReader, type BlobSink, fetchBlob, serveBlobs } from './blobs.ts'
import { Discovery } from './discovery.ts'
import { type GossipService, gossipService, JudgedGossip } from './gossip.ts'
import { Handshake } from './handshake.ts'
import { loadIdentity } from './identity.ts'
import { InboundGuard } from './inbound-guard.ts'
import { boundedYamux } from './muxer.ts'
import { Streams } from './streams.ts'
import { watchZombies } from './zombie-watch.ts'

export interface Libp2pNetworkOptions {
  readonly chainId: string
  /** 32 bytes; compared in full with every peer's. */
  readonly genesisHash: Uint8Array
  readonly profile: PeerProfileName | PeerProfile
  /** Multiaddrs to listen on; port 0 lets the system choose. */
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  /** File of the identity key, or a key (tests, simulation). */
  readonly identity: string | PrivateKey
  /** File of the peers met before; none is kept when absent. */
  readonly peersPath?: string
  /** Our status for the handshake, encoded as StatusBody. */
  readonly status: () => Uint8Array
  /** Called with the status of each peer, whenever one is heard. */
  readonly onStatus?: (peer: PeerId, bytes: Uint8Array) => void
  /** P5: positive for peers with stake or a role. */
  readonly appScore?: (peer: PeerId) => number
  readonly logger: Logger
  readonly meter: Meter
  /** Beside TCP; the interoperability test adds websockets. */
  readonly extraTransports?: NonNullable<Libp2pOptions['transports']>
  /** Names of another network's topics to join without judging them; that test's as well. */
  readonly extraTopics?: readonly string[]
}

export interface ConnectedPeer {
  readonly id: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly ready: boolean
  /** Between -100 and 0. */
  readonly score: number
  readonly gossipScore: number
}

export interface Libp2pNetwork extends Network {
  readonly addresses: readonly string[]
  readonly host: Libp2p
  dial(address: string): Promise<void>
  close(): Promise<void>
  peers(): readonly ConnectedPeer[]
  /** Why nobody is connected, in words. */
  whyAlone(): string
  meshSize(topic: Topic): number
  serveBlobs(reader: BlobReader): void
  /** Whole and checked in `sink` when undefined; the refusal otherwise. */
  fetchBlob(
    digest: Uint8Array,
    lengthBytes: number,
    peers: readonly PeerId[],
    sink: BlobSink,
    deadline: DurationMs,
  ): Promise<Refusal | undefined>
}

/** @throws RefusalError listen_failed | identity_key_unreadable. */
export async function openLibp2pNetwork(options: Libp2pNetworkOptions): Promise<Libp2pNetwork> {
  assert(options.genesisHash.length === 32, 'a genesis hash is 32 bytes')
  const { identity } = options
  const key = typeof identity === 'string' ? await loadIdentity(identity) : identity
  const node = new Node(options)
  await node.start(key)
  return node.network()
}

class Node {
  readonly #options: Libp2pNetworkOptions
  readonly #profile: PeerProfile
  readonly #guard: InboundGuard
  readonly #scores = new PeerScores()
  #host: Libp2p | undefined
  #gossip: JudgedGossip | undefined
  #service: GossipService | undefined
  #streams: Streams | undefined
  #handshake: Handshake | undefined
  #discovery: Discovery | undefined
  #stopWatch: () => void = () => {}
  #onPeers: (peers: readonly PeerId[]) => void = () => {}

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options
    const { profile } = options
    this.#profile = typeof profile === 'string' ? PROFILES[profile] : profile
    this.#guard = new InboundGuard(this.#profile, options.meter)
  }

  async start(key: PrivateKey): Promise<void> {
    const { chainId, genesisHash, meter, logger } = this.#options
    const host = await createLibp2p({ ...this.#hostOptions(key), start: false })
    const { pubsub: service } = host.services as { readonly pubsub: GossipService }
    const blame = (peer: PeerId, kind: Blame, code: string): void => this.blame(peer, kind, code)
    const streams = new Streams({ host, chainId, context: contextOf(genesisHash), meter, blame })
    const gossip = new JudgedGossip(service, {
      chainId,
      profile: this.#profile,
      guard: this.#guard,
      meter,
    })
    const discovery = new Discovery({
      host,
      streams,
      profile: this.#profile,
      bootstrap: this.#options.bootstrap,
      peersPath: this.#options.peersPath,
      logger,
      blame,
      ready: () => this.#handshake?.ready() ?? [],
    })
    const handshake = this.#makeHandshake(host, streams, discovery)
    this.#host = host
    this.#service = service
    this.#streams = streams
    this.#gossip = gossip
    this.#handshake = handshake
    this.#discovery = discovery
    await handshake.start()
    await this.#listen(host)
    gossip.start(this.#options.extraTopics ?? [])
    await discovery.start()
    this.#stopWatch = watchZombies(host, service, (peer, reason) => this.#cut(peer, reason))
  }

  network(): Libp2pNetwork {
    const { host, streams, gossip, handshake, discovery } = this.#parts()
    return {
      self: host.peerId.toString(),
      host,
      addresses: host.getMultiaddrs().map((address) => address.toString()),
      publish: (topic, bytes, manner) => gossip.publish(topic, bytes, manner),
      onGossip: (listen) => gossip.listen(listen),
      request: (peer, protocol, bytes, deadline, done) => {
        void streams.ask(peer, protocol, bytes, deadline).then(done)
      },
      onRequest: (protocol, serve) => {
        if (protocol === 'status') handshake.answerWith(serve)
        else void streams.serve(protocol, serve)
      },
      onPeers: (listen) => {
        this.#onPeers = listen
      },
      report: (peer, blame, code) => this.blame(peer, blame, code),
      dial: async (address) => {
        await host.dial(multiaddr(address))
      },
      close: () => this.#close(),
      peers: () => this.#peers(),
      whyAlone: () => discovery.whyAlone(),
      meshSize: (topic) => gossip.meshSize(topic),
      serveBlobs: (reader) => {
        void serveBlobs(this.#blobOptions(streams), reader)
      },
      fetchBlob: (digest, lengthBytes, peers, sink, deadline) => {
        const fetch = { digest, lengthBytes, peers, deadlineMs: deadline }
        return fetchBlob(this.#blobOptions(streams), fetch, sink)
      },
    }
  }

  blame(peer: PeerId, blame: Blame, code: string): void {
    const standing = this.#scores.blame(peer, blame, performance.now())
    this.#options.meter.add('p2p_blames_total', 1, { blame, code })
    this.#options.logger.info('p2p_blamed', { peer, blame, code, standing })
    const goodbye = goodbyeFor(standing)
    if (goodbye === undefined) return
    this.#options.meter.add('p2p_hangups_total', 1, { reason: goodbye })
    void this.#handshake?.dismiss(peer, goodbye)
  }

  #hostOptions(key: PrivateKey): Libp2pOptions {
    const { listen, extraTransports, extraTopics, chainId } = this.#options
    const profile = this.#profile
    return {
      privateKey: key,
      addresses: { listen: [...listen] },
      transports: [tcp({ backlog: 128 }), ...(extraTransports ?? [])],
      connectionEncrypters: [noise()],
      streamMuxers: [boundedYamux()],
      connectionManager: {
        maxConnections: profile.connectionsMax,
        inboundConnectionThreshold: profile.inboundConnectionsPerSec,
        maxIncomingPendingConnections: profile.pendingConnectionsMax,
        maxParallelDials: 16,
        maxDialQueueLength: 64,
        dialTimeout: 5_000,
        // Discovery redials by its own rules.
        reconnectRetries: 0,
      },
      connectionGater: {
        denyDialPeer: (peer) => this.#isBanned(peer),
        denyInboundEncryptedConnection: (peer) => this.#isBanned(peer),
        denyDialMultiaddr: () => false,
      },
      services: {
        identify: identify({ maxMessageSize: 8192 }),
        ping: ping({ maxInboundStreams: 2 }),
        pubsub: gossipService({
          chainId,
          extraTopics: extraTopics ?? [],
          profile,
          guard: this.#guard,
          appScore: (peer) => this.#appScore(peer),
        }),
      },
    }
  }

  #makeHandshake(host: Libp2p, streams: Streams, discovery: Discovery): Handshake {
    const { genesisHash, logger, status, onStatus } = this.#options
    return new Handshake({
      host,
      streams,
      genesisHash,
      handshakeMs: this.#profile.handshakeMs,
      logger,
      status,
      onStatus: onStatus ?? (() => {}),
      onReady: (peer) => {
        discovery.welcomed(peer)
        this.#peersChanged()
      },
      onOtherChain: (peer) => discovery.otherChain(peer),
      onGone: () => this.#peersChanged(),
      blame: (peer, kind, code) => this.blame(peer, kind, code),
    })
  }

  async #listen(host: Libp2p): Promise<void> {
    try {
      await host.start()
    } catch (error) {
      await Promise.resolve(host.stop()).catch(() => {})
      refuse('listen_failed', {
        addresses: this.#options.listen.join(' '),
        reason: String((error as Error).message).slice(0, 200),
      })
    }
  }

  #appScore(peer: PeerId): number {
    const ours = this.#scores.score(peer, performance.now())
    return 10 * ours + (this.#options.appScore?.(peer) ?? 0)
  }

  #isBanned(peer: Libp2pPeerId): boolean {
    return this.#scores.standing(peer.toString(), performance.now()) === 'ban'
  }

  #peersChanged(): void {
    const ready = this.#handshake?.ready() ?? []
    this.#options.meter.set('p2p_peers', ready.length)
    this.#onPeers(ready)
  }

  /** Closes the connections at once: the peer does not read, so a goodbye would wait for ever. */
  #cut(peer: PeerId, reason: string): void {
    this.#options.meter.add('p2p_hangups_total', 1, { reason })
    this.#options.logger.warn('p2p_hung_up', { peer, reason })
    if (reason === 'gossip_graylisted') this.blame(peer, 'fatal', reason)
    for (const connection of this.#parts().host.getConnections()) {
      if (connection.remotePeer.toString() === peer) connection.abort(new Error(reason))
    }
  }

  #peers(): readonly ConnectedPeer[] {
    const { host, handshake } = this.#parts()
    const ready = new Set(handshake.ready())
    const seen = new Map<PeerId, ConnectedPeer>()
    for (const { remotePeer, remoteAddr, direction } of host.getConnections()) {
      const id = remotePeer.toString()
      seen.set(id, {
        id,
        address: remoteAddr.toString(),
        direction,
        ready: ready.has(id),
        score: this.#scores.score(id, performance.now()),
        gossipScore: this.#service?.score.score(id) ?? 0,
      })
    }
    return [...seen.values()]
  }

  #blobOptions(streams: Streams): Parameters<typeof fetchBlob>[0] {
    return {
      streams,
      context: contextOf(this.#options.genesisHash),
      meter: this.#options.meter,
      blame: (peer, kind, code) => this.blame(peer, kind, code),
    }
  }

  #parts(): {
    readonly host: Libp2p
    readonly streams: Streams
    readonly gossip: JudgedGossip
    readonly handshake: Handshake
    readonly discovery: Discovery
  } {
    const host = this.#host
    const streams = this.#streams
    const gossip = this.#gossip
    const handshake = this.#handshake
    const discovery = this.#discovery
    assert(host !== undefined && streams !== undefined, 'the node has started')
    assert(gossip !== undefined && handshake !== undefined, 'the node has started')
    assert(discovery !== undefined, 'the node has started')
    return { host, streams, gossip, handshake, discovery }
  }

  async #close(): Promise<void> {
    const { host, gossip, handshake, discovery } = this.#parts()
    this.#stopWatch()
    this.#onPeers = () => {}
    gossip.stop()
    handshake.stop()
    await discovery.stop()
    await host.stop()
  }
}
