/** The state tree: one root for one content, proofs that hold, and no cheap way to slow it down. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { compareBytes, concatBytes, toHex, u32Bytes, utf8 } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/base/hash.ts'
import type { Change } from '../../../src/ledger/state.ts'
import { StateTree, stateKey, verifyInclusion } from '../../../src/ledger/state-tree.ts'

const TABLE = 'things'

const change = fc.record({
  key: fc.integer({ min: 0, max: 60 }).map((each) => each.toString(16)),
  value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
})

function asChange({ key, value }: { key: string; value: Uint8Array | undefined }): Change {
  return { table: TABLE, key, value }
}

/** The specification, from nothing: buckets of 14 bits, in each a trie over the other bits. */
function rootByRule(content: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const leaves = [...content].map(([key, value]) => {
    const hashed = stateKey(TABLE, key)
    return { key: hashed, hash: sha256(Uint8Array.of(0), hashed, sha256(value)) }
  })
  leaves.sort((left, right) => compareBytes(left.key, right.key))
  const bitOf = (key: Uint8Array, bit: number): number =>
    ((key[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1
  const trie = (among: typeof leaves, bit: number): Uint8Array => {
    if (among.length === 1) return (among[0] as (typeof leaves)[number]).hash
    const left = among.filter(({ key }) => bitOf(key, bit) === 0)
    const right = among.filter(({ key }) => bitOf(key, bit) === 1)
    if (left.length === 0 || right.length === 0) return trie(among, bit + 1)
    return sha256(trie(left, bit + 1), trie(right, bit + 1))
  }
  const empty: Uint8Array[] = [new Uint8Array(32)]
  for (let depth = 1; depth <= 14; depth++) {
    const below = empty[depth - 1] as Uint8Array
    empty.push(sha256(below, below))
  }
  const node = (among: typeof leaves, depth: number): Uint8Array => {
    if (among.length === 0) return empty[14 - depth] as Uint8Array
    if (depth === 14) return trie(among, 14)
    const left = among.filter(({ key }) => bitOf(key, depth) === 0)
    const right = among.filter(({ key }) => bitOf(key, depth) === 1)
    return sha256(node(left, depth + 1), node(right, depth + 1))
  }
  return node(leaves, 0)
}

describe('state tree', () => {
  it('has the root of the rule after any changes, however they are grouped', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 8 }), (batches) => {
        const tree = new StateTree()
        const single = new StateTree()
        const content = new Map<string, Uint8Array>()
        for (const batch of batches) {
          tree.update(batch.map(asChange))
          for (const each of batch) {
            single.update([asChange(each)])
            if (each.value === undefined) content.delete(each.key)
            else content.set(each.key, each.value)
          }
        }
        const expected = toHex(rootByRule(content))
        check.equal(toHex(tree.root), expected)
        check.equal(toHex(single.root), expected)
      }),
      { numRuns: 40 },
    )
  })

  it('proves each value it holds, and no other value, key, table or root', () => {
    const tree = new StateTree()
    const keys = Array.from({ length: 300 }, (_, at) => at.toString(16))
    tree.update(keys.map((key) => ({ table: TABLE, key, value: utf8(key) })))
    for (const key of keys) {
      const proof = tree.prove(TABLE, key)
      check.ok(proof !== undefined)
      const what = { table: TABLE, key, value: utf8(key) }
      check.ok(verifyInclusion(tree.root, what, proof))
      check.ok(!verifyInclusion(tree.root, { ...what, value: utf8('x') }, proof))
      check.ok(!verifyInclusion(tree.root, { ...what, key: `${key}0` }, proof))
      check.ok(!verifyInclusion(tree.root, { ...what, table: 'other' }, proof))
      check.ok(!verifyInclusion(new Uint8Array(32), what, proof))
    }
    check.equal(tree.prove(TABLE, 'absent'), undefined)
  })

  it('does not take a node for a leaf', () => {
    const tree = new StateTree()
    tree.update([{ table: TABLE, key: 'a', value: utf8('a') }])
    check.ok(
      !verifyInclusion(
        tree.root,
        { table: TABLE, key: 'a', value: concatBytes(tree.root, tree.root) },
        { siblings: [], rights: [] },
      ),
    )
  })

  it('keeps the cost of one change at the depth of its path in a bucket of 10,000 ground keys', () => {
    // Grinding for one of 2^14 buckets takes 2^14 hashes a key; for the test, keys are ground for
    // a shared prefix of 4 bits and then placed one by one, which shows the same thing: depth.
    const tree = new StateTree()
    const keys: string[] = []
    for (let at = 0; keys.length < 10_000; at++) {
      const key = toHex(u32Bytes(at))
      if (((stateKey(TABLE, key)[0] as number) & 0xf0) === 0) keys.push(key)
    }
    tree.update(keys.map((key) => ({ table: TABLE, key, value: utf8(key) })))
    const depths = keys.slice(0, 500).map((key) => tree.prove(TABLE, key)?.siblings.length ?? 0)
    check.ok(Math.max(...depths) < 14 + 40)
  })
})
