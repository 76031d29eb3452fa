/**
 * History over the store: blocks and their events by height, with a small cache, and the index of
 * subjects and slashes that is built when it is opened and kept up by `note`.
 */

import { decode } from '../../base/codec.ts'
import { decodeEvent } from '../../ledger/ledger.ts'
import {
  blockKey,
  EventsCodec,
  eventsKey,
  heightKey,
  receiptHeightKey,
  unsealed,
} from '../../ledger/store-schema.ts'
import type { LedgerEvent } from '../../ledger/types/event.ts'
import { type StoredBlock, StoredBlockCodec } from '../../ledger/types/stored-block.ts'
import { HistoryIndex, type SlashLine } from '../../node/history.ts'
import type { BlockEvents, History } from '../../node/queries.ts'
import type { Store, StoreEntry } from '../../runtime/ports.ts'

/** Heights indexed at start; what is older is still read by height. */
export const INDEXED_BLOCKS_MAX = 100_000n
const CHUNK = 256
const BLOCKS_CACHED = 64
const EVENTS_CACHED = 1_024
const EVENTS_PREFIX = eventsKey(0n).replace(/0+$/, '')

/** Reads the events of the last INDEXED_BLOCKS_MAX heights. @throws RefusalError store_corrupt. */
export async function openHistory(store: Store, head: bigint): Promise<StoreHistory> {
  const history = new StoreHistory(store)
  let from = head > INDEXED_BLOCKS_MAX ? head - INDEXED_BLOCKS_MAX : 1n
  while (from <= head) {
    const entries = await range(store, eventsKey(from), eventsKey(head + 1n))
    for (const [key, value] of entries) {
      history.index(heightIn(key), decodeEvents(key, value).events)
    }
    const last = entries[entries.length - 1]
    if (last === undefined) break
    from = heightIn(last[0]) + 1n
  }
  return history
}

export class StoreHistory implements History {
  readonly #store: Store
  readonly #index = new HistoryIndex()
  readonly #blocks = new Map<bigint, StoredBlock>()
  readonly #events = new Map<bigint, BlockEvents>()
  #filling = false

  constructor(store: Store) {
    this.#store = store
  }

  /** Heights before the first that is indexed stay out of the index. */
  index(height: bigint, events: readonly LedgerEvent[]): void {
    this.#index.note(height, events)
  }

  /**
   * A block was committed and is on disk. Blocks that nobody noted, such as those committed while
   * the history was being opened, are read back first.
   */
  note(height: bigint, events: readonly LedgerEvent[]): void {
    const isNext = height === this.#index.lastHeight + 1n
    if (isNext && !this.#filling) this.#index.note(height, events)
    else if (height > this.#index.lastHeight && !this.#filling) void this.#fill()
  }

  /** Notes what the store has beyond the last height noted. A corrupt store ends the process. */
  async #fill(): Promise<void> {
    this.#filling = true
    for (;;) {
      const height = this.#index.lastHeight + 1n
      const known = await this.readEvents(height)
      if (known === undefined) break
      this.#index.note(height, known.events)
    }
    this.#filling = false
  }

  heightsOf(subject: string): readonly bigint[] {
    return this.#index.heightsOf(subject)
  }

  slashes(): readonly SlashLine[] {
    return this.#index.slashes()
  }

  async readBlock(height: bigint): Promise<StoredBlock | undefined> {
    const known = this.#blocks.get(height)
    if (known !== undefined) return known
    const key = blockKey(height)
    const value = await get(this.#store, key)
    if (value === undefined) return undefined
    return remember(
      this.#blocks,
      height,
      decode(StoredBlockCodec, unsealed(key, value)),
      BLOCKS_CACHED,
    )
  }

  async readEvents(height: bigint): Promise<BlockEvents | undefined> {
    const known = this.#events.get(height)
    if (known !== undefined) return known
    const key = eventsKey(height)
    const value = await get(this.#store, key)
    if (value === undefined) return undefined
    return remember(this.#events, height, decodeEvents(key, value), EVENTS_CACHED)
  }

  async heightOf(id: string): Promise<bigint | undefined> {
    for (const key of [heightKey(id), receiptHeightKey(id)]) {
      const value = await get(this.#store, key)
      if (value !== undefined) return BigInt(new TextDecoder().decode(unsealed(key, value)))
    }
    return undefined
  }
}

function decodeEvents(key: string, value: Uint8Array): BlockEvents {
  const { round, events } = decode(EventsCodec, unsealed(key, value))
  return { round, events: events.map(decodeEvent) }
}

function heightIn(key: string): bigint {
  return BigInt(`0x${key.slice(EVENTS_PREFIX.length)}`)
}

function get(store: Store, key: string): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => store.get(key, resolve))
}

function range(store: Store, from: string, to: string): Promise<readonly StoreEntry[]> {
  return new Promise((resolve) => store.range(from, to, CHUNK, resolve))
}

/** Keeps the value; the oldest makes room. */
function remember<Value>(
  cache: Map<bigint, Value>,
  key: bigint,
  value: Value,
  countMax: number,
): Value {
  const [oldest] = cache.keys()
  if (cache.size >= countMax && oldest !== undefined) cache.delete(oldest)
  cache.set(key, value)
  return value
}
