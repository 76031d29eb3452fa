/**
 * Holds gossip peers to a budget before gossipsub buffers what they send.
 *
 * Gossipsub reads its streams through a queue without a bound, so one peer that sends faster than
 * we judge fills the memory. The guard stands around the registrar that gossipsub is given, so it
 * sees each inbound stream first, and pauses it
 *   - for the rest of the turn, once a turn has brought BYTES_PER_TURN;
 *   - for as long as the peer's budget is overdrawn.
 * A paused stream sends no window updates: the sender itself is held, at one window of bytes.
 *
 * The budget belongs to the peer, not to the stream, so opening new streams gains nothing.
 */

import type { Connection, Stream, StreamHandler, StreamMessageEvent } from '@libp2p/interface'

import type { Meter, PeerId } from '../../runtime/ports.ts'
import { BYTES_PER_TURN, type PeerProfile } from '../profiles.ts'
import { ByteBudget } from '../quota.ts'
import { pause, resume } from './stream-duplex.ts'

/** Budgets remembered at once; full ones are forgotten first. */
const BUDGETS_MAX = 1024

/** The part of libp2p's registrar that the guard stands in front of. */
export interface HandlerRegistrar {
  handle(protocol: string, handler: StreamHandler, options?: object): Promise<void>
}

export class InboundGuard {
  readonly #profile: PeerProfile
  readonly #meter: Meter
  readonly #budgets = new Map<PeerId, ByteBudget>()

  constructor(profile: PeerProfile, meter: Meter) {
    this.#profile = profile
    this.#meter = meter
  }

  /** The registrar to hand to gossipsub: `handle` is guarded, the rest is the original's. */
  around<Registrar extends HandlerRegistrar>(registrar: Registrar): Registrar {
    return new Proxy(registrar, {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'handle') return typeof value === 'function' ? value.bind(target) : value
        return (protocol: string, handler: StreamHandler, options?: object) =>
          target.handle(
            protocol,
            (stream, connection) => {
              this.#watch(stream, connection)
              return handler(stream, connection)
            },
            options,
          )
      },
    })
  }

  /** Gives a peer back what a message of its cost, because the message was welcome. */
  refund(peer: PeerId, bytes: number): void {
    this.#budgets.get(peer)?.refund(bytes)
  }

  #watch(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const add = stream.addEventListener.bind(stream)
    let watching = false
    // Listening before gossipsub does would make the stream give its first bytes to us alone.
    stream.addEventListener = (...listener: Parameters<Stream['addEventListener']>): void => {
      add(...listener)
      if (watching || listener[0] !== 'message') return
      watching = true
      add('message', this.#counter(stream, peer))
    }
  }

  #counter(stream: Stream, peer: PeerId): (event: StreamMessageEvent) => void {
    let turnBytes = 0
    let held = false
    const hold = (release: (done: () => void) => void): void => {
      if (held) return
      held = true
      this.#meter.add('p2p_gossip_pauses_total', 1)
      queueMicrotask(() => pause(stream))
      release(() => {
        held = false
        turnBytes = 0
        resume(stream)
      })
    }
    return (event) => {
      const waitMs = this.#budget(peer).spend(event.data.byteLength, performance.now())
      turnBytes += event.data.byteLength
      if (waitMs > 0) hold((done) => setTimeout(done, waitMs).unref())
      else if (turnBytes >= BYTES_PER_TURN) hold((done) => setImmediate(done))
    }
  }

  #budget(peer: PeerId): ByteBudget {
    const known = this.#budgets.get(peer)
    if (known !== undefined) return known
    if (this.#budgets.size >= BUDGETS_MAX) this.#forgetOne()
    const { gossipBytesPerSec, gossipBurstBytes } = this.#profile
    const budget = new ByteBudget(gossipBytesPerSec, gossipBurstBytes, performance.now())
    this.#budgets.set(peer, budget)
    return budget
  }

  #forgetOne(): void {
    const nowMs = performance.now()
    for (const [peer, budget] of this.#budgets) {
      if (!budget.isFull(nowMs)) continue
      this.#budgets.delete(peer)
      return
    }
    const oldest = this.#budgets.keys().next()
    if (!oldest.done) this.#budgets.delete(oldest.value)
  }
}
