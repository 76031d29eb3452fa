/** The BLAKE3 tree: official vectors, and openings that show what stands in a blob and nothing else. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'

import fc from 'fast-check'

import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import {
  chunkCount,
  coveringChunks,
  openSlices,
  treeHash,
  verifySlices,
} from '../../../src/program/blake3-tree.ts'
import { repositoryFile } from './files.ts'

interface OfficialCase {
  readonly input_len: number
  readonly hash: string
  readonly keyed_hash: string
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 251)
}

const blob = fc.uint8Array({ minLength: 1, maxLength: 9000 })
const blobAndRanges = blob.chain((bytes) =>
  fc.tuple(
    fc.constant(bytes),
    fc.array(
      fc
        .tuple(fc.nat(bytes.length - 1), fc.nat(1500))
        .map(([start, more]) => ({ start, end: Math.min(start + 1 + more, bytes.length) })),
      { minLength: 1, maxLength: 4 },
    ),
  ),
)

describe('BLAKE3 tree', () => {
  it('meets the official vectors, plain and keyed', () => {
    const file = repositoryFile('test/vectors/blake3/test_vectors.json')
    const official = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly key: string
      readonly cases: readonly OfficialCase[]
    }
    for (const { input_len, hash, keyed_hash } of official.cases) {
      const input = pattern(input_len)
      check.equal(toHex(treeHash(input)), hash.slice(0, 64), `length ${input_len}`)
      check.equal(toHex(treeHash(input, utf8(official.key))), keyed_hash.slice(0, 64))
      check.equal(toHex(blake3(input)), hash.slice(0, 64))
    }
  })

  it('opens any ranges of any blob, and the opened bytes are those of the blob', () => {
    fc.assert(
      fc.property(blobAndRanges, ([bytes, ranges]) => {
        const opened = verifySlices(blake3(bytes), bytes.length, ranges, openSlices(bytes, ranges))
        check.ok(opened !== null)
        for (const range of ranges) {
          check.deepEqual(opened.read(range), bytes.slice(range.start, range.end))
        }
      }),
    )
  })

  it('refuses an opening in which any byte is changed, missing or added', () => {
    fc.assert(
      fc.property(blobAndRanges, fc.nat(), fc.integer({ min: 1, max: 255 }), (sample, at, by) => {
        const [bytes, ranges] = sample
        const digest = blake3(bytes)
        const good = openSlices(bytes, ranges)
        for (const part of ['chunks', 'siblings'] as const) {
          if (good[part].length === 0) continue
          const changed = good[part].slice()
          const index = at % changed.length
          changed[index] = (changed[index] as number) ^ by
          const longer = Uint8Array.from([...good[part], 0])
          for (const value of [changed, longer, good[part].slice(0, -1)]) {
            check.equal(
              verifySlices(digest, bytes.length, ranges, { ...good, [part]: value }),
              null,
            )
          }
        }
      }),
    )
  })

  it('refuses a range that the blob does not have', () => {
    const bytes = pattern(5000)
    const opening = openSlices(bytes, [{ start: 4990, end: 5000 }])
    check.equal(verifySlices(blake3(bytes), 5001, [{ start: 4991, end: 5001 }], opening), null)
    check.equal(verifySlices(blake3(bytes), 4000, [{ start: 3990, end: 4000 }], opening), null)
  })

  it('counts chunks and covers ranges', () => {
    check.deepEqual([0, 1, 1024, 1025].map(chunkCount), [1, 1, 1, 2])
    const ranges = [
      { start: 1023, end: 1025 },
      { start: 4096, end: 4097 },
    ]
    check.deepEqual(coveringChunks(ranges), [0, 1, 4])
  })
})
