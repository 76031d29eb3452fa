/**
 * Inclusion: the path from one receipt's id to the `receiptRoot` of the header that anchored it.
 *
 *   id --12 siblings--> root of 4096 leaves --count--> receiptRoot --> header --> block id --> commit
 *
 * With it a client that knows the validators needs no node: it hashes up, compares, and checks the
 * signatures of the commit over the header's id.
 *
 * Source: SSZ, Merkleization (list of 32-byte values: leaves padded to the limit, length mixed in).
 */

import { assert } from '../../base/assert.ts'
import { compareBytes, concatBytes, equalBytes, ZERO_32 } from '../../base/bytes.ts'
import { sha256 } from '../../base/hash.ts'

/** Depth of the tree over 4096 leaves. */
export const INCLUSION_DEPTH = 12

export interface InclusionPath {
  /** Position of the id among the sorted ids. */
  readonly index: number
  /** Ids in the list. */
  readonly count: number
  /** From the leaf up, INCLUSION_DEPTH of them. */
  readonly siblings: readonly Uint8Array[]
}

/** Precondition: `id` is one of `ids`. */
export function inclusionPath(ids: readonly Uint8Array[], id: Uint8Array): InclusionPath {
  const sorted = [...ids].sort(compareBytes)
  const index = sorted.findIndex((each) => equalBytes(each, id))
  assert(index >= 0, 'the id is in the list')
  const siblings: Uint8Array[] = []
  let level: readonly Uint8Array[] = sorted
  let empty = ZERO_32
  let at = index
  for (let depth = 0; depth < INCLUSION_DEPTH; depth++) {
    siblings.push(level[at ^ 1] ?? empty)
    level = parents(level, empty)
    empty = sha256(empty, empty)
    at >>= 1
  }
  return { index, count: sorted.length, siblings }
}

function parents(level: readonly Uint8Array[], empty: Uint8Array): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let at = 0; at < level.length; at += 2) {
    above.push(sha256(level[at] ?? empty, level[at + 1] ?? empty))
  }
  return above
}

/** The root that the path leads to. */
export function rootOfPath(id: Uint8Array, { index, count, siblings }: InclusionPath): Uint8Array {
  let node = id
  siblings.forEach((sibling, depth) => {
    node = ((index >> depth) & 1) === 1 ? sha256(sibling, node) : sha256(node, sibling)
  })
  return sha256(node, lengthChunk(count))
}

function lengthChunk(count: number): Uint8Array {
  const low = Uint8Array.of(count & 255, (count >>> 8) & 255, (count >>> 16) & 255, count >>> 24)
  return concatBytes(low, new Uint8Array(28))
}
