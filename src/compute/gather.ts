/**
 * Brings blobs here: those that are missing are fetched, a few at a time, until all are held or one
 * cannot be had.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Refusal } from '../base/refusal.ts'
import { type DurationMs, durationMs } from '../base/time.ts'
import type { Blobs, PeerId } from '../runtime/ports.ts'

/** Fetches under way for one gathering. */
export const FETCHES_MAX = 8

export interface Wanted {
  readonly digest: Uint8Array
  readonly lengthBytes: number
}

export interface Missing {
  readonly digest: Uint8Array
  readonly refusal: Refusal
}

/** `done` gets the first blob that could not be fetched, or nothing when all are held. */
export function gatherBlobs(
  blobs: Blobs,
  wanted: readonly Wanted[],
  from: { readonly peers: readonly PeerId[]; readonly deadlineMs: number },
  done: (missing: Missing | undefined) => void,
): void {
  const deadline: DurationMs = durationMs(from.deadlineMs)
  const queue = distinct(wanted).filter(({ digest }) => !blobs.has(digest))
  let underWay = 0
  let isOver = false

  function finish(missing: Missing | undefined): void {
    assert(!isOver, 'a gathering ends once')
    isOver = true
    done(missing)
  }

  function advance(): void {
    if (isOver) return
    if (queue.length === 0 && underWay === 0) finish(undefined)
    while (queue.length > 0 && underWay < FETCHES_MAX) start(queue.shift() as Wanted)
  }

  function start({ digest, lengthBytes }: Wanted): void {
    underWay++
    blobs.fetch(digest, lengthBytes, from.peers, deadline, (refused) => {
      underWay--
      if (isOver) return
      if (refused === undefined) advance()
      else finish({ digest, refusal: refused })
    })
  }

  advance()
}

function distinct(wanted: readonly Wanted[]): Wanted[] {
  return [...new Map(wanted.map((blob) => [toHex(blob.digest), blob])).values()]
}
