/**
 * The status handshake: who follows our chain is welcome, who does not is told so and hung up on.
 *
 *   connected --status both ways--> ready
 *       |-- other genesis --> goodbye(wrong_genesis), closed
 *       `-- silent too long -> goodbye(fault), closed
 *
 * A peer counts as a peer only once it is ready.
 */

import type { Libp2p } from 'libp2p'

import { equalBytes, toHex } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { attempt, refusal } from '../../base/refusal.ts'
import type { Blame, Logger, PeerId } from '../../runtime/ports.ts'
import {
  GOODBYE_CODES,
  GoodbyeBody,
  type GoodbyeName,
  type Status,
  StatusBody,
} from '../protocols.ts'
import type { Serve, Streams } from './streams.ts'

const ATTEMPTS_MAX = 3
const RETRY_MS = 500
const GOODBYE_MS = 1_000

export interface HandshakeOptions {
  readonly host: Libp2p
  readonly streams: Streams
  readonly genesisHash: Uint8Array
  readonly handshakeMs: number
  readonly logger: Logger
  /** Our own status, encoded. */
  readonly status: () => Uint8Array
  readonly onStatus: (peer: PeerId, bytes: Uint8Array) => void
  readonly onReady: (peer: PeerId) => void
  readonly onOtherChain: (peer: PeerId) => void
  readonly onGone: (peer: PeerId) => void
  readonly blame: (peer: PeerId, blame: Blame, code: string) => void
}

export class Handshake {
  readonly #options: HandshakeOptions
  readonly #ready = new Set<PeerId>()
  readonly #waiting = new Map<PeerId, NodeJS.Timeout>()
  #answer: Serve | undefined

  constructor(options: HandshakeOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { host, streams, logger, status } = this.#options
    await streams.serve('status', (from, request, answer) => {
      if (!this.#heard(from, request)) return answer({ refusal: refusal('wrong_genesis') })
      if (this.#answer !== undefined) this.#answer(from, request, answer)
      else answer({ chunks: [status()] })
    })
    await streams.serve('goodbye', (from, request, answer) => {
      const { code } = decode(GoodbyeBody, request)
      logger.info('p2p_goodbye_heard', { peer: from, code })
      if (code === GOODBYE_CODES.wrong_genesis) this.#options.onOtherChain(from)
      answer({ chunks: [] })
    })
    host.addEventListener('peer:connect', ({ detail }) => this.#connected(detail.toString()))
    host.addEventListener('peer:disconnect', ({ detail }) => this.#gone(detail.toString()))
  }

  stop(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
  }

  /** Lets the engine answer status requests itself; the genesis is still checked here. */
  answerWith(serve: Serve): void {
    this.#answer = serve
  }

  ready(): readonly PeerId[] {
    return [...this.#ready]
  }

  /** Says goodbye, if it can be said quickly, and closes all connections to the peer. */
  async dismiss(peer: PeerId, why: GoodbyeName): Promise<void> {
    const { host, streams, logger } = this.#options
    const id = host.getPeers().find((candidate) => candidate.toString() === peer)
    if (id === undefined) return
    logger.info('p2p_goodbye_said', { peer, why })
    await streams.ask(
      peer,
      'goodbye',
      encode(GoodbyeBody, { code: GOODBYE_CODES[why] }),
      GOODBYE_MS,
    )
    await host.hangUp(id, { signal: AbortSignal.timeout(GOODBYE_MS) }).catch(() => {
      for (const connection of host.getConnections(id)) connection.abort(new Error(why))
    })
  }

  #connected(peer: PeerId): void {
    const { handshakeMs } = this.#options
    this.#gone(peer)
    const timer = setTimeout(() => {
      this.#waiting.delete(peer)
      void this.dismiss(peer, 'fault')
    }, handshakeMs)
    timer.unref()
    this.#waiting.set(peer, timer)
    void this.#greet(peer)
  }

  async #greet(peer: PeerId): Promise<void> {
    const { streams, status, handshakeMs } = this.#options
    for (let tries = 0; tries < ATTEMPTS_MAX; tries++) {
      const answer = await streams.ask(peer, 'status', status(), handshakeMs)
      if (answer.kind === 'refused') return this.#otherChain(peer, 'said by the peer')
      const [bytes] = answer.kind === 'answer' ? answer.chunks : []
      if (bytes !== undefined) {
        this.#heard(peer, bytes)
        return
      }
      if (!this.#waiting.has(peer)) return
      await new Promise((wake) => setTimeout(wake, RETRY_MS).unref())
    }
  }

  /** Judges a status; true when the peer follows our chain. */
  #heard(peer: PeerId, bytes: Uint8Array): boolean {
    const parsed = attempt<Status>(() => decode(StatusBody, bytes))
    if ('refused' in parsed) {
      this.#options.blame(peer, 'mid', 'status_malformed')
      return false
    }
    if (!equalBytes(parsed.value.genesisHash, this.#options.genesisHash)) {
      this.#otherChain(peer, toHex(parsed.value.genesisHash.subarray(0, 4)))
      return false
    }
    clearTimeout(this.#waiting.get(peer))
    this.#waiting.delete(peer)
    const isNew = !this.#ready.has(peer) && this.#isConnected(peer)
    if (isNew) this.#ready.add(peer)
    this.#options.onStatus(peer, bytes)
    if (isNew) this.#options.onReady(peer)
    return true
  }

  #otherChain(peer: PeerId, theirs: string): void {
    const { logger, genesisHash, onOtherChain } = this.#options
    const ours = toHex(genesisHash.subarray(0, 4))
    logger.warn('p2p_wrong_genesis', { peer, ours, theirs })
    onOtherChain(peer)
    void this.dismiss(peer, 'wrong_genesis')
  }

  #isConnected(peer: PeerId): boolean {
    return this.#options.host.getPeers().some((candidate) => candidate.toString() === peer)
  }

  #gone(peer: PeerId): void {
    clearTimeout(this.#waiting.get(peer))
    this.#waiting.delete(peer)
    if (this.#ready.delete(peer)) this.#options.onGone(peer)
  }
}
