/**
 * What is due at which height, in order of scheduling, read without walking a table.
 *
 *   schedule(height, kind, id) -> due/<height>/<n>      take(height) -> all of them, removed
 *
 * Invariants
 *   - Something scheduled is taken exactly once, at the end of the block of its height.
 *   - A taken entry is a reminder, not an order: whoever handles it looks at the record first.
 */

import { assert } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { bytes32, container, type Decoded, u8, u32 } from '../base/codec.ts'
import { numberKey, type Reader, table, type View } from './state.ts'

/** In the order in which they are handled at one height. */
export const DUE = {
  availability: 0,
  verdicts: 1,
  receipt: 2,
  offer: 3,
  ask: 4,
  settle: 5,
  forgetJob: 6,
  forgetProgram: 7,
  forgetAsk: 8,
  forgetEvidence: 9,
} as const
export type DueKind = keyof typeof DUE

const DueCodec = container({ kind: u8, id: bytes32, attempt: u8 })
type StoredDue = Decoded<typeof DueCodec>
const ENTRIES = table('due', DueCodec)
const COUNTS = table('due-counts', container({ count: u32 }))

export interface Due {
  readonly kind: DueKind
  /** Hex. */
  readonly id: string
  readonly attempt: number
}

export function schedule(view: View, height: bigint, kind: DueKind, id: string, attempt = 0): void {
  const at = numberKey(height)
  const count = view.get(COUNTS, at)?.count ?? 0
  view.put(ENTRIES, entryKey(at, count), { kind: DUE[kind], id: fromHex(id, 32), attempt })
  view.put(COUNTS, at, { count: count + 1 })
}

/** Everything due at `height` of the given kinds, by kind and then in order of scheduling. */
export function dueAt(reader: Reader, height: bigint, kinds: readonly DueKind[]): Due[] {
  const all = storedAt(reader, height)
  return kinds.flatMap((kind) =>
    all
      .filter((entry) => entry.kind === DUE[kind])
      .map(({ id, attempt }) => ({ kind, id: toHex(id), attempt })),
  )
}

/** Forgets what was due at `height`, once all of it is handled. */
export function clearDue(view: View, height: bigint): void {
  const at = numberKey(height)
  const count = view.get(COUNTS, at)?.count
  if (count === undefined) return
  for (let index = 0; index < count; index++) view.remove(ENTRIES, entryKey(at, index))
  view.remove(COUNTS, at)
}

function storedAt(reader: Reader, height: bigint): StoredDue[] {
  const at = numberKey(height)
  const count = reader.get(COUNTS, at)?.count ?? 0
  return Array.from({ length: count }, (_, index) => {
    const entry = reader.get(ENTRIES, entryKey(at, index))
    assert(entry !== undefined, 'what is counted as due is kept')
    return entry
  })
}

function entryKey(height: string, index: number): string {
  return `${height}/${numberKey(index)}`
}
