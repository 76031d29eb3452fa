/**
 * Finding peers: the bootstrap list, the peers met before, and what peers tell of one another.
 *
 *   bootstrap, peer file --dial--> peer --`peers` request--> signed records --checked--> known
 *                           ^                                                             |
 *                           `------------------- due, while below the target <-----------'
 *
 * A record counts only if the peer it speaks of signed it, so nobody can send us to an address in
 * another's name. Knowing one honest node is enough to find all. "No peers" is said with a reason.
 */

import { randomInt } from 'node:crypto'

import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { isLoopback, isPrivate } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'

import { decode, encode } from '../../base/codec.ts'
import type { Blame, Logger, PeerId } from '../../runtime/ports.ts'
import { KnownPeers, OTHER_CHAIN_MS } from '../known-peers.ts'
import type { PeerProfile } from '../profiles.ts'
import { PEER_RECORD_BYTES_MAX, PEER_RECORDS_MAX, PeersBody } from '../protocols.ts'
import { readPeerFile, writePeerFile } from './peer-file.ts'
import type { Streams } from './streams.ts'

const DIALS_AT_ONCE_MAX = 4
const SAVE_EVERY_MS = 10_000
const SAY_ALONE_EVERY_MS = 30_000
const SAY_ALONE_FIRST_MS = 3_000

export interface DiscoveryOptions {
  readonly host: Libp2p
  readonly streams: Streams
  readonly profile: PeerProfile
  readonly bootstrap: readonly string[]
  /** JSON file of peers met; none when undefined. */
  readonly peersPath: string | undefined
  readonly logger: Logger
  readonly blame: (peer: PeerId, blame: Blame, code: string) => void
  /** Peers whose handshake is complete. */
  readonly ready: () => readonly PeerId[]
}

