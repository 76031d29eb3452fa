/**
 * What waits to be judged: one bounded queue for each topic, emptied in the order of need.
 *
 *   consensus votes, proposals      first in, first out
 *   evidence                        first in, first out; a tenth of all places, a quota for each peer
 *   receipts | attestations         first in, first out, in turn
 *   transactions                    first in, first out
 *   offers                          newest first; expired ones never enter, the oldest makes room
 *
 * A full queue refuses what comes, except for offers. No peer holds more than its share of a queue,
 * so one that floods a topic crowds out itself and not the others.
 *
 * Source: protocol.md §2, Queue order.
 */

import { assert } from '../base/assert.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import type { PeerId, Topic } from '../runtime/ports.ts'

export interface QueueEntry {
  readonly topic: Topic
  readonly bytes: Uint8Array
  readonly from: PeerId
  /** Names the message towards whoever owes it a verdict. */
  readonly token: number
  /** Offers only: the last height at which it may be taken. */
  readonly expiryHeight?: bigint
}

export interface Dropped {
  readonly entry: QueueEntry
  readonly refusal: Refusal
}

interface Bound {
  readonly countMax: number
  readonly perPeerMax: number
}

export const QUEUE_BOUNDS: Readonly<Record<Topic, Bound>> = {
  'consensus-votes': { countMax: 4096, perPeerMax: 1024 },
  'consensus-proposals': { countMax: 256, perPeerMax: 64 },
  'slashing-evidence': { countMax: 256, perPeerMax: 32 },
  receipts: { countMax: 1024, perPeerMax: 256 },
  attestations: { countMax: 1024, perPeerMax: 256 },
  transactions: { countMax: 2048, perPeerMax: 512 },
  'job-offers': { countMax: 1024, perPeerMax: 256 },
}

/** Of ten places, one is kept for evidence while there is any. */
const EVIDENCE_EVERY = 10

export class ValidationQueue {
  readonly #lines: Readonly<Record<Topic, Line>> = {
    'consensus-votes': new Line(),
    'consensus-proposals': new Line(),
    'slashing-evidence': new Line(),
    receipts: new Line(),
    attestations: new Line(),
    transactions: new Line(),
    'job-offers': new Line(),
  }
  /** Places given since evidence last had its tenth. */
  #evidenceCredit = 0

  /** Takes a message in; what found no room, this one or an older offer, is handed back. */
  push(entry: QueueEntry): Dropped | undefined {
    const { topic, from } = entry
    const line = this.#lines[topic]
    const { countMax, perPeerMax } = QUEUE_BOUNDS[topic]
    if (line.heldBy(from) >= perPeerMax) {
      return { entry, refusal: refusal('gossip_peer_quota', { topic, perPeerMax }) }
    }
    if (line.size < countMax) {
      line.push(entry)
      return undefined
    }
    const full = refusal('gossip_queue_full', { topic, countMax })
    if (topic !== 'job-offers') return { entry, refusal: full }
    const oldest = line.takeOldest()
    assert(oldest !== undefined, 'a full queue has an oldest entry')
    line.push(entry)
    return { entry: oldest, refusal: full }
  }

  /** At most `budget` messages, the most needed first. */
  take(budget: number): readonly QueueEntry[] {
    assert(Number.isInteger(budget) && budget >= 0, 'a budget is a whole number')
    const taken: QueueEntry[] = []
    const evidence = this.#lines['slashing-evidence']
    this.#evidenceCredit =
      evidence.size === 0
        ? 0
        : Math.min(this.#evidenceCredit + budget, EVIDENCE_EVERY * Math.max(budget, 1))
    const kept = Math.min(evidence.size, Math.floor(this.#evidenceCredit / EVIDENCE_EVERY), budget)
    this.#evidenceCredit -= kept * EVIDENCE_EVERY
    for (const topic of ['consensus-votes', 'consensus-proposals'] as const) {
      const line = this.#lines[topic]
      while (taken.length < budget - kept && line.size > 0) move(line.takeOldest(), taken)
    }
    this.#fill(taken, budget)
    return taken
  }

  get size(): number {
    return Object.values(this.#lines).reduce((sum, line) => sum + line.size, 0)
  }

  sizeOf(topic: Topic): number {
    return this.#lines[topic].size
  }

  #fill(taken: QueueEntry[], budget: number): void {
    const lines = this.#lines
    const evidence = lines['slashing-evidence']
    while (taken.length < budget && evidence.size > 0) move(evidence.takeOldest(), taken)
    while (taken.length < budget && lines.receipts.size + lines.attestations.size > 0) {
      move(lines.receipts.takeOldest(), taken)
      if (taken.length < budget) move(lines.attestations.takeOldest(), taken)
    }
    while (taken.length < budget && lines.transactions.size > 0) {
      move(lines.transactions.takeOldest(), taken)
    }
    while (taken.length < budget && lines['job-offers'].size > 0) {
      move(lines['job-offers'].takeNewest(), taken)
    }
  }
}

function move(entry: QueueEntry | undefined, into: QueueEntry[]): void {
  if (entry !== undefined) into.push(entry)
}

/** One topic's entries in order of arrival, taken from either end, with a count for each peer. */
class Line {
  #entries: QueueEntry[] = []
  #head = 0
  readonly #held = new Map<PeerId, number>()

  get size(): number {
    return this.#entries.length - this.#head
  }

  heldBy(peer: PeerId): number {
    return this.#held.get(peer) ?? 0
  }

  push(entry: QueueEntry): void {
    this.#entries.push(entry)
    this.#held.set(entry.from, this.heldBy(entry.from) + 1)
  }

  takeOldest(): QueueEntry | undefined {
    if (this.size === 0) return undefined
    const entry = this.#entries[this.#head]
    this.#head++
    // Moving the rest down each time would cost the square of a long queue.
    if (this.#head > 1024 || this.#head === this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return this.#released(entry)
  }

  takeNewest(): QueueEntry | undefined {
    return this.size === 0 ? undefined : this.#released(this.#entries.pop())
  }

  #released(entry: QueueEntry | undefined): QueueEntry | undefined {
    if (entry === undefined) return undefined
    const left = this.heldBy(entry.from) - 1
    if (left > 0) this.#held.set(entry.from, left)
    else this.#held.delete(entry.from)
    return entry
  }
}
