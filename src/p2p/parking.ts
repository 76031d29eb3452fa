/**
 * The waiting room for objects whose only fault is a height or an object not yet known.
 *
 *   park --next commit--> gated again --still early--> parked on, at most three blocks in all
 *
 * Bounded in all and for each peer; what finds no room, or waits too long, is ignored.
 *
 * Source: protocol.md §2, Parking.
 */

import { assert } from '../base/assert.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import type { PeerId } from '../runtime/ports.ts'
import type { Dropped, QueueEntry } from './validation-queue.ts'

export const PARKED_MAX = 1024
export const PARKED_PER_PEER_MAX = 128
export const PARKED_BLOCKS_MAX = 3n

interface Parked {
  readonly entry: QueueEntry
  readonly sinceHeight: bigint
}

export class Parking {
  readonly #parked = new Map<number, Parked>()
  readonly #held = new Map<PeerId, number>()

  /** Takes an object in at our height, or says why not. One gated again keeps its first height. */
  park(entry: QueueEntry, height: bigint, sinceHeight: bigint = height): Refusal | undefined {
    assert(!this.#parked.has(entry.token), 'a message is parked once')
    if (height - sinceHeight >= PARKED_BLOCKS_MAX) {
      return refusal('gossip_parking_expired', { sinceHeight, height })
    }
    const held = this.#held.get(entry.from) ?? 0
    if (this.#parked.size >= PARKED_MAX || held >= PARKED_PER_PEER_MAX) {
      return refusal('gossip_parking_full', { parked: this.#parked.size, held })
    }
    this.#parked.set(entry.token, { entry, sinceHeight })
    this.#held.set(entry.from, held + 1)
    return undefined
  }

  /** Empties the room after a commit: who may be gated again, and who has waited too long. */
  release(height: bigint): {
    readonly again: readonly { readonly entry: QueueEntry; readonly sinceHeight: bigint }[]
    readonly expired: readonly Dropped[]
  } {
    const all = [...this.#parked.values()]
    this.#parked.clear()
    this.#held.clear()
    return {
      again: all.filter(({ sinceHeight }) => height - sinceHeight <= PARKED_BLOCKS_MAX),
      expired: all
        .filter(({ sinceHeight }) => height - sinceHeight > PARKED_BLOCKS_MAX)
        .map(({ entry, sinceHeight }) => ({
          entry,
          refusal: refusal('gossip_parking_expired', { sinceHeight, height }),
        })),
    }
  }

  get size(): number {
    return this.#parked.size
  }
}