export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #known: KnownPeers
  readonly #dialing = new Set<string>()
  /** Peer behind a bootstrap address that names none, once it has been dialled. */
  readonly #behind = new Map<string, PeerId>()
  readonly #timers: NodeJS.Timeout[] = []
  #lastFailure = 'no address has been tried yet'
  #asking = false
  #closed = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
    const { redialFirstMs, redialLastMs } = options.profile
    const below = (bound: number): number => randomInt(bound)
    this.#known = new KnownPeers({ firstMs: redialFirstMs, lastMs: redialLastMs, below })
  }

  async start(): Promise<void> {
    const { bootstrap, peersPath, profile, streams, host } = this.#options
    for (const address of bootstrap) {
      this.#known.learn(idIn(address) ?? address, [address], 0n, { fixed: true })
    }
    if (peersPath !== undefined) {
      for (const { id, addresses } of await readPeerFile(peersPath)) {
        this.#known.learn(id, addresses, 0n, { reached: true })
      }
    }
    await streams.serve('peers', (from, request, answer) => {
      this.#records(from, decode(PeersBody, request).count).then(
        (chunks) => answer({ chunks }),
        () => answer({ chunks: [] }),
      )
    })
    host.addEventListener('peer:connect', () => this.#tick())
    this.#every(profile.redialFirstMs, () => this.#tick())
    this.#every(profile.discoverEveryMs, () => this.#askOne())
    this.#every(SAY_ALONE_EVERY_MS, () => this.#sayIfAlone())
    this.#timers.push(setTimeout(() => this.#sayIfAlone(), SAY_ALONE_FIRST_MS).unref())
    if (peersPath !== undefined) this.#every(SAVE_EVERY_MS, () => void this.#save())
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#save()
  }

  /** A peer said its status on our chain: remember it, and ask it for others. */
  welcomed(peer: PeerId): void {
    this.#known.reached(peer)
    void this.#remember(peer)
    void this.#ask(peer)
  }

  otherChain(peer: PeerId): void {
    this.#lastFailure = 'the peers that answered follow another chain'
    this.#known.avoid(peer, performance.now() + OTHER_CHAIN_MS)
    for (const [address, id] of this.#behind) {
      if (id === peer) this.#known.avoid(address, performance.now() + OTHER_CHAIN_MS)
    }
  }

  /** Why nobody is connected, in words for the operator. */
  whyAlone(): string {
    if (this.#known.size === 0) return 'no bootstrap address is set and no peer was met before'
    return `${this.#known.size} known, last attempt: ${this.#lastFailure}`
  }

  #every(periodMs: number, act: () => void): void {
    this.#timers.push(setInterval(act, periodMs).unref())
  }

  #tick(): void {
    const { host, profile } = this.#options
    const connected = new Set(host.getPeers().map((peer) => peer.toString()))
    if (this.#closed || connected.size >= profile.peersTarget) return
    const skip = (id: string): boolean =>
      this.#dialing.has(id) ||
      connected.has(id) ||
      connected.has(this.#behind.get(id) ?? '') ||
      id === host.peerId.toString()
    const room = DIALS_AT_ONCE_MAX - this.#dialing.size
    for (const { id, addresses } of this.#known.due(performance.now(), skip, Math.max(0, room))) {
      void this.#dial(id, addresses)
    }
  }

  async #dial(id: string, addresses: readonly string[]): Promise<void> {
    this.#dialing.add(id)
    try {
      const targets = addresses.map((address) => withId(address, id))
      const connection = await this.#options.host.dial(targets)
      this.#behind.set(id, connection.remotePeer.toString())
      this.#known.reached(id)
    } catch (error) {
      this.#lastFailure = String((error as Error).message).slice(0, 200)
      this.#known.failed(id, performance.now())
    } finally {
      this.#dialing.delete(id)
    }
  }

  #askOne(): void {
    const { ready, profile } = this.#options
    const peers = ready()
    const peer = peers.length === 0 ? undefined : peers[randomInt(peers.length)]
    if (peer !== undefined && peers.length < profile.peersTarget) void this.#ask(peer)
  }

  async #ask(peer: PeerId): Promise<void> {
    if (this.#asking || this.#closed) return
    this.#asking = true
    try {
      const request = encode(PeersBody, { count: PEER_RECORDS_MAX })
      const answer = await this.#options.streams.ask(peer, 'peers', request, 5_000)
      if (answer.kind !== 'answer') return
      for (const envelope of answer.chunks) await this.#takeRecord(peer, envelope)
      this.#tick()
    } finally {
      this.#asking = false
    }
  }

  async #takeRecord(from: PeerId, envelope: Uint8Array): Promise<void> {
    const record = await openRecord(envelope)
    if (record === undefined) {
      this.#options.blame(from, 'mid', 'peer_record_invalid')
      return
    }
    const { learnPrivateAddresses } = this.#options.profile
    const addresses = record.multiaddrs
      .filter((address) => isUsable(address, learnPrivateAddresses))
      .map((address) => address.toString())
    this.#known.learn(record.peerId.toString(), addresses, record.seqNumber)
  }

  /** What identify told of a connected peer, signed by itself. */
  async #envelope(peer: PeerId): Promise<Uint8Array | undefined> {
    const { host } = this.#options
    const id = host.getPeers().find((candidate) => candidate.toString() === peer)
    if (id === undefined) return undefined
    const stored = await host.peerStore.get(id)
    const envelope = stored.peerRecordEnvelope
    return envelope !== undefined && envelope.length <= PEER_RECORD_BYTES_MAX ? envelope : undefined
  }

  async #remember(peer: PeerId): Promise<void> {
    const envelope = await this.#envelope(peer).catch(() => undefined)
    if (envelope !== undefined) await this.#takeRecord(peer, envelope)
    this.#known.reached(peer)
  }

  async #records(asker: PeerId, count: number): Promise<readonly Uint8Array[]> {
    const records: Uint8Array[] = []
    for (const peer of shuffled(this.#options.ready())) {
      if (records.length >= count) break
      if (peer === asker) continue
      const envelope = await this.#envelope(peer).catch(() => undefined)
      if (envelope !== undefined) records.push(envelope)
    }
    return records
  }

  #sayIfAlone(): void {
    if (this.#closed || this.#options.ready().length > 0) return
    this.#options.logger.warn('p2p_no_peers', { peers: 0, because: this.whyAlone() })
  }

  async #save(): Promise<void> {
    const { peersPath, logger } = this.#options
    if (peersPath === undefined) return
    const peers = this.#known
      .all()
      .filter(({ reached, id }) => reached && !id.startsWith('/'))
      .map(({ id, addresses }) => ({ id, addresses: [...addresses] }))
    try {
      await writePeerFile(peersPath, peers)
    } catch (error) {
      logger.warn('p2p_peer_file_unwritable', { reason: String((error as Error).message) })
    }
  }
}

/** The record in an envelope, or undefined unless the peer it speaks of signed it. */
export async function openRecord(envelope: Uint8Array): Promise<PeerRecord | undefined> {
  try {
    const opened = await RecordEnvelope.openAndCertify(envelope, PeerRecord.DOMAIN)
    const record = PeerRecord.createFromProtobuf(opened.payload)
    return record.peerId.equals(peerIdFromPublicKey(opened.publicKey)) ? record : undefined
  } catch {
    return undefined
  }
}

function isUsable(address: Multiaddr, learnPrivate: boolean): boolean {
  const text = address.toString()
  if (!/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+/.test(text) || text.length > 256) return false
  return learnPrivate || !(isPrivate(address) || isLoopback(address))
}

function idIn(address: string): PeerId | undefined {
  return /\/p2p\/([A-Za-z0-9]+)$/.exec(address)?.[1]
}

function withId(address: string, id: string): Multiaddr {
  const named = address.includes('/p2p/') || id.startsWith('/') ? address : `${address}/p2p/${id}`
  return multiaddr(named)
}

function shuffled<Value>(values: readonly Value[]): Value[] {
  const out = [...values]
  for (let index = out.length - 1; index > 0; index--) {
    const other = randomInt(index + 1)
    const held = out[index] as Value
    out[index] = out[other] as Value
    out[other] = held
  }
  return out
}
