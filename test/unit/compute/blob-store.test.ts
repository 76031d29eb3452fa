/** The blob store keeps whole blobs only, within its bounds, whatever sources and disks do. */

import { strict as check } from 'node:assert'
import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { toHex } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import type { Refusal } from '../../../src/base/refusal.ts'
import { refusal } from '../../../src/base/refusal.ts'
import { durationMs } from '../../../src/base/time.ts'
import {
  type BlobLimits,
  type BlobSource,
  type BlobStore,
  DEFAULT_BLOB_LIMITS,
  openBlobStore,
  type Stored,
} from '../../../src/compute/io/blob-store.ts'
import { addon, withFolder } from './native.ts'

function bytesOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + seed) % 256)
}

function open(folder: string, source?: BlobSource, limits: Partial<BlobLimits> = {}): BlobStore {
  return openBlobStore(folder, { ...DEFAULT_BLOB_LIMITS, ...limits }, addon(), source)
}

function put(store: BlobStore, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => store.put(bytes, resolve))
}

function get(store: BlobStore, digest: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => store.get(digest, resolve))
}

function fetch(
  store: BlobStore,
  digest: Uint8Array,
  lengthBytes: number,
): Promise<Refusal | undefined> {
  return new Promise((resolve) => store.fetch(digest, lengthBytes, [], durationMs(1000), resolve))
}

/** Gives `bytes` from where the sink stands, in pieces, and completes. */
function serving(bytes: Uint8Array, piece = 1000): BlobSource {
  return async (_want, sink) => {
    for (let at = sink.haveBytes(); at < bytes.length; at += piece) {
      await sink.write(bytes.subarray(at, at + piece))
    }
    if (await sink.complete()) return undefined
    await sink.reset()
    return refusal('blob_digest_mismatch')
  }
}

describe('blob store', () => {
  it('gives back what was put, also after it is opened again', () =>
    withFolder(async (folder) => {
      const bytes = bytesOf(70_000)
      const digest = await put(open(folder), bytes)
      check.deepEqual(digest, blake3(bytes))
      const again = open(folder)
      check.ok(again.has(digest))
      check.equal(again.freeBytes(), DEFAULT_BLOB_LIMITS.totalBytesMax - bytes.length)
      check.equal(toHex((await get(again, digest)) ?? new Uint8Array()), toHex(bytes))
      check.equal(await again.sizeBytes(digest), bytes.length)
      const parts: Uint8Array[] = []
      for await (const part of again.read(digest, 10, 100)) parts.push(part)
      check.deepEqual(Buffer.concat(parts), Buffer.from(bytes.subarray(10, 110)))
      again.drop(digest)
      check.equal(await get(again, digest), undefined)
      check.deepEqual(readdirSync(folder), [])
    }))

  it('does not give out a damaged file, and forgets it', () =>
    withFolder(async (folder) => {
      const store = open(folder)
      const digest = await put(store, bytesOf(5000))
      writeFileSync(join(folder, toHex(digest)), bytesOf(5000, 2))
      check.equal(await get(store, digest), undefined)
      check.ok(!store.has(digest))
    }))

  it('fetches once for many who ask at the same time', () =>
    withFolder(async (folder) => {
      const bytes = bytesOf(3500)
      let transfers = 0
      const source: BlobSource = (want, sink) => {
        transfers++
        return serving(bytes)(want, sink)
      }
      const store = open(folder, source)
      const digest = blake3(bytes)
      const outcomes = await Promise.all([1, 2, 3].map(() => fetch(store, digest, bytes.length)))
      check.deepEqual(outcomes, [undefined, undefined, undefined])
      check.equal(transfers, 1)
      check.deepEqual(readdirSync(folder), [toHex(digest)])
    }))

  it('resumes an interrupted fetch where it stopped', () =>
    withFolder(async (folder) => {
      const bytes = bytesOf(3500)
      const digest = blake3(bytes)
      const breaking: BlobSource = async (_want, sink) => {
        await sink.write(bytes.subarray(0, 2000))
        return refusal('blob_not_found')
      }
      check.equal((await fetch(open(folder, breaking), digest, 3500))?.code, 'blob_not_found')
      let resumedAt = -1
      const source: BlobSource = (want, sink) => {
        resumedAt = sink.haveBytes()
        return serving(bytes)(want, sink)
      }
      check.equal(await fetch(open(folder, source), digest, 3500), undefined)
      check.equal(resumedAt, 2000)
    }))

  it('keeps nothing of wrong bytes, too many bytes, too few bytes', () =>
    withFolder(async (folder) => {
      const bytes = bytesOf(3500)
      const digest = blake3(bytes)
      const wrong = await fetch(open(folder, serving(bytesOf(3500, 9))), digest, 3500)
      check.equal(wrong?.code, 'blob_digest_mismatch')
      const tooMany = await fetch(open(folder, serving(bytesOf(9000, 9))), digest, 3500)
      check.equal(tooMany?.code, 'blob_too_large')
      const tooFew = await fetch(open(folder, serving(bytes.subarray(0, 10))), digest, 3500)
      check.equal(tooFew?.code, 'blob_digest_mismatch')
      const claimed = await fetch(
        open(folder, async () => undefined),
        digest,
        3500,
      )
      check.equal(claimed?.code, 'input_missing')
      check.ok(!existsSync(join(folder, toHex(digest))))
      check.ok(!open(folder).has(digest))
    }))

  it('refuses what does not fit, counting fetches under way', () =>
    withFolder(async (folder) => {
      const bytes = bytesOf(3000)
      const limits = { blobBytesMax: 4000, totalBytesMax: 5000 }
      const store = open(folder, serving(bytes), limits)
      check.equal((await fetch(store, blake3(bytes), 4001))?.code, 'blob_too_large')
      const first = fetch(store, blake3(bytes), 3000)
      check.equal((await fetch(store, blake3(bytesOf(2001)), 2001))?.code, 'blob_store_full')
      check.equal(await first, undefined)
      check.equal(store.freeBytes(), 2000)
    }))

  it('removes what an earlier process left unfinished', () =>
    withFolder(async (folder) => {
      appendFileSync(join(folder, 'tmp-1-0'), 'half')
      appendFileSync(join(folder, 'notes.txt'), 'not a blob')
      const store = open(folder)
      check.equal(store.freeBytes(), DEFAULT_BLOB_LIMITS.totalBytesMax)
      check.deepEqual(readdirSync(folder), ['notes.txt'])
    }))

  it('answers a full disk with a code and leaves no unfinished file', () =>
    withFolder(async (folder) => {
      const digest = blake3(bytesOf(10))
      const store = open(folder, async () => {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      })
      const refused = await fetch(store, digest, 10)
      check.deepEqual(refused, refusal('blob_disk_full', { errno: 'ENOSPC' }))
      check.deepEqual(readdirSync(folder), [])
    }))

  it('answers with a code when bytes of its own cannot be kept', () =>
    withFolder(async (folder) => {
      const store = open(join(folder, 'blobs'), undefined, { totalBytesMax: 100 })
      const stored = (bytes: Uint8Array) =>
        new Promise<Stored>((resolve) => store.store(bytes, resolve))
      const tooMany = await stored(bytesOf(101))
      check.equal(tooMany.kind === 'refused' && tooMany.refusal.code, 'blob_store_full')
      rmSync(join(folder, 'blobs'), { recursive: true })
      const nowhere = await stored(bytesOf(10))
      check.equal(nowhere.kind === 'refused' && nowhere.refusal.code, 'blob_io_failed')
      check.equal(store.freeBytes(), 100)
    }))
})
