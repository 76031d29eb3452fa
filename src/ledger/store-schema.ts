/**
 * What lies where in the store, and the checksum every value carries.
 *
 *   block/<height>            encoded block and the commit that decided it
 *   body/<height>/<id>        a proposed body of a height that is not over
 *   events/<height>           the story of a block
 *   height/<block id>         height of a block
 *   receipt-at/<receipt id>   height a receipt was anchored at
 *   state/<table>/<key>       a value of the state
 *   head                      genesis hash; height, state root and events root of the last block
 *
 * LevelDB 1.20 does not notice flipped bits in its log, so each value ends in 8 bytes of
 * SHA-256(key || value) (background: reliability of the store).
 *
 * Source: protocol.md §3 (State).
 */

import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import { bytes32, container, type Decoded, list, u32, u64 } from '../base/codec.ts'
import { sha256 } from '../base/hash.ts'
import { refuse } from '../base/refusal.ts'
import type { StoreOp } from '../runtime/ports.ts'
import { numberKey } from './state.ts'
import { EventCodec } from './types/event.ts'

const CHECKSUM_BYTES = 8
export const STATE_PREFIX = 'state/'
export const BODY_PREFIX = 'body/'
export const HEAD_KEY = 'head'

export const HeadRecordCodec = container({
  /** So that no store is taken for that of another chain. */
  genesisHash: bytes32,
  height: u64,
  id: bytes32,
  stateRoot: bytes32,
  eventsRoot: bytes32,
  beacon: bytes32,
  timeMs: u64,
})
export type HeadRecord = Decoded<typeof HeadRecordCodec>

/** Most events of one block. */
export const EVENTS_MAX = 65_536
export const EventsCodec = container({ round: u32, events: list(EventCodec, EVENTS_MAX) })

export function blockKey(height: bigint): string {
  return `block/${numberKey(height)}`
}

export function bodyKey(height: bigint, id: string): string {
  return `${BODY_PREFIX}${numberKey(height)}/${id}`
}

export function eventsKey(height: bigint): string {
  return `events/${numberKey(height)}`
}

export function heightKey(id: string): string {
  return `height/${id}`
}

export function receiptHeightKey(id: string): string {
  return `receipt-at/${id}`
}

export function stateKeyOf(table: string, key: string): string {
  return `${STATE_PREFIX}${table}/${key}`
}

/** A put whose value carries its checksum. */
export function sealed(key: string, value: Uint8Array): StoreOp {
  return { op: 'put', key, value: concatBytes(value, checksumOf(key, value)) }
}

/** @throws RefusalError store_corrupt when the value is not what was written under this key. */
export function unsealed(key: string, stored: Uint8Array): Uint8Array {
  const value = stored.subarray(0, Math.max(0, stored.length - CHECKSUM_BYTES))
  const checksum = stored.subarray(value.length)
  if (!equalBytes(checksum, checksumOf(key, value))) {
    refuse('store_corrupt', { key, bytes: stored.length })
  }
  return value
}

function checksumOf(key: string, value: Uint8Array): Uint8Array {
  return sha256(utf8(key), value).subarray(0, CHECKSUM_BYTES)
}
