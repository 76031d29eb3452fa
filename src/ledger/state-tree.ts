/**
 * The commitment to the state: a Merkle tree over buckets, each bucket a trie over its keys.
 *
 *   root -- 2^14 buckets by the first bits of the key's hash, rehashed level by level, in batches
 *             '-- crit-bit trie over the rest of the hash, changed paths rehashed bit by bit, in batches
 *
 *   key  = SHA-256(table || 0 || key), leaf = SHA-256(0 || key || SHA-256(value)) (65 bytes),
 *   node = SHA-256(left || right) (64 bytes), empty bucket = 32 zero bytes
 *
 * Leaf and node preimages differ in length, so neither can be taken for the other. The shape
 * depends on the keys alone, never on the order they came in, and one changed key costs the depth
 * of its path even if an adversary grinds all keys into one bucket.
 *
 * Source: protocol.md §3 (State); docs/adr/0007-state-tree.md.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, utf8 } from '../base/bytes.ts'
import { sha256, sha256Pairs } from '../base/hash.ts'
import type { Change } from './state.ts'

const BUCKET_BITS = 14
const BUCKETS = 1 << BUCKET_BITS
const HASH_BYTES = 32
const KEY_BITS = 256
const LEAF_TAG = Uint8Array.of(0)

interface Leaf {
  readonly kind: 'leaf'
  readonly key: Uint8Array
  readonly hash: Uint8Array
}

/** Keys on the left have bit `bit` clear; all keys below agree on every bit before it. */
interface Fork {
  readonly kind: 'fork'
  readonly bit: number
  left: Trie
  right: Trie
  hash: Uint8Array | undefined
}

type Trie = Leaf | Fork

/** What shows that a key has a value under a root: siblings from the leaf up, and their sides. */
export interface InclusionProof {
  readonly siblings: readonly Uint8Array[]
  /** True where the path goes right. */
  readonly rights: readonly boolean[]
}

export function stateKey(table: string, key: string): Uint8Array {
  return sha256(utf8(table), Uint8Array.of(0), utf8(key))
}

export class StateTree {
  /** Heap order: node i has children 2i and 2i + 1; leaves from BUCKETS on. */
  readonly #nodes = new Uint8Array(2 * BUCKETS * HASH_BYTES)
  readonly #buckets = new Map<number, Trie>()

  constructor() {
    for (let level = BUCKETS / 2; level >= 1; level = level / 2) this.#rehashLevel(level)
  }

  get root(): Uint8Array {
    return this.#node(1).slice()
  }

  /** Puts a block's changes in. @returns the new root. */
  update(changes: readonly Change[]): Uint8Array {
    const touched = new Set<number>()
    for (const { table, key, value } of changes) {
      const hashed = stateKey(table, key)
      const bucket = bucketOf(hashed)
      touched.add(bucket)
      const trie = this.#buckets.get(bucket)
      const next =
        value === undefined ? removed(trie, hashed) : inserted(trie, leafOf(hashed, value))
      if (next === undefined) this.#buckets.delete(bucket)
      else this.#buckets.set(bucket, next)
    }
    this.#rehash(touched)
    return this.root
  }

