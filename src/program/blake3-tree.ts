/**
 * Openings of BLAKE3: which bytes stand where in a blob of known length and digest.
 *
 * BLAKE3 is itself a Merkle tree over chunks of 1 KiB. An opening carries the chunks that cover the
 * wanted bytes and the chaining values of the subtrees left out, in order from left to right; the
 * verifier walks the same tree and must arrive at the digest. Lengths are static in a program, so
 * the shape of the tree is never claimed by anyone.
 *
 * Source: the BLAKE3 paper, sections 2.1 to 2.5; checked against the official vectors.
 */

import { assert } from '../base/assert.ts'
import { concatBytes, equalBytes } from '../base/bytes.ts'

export const CHUNK_BYTES = 1024
const BLOCK_BYTES = 64
export const DIGEST_BYTES = 32

const CHUNK_START = 1
const CHUNK_END = 2
const PARENT = 4
const ROOT = 8
const KEYED = 16

const IV: Uint32Array = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)
const PERMUTATION: readonly number[] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const ROUNDS = 7

/** Word order of every round: the permutation applied once more each time. */
const SCHEDULE: readonly number[] = schedule()

function schedule(): number[] {
  const rounds: number[] = []
  let order = Array.from({ length: 16 }, (_, index) => index)
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(...order)
    order = PERMUTATION.map((index) => order[index] as number)
  }
  return rounds
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

/** The quarter round on words a, b, c, d of `v` with message words x and y. */
function mix(
  v: Int32Array,
  [a, b, c, d]: readonly [number, number, number, number],
  x: number,
  y: number,
): void {
  v[a] = ((v[a] as number) + (v[b] as number) + x) | 0
  v[d] = rotate((v[d] as number) ^ v[a], 16)
  v[c] = ((v[c] as number) + v[d]) | 0
  v[b] = rotate((v[b] as number) ^ v[c], 12)
  v[a] = (v[a] + v[b] + y) | 0
  v[d] = rotate(v[d] ^ v[a], 8)
  v[c] = (v[c] + v[d]) | 0
  v[b] = rotate(v[b] ^ v[c], 7)
}

const COLUMNS_AND_DIAGONALS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
]

/** The first eight output words of the compression function. */
function compress(
  chain: Uint32Array,
  block: Uint8Array,
  counter: number,
  blockBytes: number,
  flags: number,
): Uint32Array {
  const padded = new Uint8Array(BLOCK_BYTES)
  padded.set(block)
  const view = new DataView(padded.buffer)
  const v = new Int32Array(16)
  v.set(chain)
  v.set(IV.subarray(0, 4), 8)
  v[12] = counter | 0
  v[13] = Math.floor(counter / 0x1_0000_0000)
  v[14] = blockBytes
  v[15] = flags
  for (let step = 0; step < 8 * ROUNDS; step++) {
    const x = view.getInt32(4 * (SCHEDULE[2 * step] as number), true)
    const y = view.getInt32(4 * (SCHEDULE[2 * step + 1] as number), true)
    mix(v, COLUMNS_AND_DIAGONALS[step % 8] as readonly [number, number, number, number], x, y)
  }
  return Uint32Array.from({ length: 8 }, (_, i) => (v[i] as number) ^ (v[i + 8] as number))
}

function toBytes(chain: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(DIGEST_BYTES)
  const view = new DataView(bytes.buffer)
  chain.forEach((word, index) => {
    view.setUint32(4 * index, word, true)
  })
  return bytes
}

function keyWords(key: Uint8Array): Uint32Array {
  assert(key.length === DIGEST_BYTES, 'a BLAKE3 key has 32 bytes')
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return Uint32Array.from({ length: 8 }, (_, index) => view.getUint32(4 * index, true))
}

/** How the tree hashes: plain, or under a key. */
interface Mode {
  readonly words: Uint32Array
  readonly flags: number
}

const PLAIN: Mode = { words: IV, flags: 0 }

function modeOf(key: Uint8Array | undefined): Mode {
  return key === undefined ? PLAIN : { words: keyWords(key), flags: KEYED }
}

function chunkValue(mode: Mode, chunk: Uint8Array, index: number, isRoot: boolean): Uint8Array {
  let chain = mode.words
  const blocks = Math.max(1, Math.ceil(chunk.length / BLOCK_BYTES))
  for (let at = 0; at < blocks; at++) {
    const block = chunk.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES)
    const isLast = at === blocks - 1
    const flags =
      mode.flags |
      (at === 0 ? CHUNK_START : 0) |
      (isLast ? CHUNK_END : 0) |
      (isLast && isRoot ? ROOT : 0)
    chain = compress(chain, block, index, block.length, flags)
  }
  return toBytes(chain)
}

function parentValue(mode: Mode, left: Uint8Array, right: Uint8Array, isRoot: boolean): Uint8Array {
  const flags = mode.flags | PARENT | (isRoot ? ROOT : 0)
  return toBytes(compress(mode.words, concatBytes(left, right), 0, BLOCK_BYTES, flags))
}

/** Chunks of a blob; an empty blob is one empty chunk. */
export function chunkCount(lengthBytes: number): number {
  return Math.max(1, Math.ceil(lengthBytes / CHUNK_BYTES))
}

