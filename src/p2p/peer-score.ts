/**
 * What a peer's behaviour costs it: blame lowers a score that heals with time.
 *
 *   0 ---------- -20 ---------------- -50 ------> -100
 *     welcome        disconnected         banned for a while
 *
 * The score halves every ten minutes. A `fatal` blame is a lie and bans at once; `low` is bad luck
 * repeated. A ban outlives the connection, the score of a peer that left is remembered too.
 */

import { assert, unreachable } from '../base/assert.ts'
import type { Blame, PeerId } from '../runtime/ports.ts'

export const SCORE_MIN = -100
export const DISCONNECT_BELOW: number = -20
export const BAN_BELOW: number = -50
export const HALF_LIFE_MS: number = 10 * 60_000
export const BAN_MS: number = 30 * 60_000
/** Peers remembered at once; the one blamed longest ago goes first. */
export const SCORED_PEERS_MAX = 1024

const COST: Readonly<Record<Blame, number>> = { low: 1, mid: 5, fatal: 100 }

export type Standing = 'welcome' | 'disconnect' | 'ban'

interface Entry {
  score: number
  atMs: number
  bannedUntilMs: number
}

/** A tenth of the half-life at a time: 933/1000 is 2^(-1/10) to four digits. */
const STEP_MS = HALF_LIFE_MS / 10
const STEP_PPM = 933_033

export class PeerScores {
  readonly #entries = new Map<PeerId, Entry>()

  /** Lowers the score and answers what should now be done about the peer. */
  blame(peer: PeerId, blame: Blame, nowMs: number): Standing {
    const entry = this.#entry(peer, nowMs)
    entry.score = Math.max(SCORE_MIN, entry.score - COST[blame])
    if (entry.score < BAN_BELOW) entry.bannedUntilMs = nowMs + BAN_MS
    return this.standing(peer, nowMs)
  }

  standing(peer: PeerId, nowMs: number): Standing {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return 'welcome'
    if (nowMs < entry.bannedUntilMs) return 'ban'
    return this.score(peer, nowMs) < DISCONNECT_BELOW ? 'disconnect' : 'welcome'
  }

  /** Between -100 and 0. */
  score(peer: PeerId, nowMs: number): number {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return 0
    heal(entry, nowMs)
    return entry.score
  }

  get size(): number {
    return this.#entries.size
  }

  #entry(peer: PeerId, nowMs: number): Entry {
    const known = this.#entries.get(peer) ?? { score: 0, atMs: nowMs, bannedUntilMs: 0 }
    heal(known, nowMs)
    this.#entries.delete(peer)
    this.#entries.set(peer, known)
    if (this.#entries.size > SCORED_PEERS_MAX) {
      const oldest = this.#entries.keys().next()
      if (!oldest.done) this.#entries.delete(oldest.value)
    }
    assert(this.#entries.size <= SCORED_PEERS_MAX, 'the table of scores is bounded')
    return known
  }
}

function heal(entry: Entry, nowMs: number): void {
  const steps = Math.min(200, Math.floor(Math.max(0, nowMs - entry.atMs) / STEP_MS))
  for (let step = 0; step < steps; step++) entry.score = (entry.score * STEP_PPM) / 1_000_000
  entry.atMs += Math.floor(Math.max(0, nowMs - entry.atMs) / STEP_MS) * STEP_MS
}

/** The goodbye that goes with a standing. */
export function goodbyeFor(standing: Standing): 'score_too_low' | 'banned' | undefined {
  switch (standing) {
    case 'welcome':
      return undefined
    case 'disconnect':
      return 'score_too_low'
    case 'ban':
      return 'banned'
    default:
      return unreachable(standing)
  }
}