  /** The path of a key, or undefined if the state has no such key. */
  prove(table: string, key: string): InclusionProof | undefined {
    const hashed = stateKey(table, key)
    const bucket = bucketOf(hashed)
    const inner = innerPath(this.#buckets.get(bucket), hashed)
    if (inner === undefined) return undefined
    const siblings = [...inner.siblings]
    const rights = [...inner.rights]
    for (let node = BUCKETS + bucket; node > 1; node >>>= 1) {
      siblings.push(this.#node(node ^ 1).slice())
      rights.push((node & 1) === 1)
    }
    return { siblings, rights }
  }

  #node(index: number): Uint8Array {
    return this.#nodes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
  }

  #rehash(touched: ReadonlySet<number>): void {
    rehashForks([...touched].map((bucket) => this.#buckets.get(bucket)))
    let dirty: number[] = []
    for (const bucket of touched) {
      const trie = this.#buckets.get(bucket)
      const hash = trie === undefined ? new Uint8Array(HASH_BYTES) : hashOf(trie)
      this.#node(BUCKETS + bucket).set(hash)
      dirty.push(BUCKETS + bucket)
    }
    for (let level = 0; level < BUCKET_BITS && dirty.length > 0; level++) {
      dirty = [...new Set(dirty.map((node) => node >>> 1))]
      const pairs = new Uint8Array(dirty.length * 2 * HASH_BYTES)
      dirty.forEach((node, at) => {
        const from = 2 * node * HASH_BYTES
        pairs.set(this.#nodes.subarray(from, from + 2 * HASH_BYTES), at * 2 * HASH_BYTES)
      })
      const hashes = sha256Pairs(pairs)
      dirty.forEach((node, at) => {
        this.#node(node).set(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
      })
    }
  }

  /** All nodes of one level of the empty tree are alike. */
  #rehashLevel(first: number): void {
    const hash = sha256Pairs(
      this.#nodes.slice(2 * first * HASH_BYTES, (2 * first + 2) * HASH_BYTES),
    )
    for (let node = first; node < 2 * first; node++) this.#node(node).set(hash)
  }
}

/** True when the proof shows `value` at the key under `root`. */
export function verifyInclusion(
  root: Uint8Array,
  {
    table,
    key,
    value,
  }: { readonly table: string; readonly key: string; readonly value: Uint8Array },
  { siblings, rights }: InclusionProof,
): boolean {
  if (siblings.length !== rights.length || siblings.length > KEY_BITS + BUCKET_BITS) return false
  if (siblings.some((sibling) => sibling.length !== HASH_BYTES)) return false
  const node = siblings.reduce(
    (below, sibling, at) => (rights[at] ? sha256(sibling, below) : sha256(below, sibling)),
    leafOf(stateKey(table, key), value).hash,
  )
  return equalBytes(node, root)
}

function bucketOf(key: Uint8Array): number {
  return (((key[0] as number) << 8) | (key[1] as number)) >>> (16 - BUCKET_BITS)
}

function leafOf(key: Uint8Array, value: Uint8Array): Leaf {
  return { kind: 'leaf', key, hash: sha256(LEAF_TAG, key, sha256(value)) }
}

function bitAt(key: Uint8Array, bit: number): boolean {
  return (((key[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1) === 1
}

function hashOf(trie: Trie): Uint8Array {
  if (trie.kind === 'leaf') return trie.hash
  trie.hash ??= sha256(hashOf(trie.left), hashOf(trie.right))
  return trie.hash
}

/**
 * Hashes the changed forks of many tries, deepest bit first, all of one bit at once: a fork's
 * children stand at higher bits.
 */
function rehashForks(tries: readonly (Trie | undefined)[]): void {
  const byBit = new Map<number, Fork[]>()
  const open = tries.filter((trie) => trie !== undefined)
  for (let trie = open.pop(); trie !== undefined; trie = open.pop()) {
    if (trie.kind === 'leaf' || trie.hash !== undefined) continue
    const forks = byBit.get(trie.bit) ?? []
    byBit.set(trie.bit, forks)
    forks.push(trie)
    open.push(trie.left, trie.right)
  }
  for (const bit of [...byBit.keys()].sort((left, right) => right - left)) {
    const forks = byBit.get(bit) ?? []
    const pairs = new Uint8Array(forks.length * 2 * HASH_BYTES)
    forks.forEach(({ left, right }, at) => {
      pairs.set(hashOf(left), 2 * at * HASH_BYTES)
      pairs.set(hashOf(right), (2 * at + 1) * HASH_BYTES)
    })
    const hashes = sha256Pairs(pairs)
    forks.forEach((fork, at) => {
      fork.hash = hashes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES)
    })
  }
}

function someLeaf(trie: Trie, key: Uint8Array): Leaf {
  let node = trie
  while (node.kind === 'fork') node = bitAt(key, node.bit) ? node.right : node.left
  return node
}

function firstDifference(left: Uint8Array, right: Uint8Array): number {
  for (let bit = 0; bit < KEY_BITS; bit++) if (bitAt(left, bit) !== bitAt(right, bit)) return bit
  return KEY_BITS
}

function inserted(trie: Trie | undefined, leaf: Leaf): Trie {
  if (trie === undefined) return leaf
  return insertAt(trie, leaf, firstDifference(someLeaf(trie, leaf.key).key, leaf.key))
}

function insertAt(trie: Trie, leaf: Leaf, bit: number): Trie {
  if (trie.kind === 'leaf' && bit === KEY_BITS) return leaf
  if (trie.kind === 'fork' && trie.bit < bit) {
    trie.hash = undefined
    if (bitAt(leaf.key, trie.bit)) trie.right = insertAt(trie.right, leaf, bit)
    else trie.left = insertAt(trie.left, leaf, bit)
    return trie
  }
  assert(bit < KEY_BITS, 'two keys of a fork differ')
  const right = bitAt(leaf.key, bit)
  return {
    kind: 'fork',
    bit,
    left: right ? trie : leaf,
    right: right ? leaf : trie,
    hash: undefined,
  }
}

function removed(trie: Trie | undefined, key: Uint8Array): Trie | undefined {
  if (trie === undefined) return undefined
  if (trie.kind === 'leaf') return equalBytes(trie.key, key) ? undefined : trie
  const right = bitAt(key, trie.bit)
  const below = removed(right ? trie.right : trie.left, key)
  if (below === undefined) return right ? trie.left : trie.right
  trie.hash = undefined
  if (right) trie.right = below
  else trie.left = below
  return trie
}

function innerPath(trie: Trie | undefined, key: Uint8Array): InclusionProof | undefined {
  const siblings: Uint8Array[] = []
  const rights: boolean[] = []
  let node = trie
  while (node?.kind === 'fork') {
    const right = bitAt(key, node.bit)
    siblings.unshift(hashOf(right ? node.left : node.right))
    rights.unshift(right)
    node = right ? node.right : node.left
  }
  return node !== undefined && equalBytes(node.key, key) ? { siblings, rights } : undefined
}