/** Chunks in the left subtree of `count` chunks: the largest power of two below it. */
export function leftChunks(count: number): number {
  let left = 1
  while (left * 2 < count) left *= 2
  return left
}

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** The chunks that cover the ranges, ascending. */
export function coveringChunks(ranges: readonly ByteRange[]): number[] {
  const chunks = new Set<number>()
  for (const { start, end } of ranges) {
    const last = Math.floor((end - 1) / CHUNK_BYTES)
    for (let chunk = Math.floor(start / CHUNK_BYTES); chunk <= last; chunk++) chunks.add(chunk)
  }
  return [...chunks].sort((left, right) => left - right)
}

/** What proves the wanted bytes of one blob. */
export interface SliceOpening {
  /** The covering chunks, one after the other. */
  readonly chunks: Uint8Array
  /** Chaining values of the subtrees left out, left to right. */
  readonly siblings: Uint8Array
}

/** A node of the tree: `count` chunks from chunk `first`. */
interface Subtree {
  readonly first: number
  readonly count: number
}

function halves({ first, count }: Subtree): readonly [Subtree, Subtree] {
  const left = leftChunks(count)
  return [
    { first, count: left },
    { first: first + left, count: count - left },
  ]
}

function chunkOf(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
}

function subtreeValue(mode: Mode, bytes: Uint8Array, tree: Subtree, isRoot: boolean): Uint8Array {
  if (tree.count === 1) return chunkValue(mode, chunkOf(bytes, tree.first), tree.first, isRoot)
  const [left, right] = halves(tree)
  return parentValue(
    mode,
    subtreeValue(mode, bytes, left, false),
    subtreeValue(mode, bytes, right, false),
    isRoot,
  )
}

/** BLAKE3 by the tree of this file; for checking it against the vectors. */
export function treeHash(bytes: Uint8Array, key?: Uint8Array): Uint8Array {
  return subtreeValue(modeOf(key), bytes, { first: 0, count: chunkCount(bytes.length) }, true)
}

function touches(chunks: readonly number[], { first, count }: Subtree): boolean {
  return chunks.some((chunk) => chunk >= first && chunk < first + count)
}

/** Opens the chunks that cover `ranges`, which lie inside `bytes` and are not empty. */
export function openSlices(bytes: Uint8Array, ranges: readonly ByteRange[]): SliceOpening {
  const wanted = coveringChunks(ranges)
  assert(wanted.length > 0, 'an opening shows at least one chunk')
  const siblings: Uint8Array[] = []
  const walk = (tree: Subtree): void => {
    if (!touches(wanted, tree)) {
      siblings.push(subtreeValue(PLAIN, bytes, tree, false))
    } else if (tree.count > 1) {
      for (const half of halves(tree)) walk(half)
    }
  }
  walk({ first: 0, count: chunkCount(bytes.length) })
  return {
    chunks: concatBytes(...wanted.map((chunk) => chunkOf(bytes, chunk))),
    siblings: concatBytes(...siblings),
  }
}

/** Chaining values left out when `wanted` of `total` chunks are opened. */
export function siblingCount(wanted: readonly number[], total: number): number {
  const count = (tree: Subtree): number => {
    if (!touches(wanted, tree)) return 1
    if (tree.count === 1) return 0
    const [left, right] = halves(tree)
    return count(left) + count(right)
  }
  return count({ first: 0, count: total })
}

/** Bytes read out of an opening that was found to belong to its digest. */
export interface OpenedBlob {
  /** Precondition: the range is among those opened. */
  readonly read: (range: ByteRange) => Uint8Array
}

/**
 * The opened bytes, or null when the opening does not belong to a blob of this digest and length.
 * Exactly one opening is accepted for given ranges.
 */
export function verifySlices(
  digest: Uint8Array,
  lengthBytes: number,
  ranges: readonly ByteRange[],
  opening: SliceOpening,
): OpenedBlob | null {
  const wanted = coveringChunks(ranges)
  const total = chunkCount(lengthBytes)
  const shown = new Map<number, Uint8Array>()
  let at = 0
  for (const chunk of wanted) {
    const size = Math.min(CHUNK_BYTES, lengthBytes - chunk * CHUNK_BYTES)
    shown.set(chunk, opening.chunks.subarray(at, at + size))
    at += size
  }
  const siblings = siblingCount(wanted, total)
  if (at !== opening.chunks.length) return null
  if (opening.siblings.length !== siblings * DIGEST_BYTES) return null
  let next = 0
  const value = (tree: Subtree, isRoot: boolean): Uint8Array => {
    if (!touches(wanted, tree)) {
      next += DIGEST_BYTES
      return opening.siblings.subarray(next - DIGEST_BYTES, next)
    }
    if (tree.count === 1) {
      return chunkValue(PLAIN, shown.get(tree.first) as Uint8Array, tree.first, isRoot)
    }
    const [left, right] = halves(tree)
    // Left before right: siblings are consumed in that order.
    const leftValue = value(left, false)
    return parentValue(PLAIN, leftValue, value(right, false), isRoot)
  }
  if (!equalBytes(value({ first: 0, count: total }, true), digest)) return null
  return { read: (range) => readRange(shown, range) }
}

function readRange(shown: ReadonlyMap<number, Uint8Array>, { start, end }: ByteRange): Uint8Array {
  const out = new Uint8Array(end - start)
  let filled = 0
  while (filled < out.length) {
    const at = start + filled
    const index = Math.floor(at / CHUNK_BYTES)
    const chunk = shown.get(index)
    assert(chunk !== undefined, 'only opened bytes are read')
    const from = at - index * CHUNK_BYTES
    const part = chunk.subarray(from, Math.min(from + out.length - filled, CHUNK_BYTES))
    assert(part.length > 0, 'only bytes of the blob are read')
    out.set(part, filled)
    filled += part.length
  }
  return out
}
