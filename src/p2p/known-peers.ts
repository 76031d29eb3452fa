/**
 * Peers we could dial: where they are, when to try again, whom to forget.
 *
 *   learnt --dial--> connected --left--> due at once
 *             `--failed--> due after a back-off that doubles, with jitter
 *
 * Bounded: a peer we never reached makes room first; one from the bootstrap list never does.
 */

import type { PeerId } from '../runtime/ports.ts'

export const KNOWN_PEERS_MAX = 256
export const ADDRESSES_PER_PEER_MAX = 8
/** Doublings after which the back-off no longer grows. */
const DOUBLINGS_MAX = 10
/** A peer of another chain is not tried again before this. */
export const OTHER_CHAIN_MS: number = 10 * 60_000

export interface KnownPeer {
  readonly id: PeerId
  addresses: readonly string[]
  /** Sequence number of the signed record the addresses come from; higher replaces lower. */
  seq: bigint
  failures: number
  dueMs: number
  /** Whether a connection ever succeeded. */
  reached: boolean
  readonly fixed: boolean
}

export interface BackOff {
  readonly firstMs: number
  readonly lastMs: number
  /** Uniform in [0, bound). */
  readonly below: (bound: number) => number
}

export class KnownPeers {
  readonly #peers = new Map<PeerId, KnownPeer>()
  readonly #backOff: BackOff

  constructor(backOff: BackOff) {
    this.#backOff = backOff
  }

  /** Takes addresses that are newer than those known; false when nothing changed. */
  learn(
    id: PeerId,
    addresses: readonly string[],
    seq: bigint,
    traits: { readonly reached?: boolean; readonly fixed?: boolean } = {},
  ): boolean {
    const usable = addresses.slice(0, ADDRESSES_PER_PEER_MAX)
    if (usable.length === 0) return false
    const known = this.#peers.get(id)
    if (known !== undefined) {
      if (seq <= known.seq) return false
      known.addresses = usable
      known.seq = seq
      known.dueMs = 0
      return true
    }
    if (this.#peers.size >= KNOWN_PEERS_MAX && !this.#makeRoom()) return false
    this.#peers.set(id, {
      id,
      addresses: usable,
      seq,
      failures: 0,
      dueMs: 0,
      reached: traits.reached ?? false,
      fixed: traits.fixed ?? false,
    })
    return true
  }

  reached(id: PeerId): void {
    const known = this.#peers.get(id)
    if (known === undefined) return
    known.reached = true
    known.failures = 0
    known.dueMs = 0
  }

  failed(id: PeerId, nowMs: number): void {
    const known = this.#peers.get(id)
    if (known === undefined) return
    const { firstMs, lastMs, below } = this.#backOff
    let waitMs = firstMs
    for (let step = 0; step < Math.min(known.failures, DOUBLINGS_MAX); step++) waitMs *= 2
    const boundMs = Math.max(1, Math.min(waitMs, lastMs))
    // Half fixed, half drawn: two nodes that failed together do not try together for ever.
    known.dueMs = nowMs + Math.floor(boundMs / 2) + below(boundMs)
    known.failures++
  }

  /** Keeps a peer of another chain, or one that banned us, away for a while. */
  avoid(id: PeerId, untilMs: number): void {
    const known = this.#peers.get(id)
    if (known !== undefined) known.dueMs = Math.max(known.dueMs, untilMs)
  }

  /** Whom to dial now, the fixed and the once reached first; at most `countMax`. */
  due(nowMs: number, skip: (id: PeerId) => boolean, countMax: number): readonly KnownPeer[] {
    return [...this.#peers.values()]
      .filter(({ id, dueMs }) => dueMs <= nowMs && !skip(id))
      .sort((left, right) => rank(right) - rank(left) || left.failures - right.failures)
      .slice(0, countMax)
  }

  all(): readonly KnownPeer[] {
    return [...this.#peers.values()]
  }

  get size(): number {
    return this.#peers.size
  }

  #makeRoom(): boolean {
    const victim = [...this.#peers.values()]
      .filter(({ fixed, reached }) => !fixed && !reached)
      .sort((left, right) => right.failures - left.failures)[0]
    if (victim === undefined) return false
    this.#peers.delete(victim.id)
    return true
  }
}

function rank({ fixed, reached }: KnownPeer): number {
  return (fixed ? 2 : 0) + (reached ? 1 : 0)
}
