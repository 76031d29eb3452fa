/**
 * The trace root: one hash for every intermediate tensor of a run.
 *
 *     leaf i = keyed(leafKey, u32le(i) || digest of op i's output)
 *     node   = keyed(nodeKey, left || right), the left side the largest power of two below n
 *
 * Separate keys keep a leaf from passing as a node. The program says how many leaves there are, so
 * the shape of a path is never claimed (numerics.md, section 7).
 */

import { assert } from '../base/assert.ts'
import { concatBytes, equalBytes, u32Bytes, utf8 } from '../base/bytes.ts'
import { blake3, blake3Keyed } from '../base/hash.ts'
import { leftChunks } from './blake3-tree.ts'

const LEAF_KEY: Uint8Array = blake3(utf8('bt/trace/leaf/1'))
const NODE_KEY: Uint8Array = blake3(utf8('bt/trace/node/1'))

function leafOf(opIndex: number, digest: Uint8Array): Uint8Array {
  assert(digest.length === 32, 'a tensor digest has 32 bytes')
  return blake3Keyed(LEAF_KEY, concatBytes(u32Bytes(opIndex), digest))
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return blake3Keyed(NODE_KEY, concatBytes(left, right))
}

function rootOf(digests: readonly Uint8Array[], first: number, count: number): Uint8Array {
  if (count === 1) return leafOf(first, digests[first] as Uint8Array)
  const left = leftChunks(count)
  return nodeOf(rootOf(digests, first, left), rootOf(digests, first + left, count - left))
}

/** @param digests of all op outputs in program order, at least one. */
export function traceRoot(digests: readonly Uint8Array[]): Uint8Array {
  assert(digests.length > 0, 'a program has at least one op')
  return rootOf(digests, 0, digests.length)
}

/** The sibling hashes of leaf `opIndex`, from the leaf up. */
export function tracePath(digests: readonly Uint8Array[], opIndex: number): Uint8Array[] {
  assert(opIndex >= 0 && opIndex < digests.length, 'a path leads to an op of the program')
  const path: Uint8Array[] = []
  let first = 0
  let count = digests.length
  while (count > 1) {
    const left = leftChunks(count)
    const isLeft = opIndex < first + left
    path.push(isLeft ? rootOf(digests, first + left, count - left) : rootOf(digests, first, left))
    if (!isLeft) first += left
    count = isLeft ? left : count - left
  }
  return path.reverse()
}

/** Whether `digest` is the output of op `opIndex` of `opCount` under `root`. */
export function verifyTracePath(
  root: Uint8Array,
  opCount: number,
  opIndex: number,
  digest: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (opIndex >= opCount) return false
  const turns = turnsTo(opIndex, opCount)
  if (path.length !== turns.length) return false
  let value = leafOf(opIndex, digest)
  turns.forEach((turn, height) => {
    const sibling = path[height] as Uint8Array
    value = turn === 'left' ? nodeOf(value, sibling) : nodeOf(sibling, value)
  })
  return equalBytes(value, root)
}

/** On which side the way to a leaf goes, from the leaf up. */
function turnsTo(opIndex: number, opCount: number): ('left' | 'right')[] {
  const turns: ('left' | 'right')[] = []
  let first = 0
  let count = opCount
  while (count > 1) {
    const left = leftChunks(count)
    const isLeft = opIndex < first + left
    turns.push(isLeft ? 'left' : 'right')
    if (!isLeft) first += left
    count = isLeft ? left : count - left
  }
  return turns.reverse()
}
