/**
 * A full disk: a store of blobs on 16 MiB refuses with a code, keeps what it has and goes on.
 *
 * As root the disk is a tmpfs of that size; otherwise the store is given that much room.
 */

import { strict as check } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { blake3 } from '../../src/base/hash.ts'
import {
  type BlobStore,
  DEFAULT_BLOB_LIMITS,
  openBlobStore,
  type Stored,
} from '../../src/compute/io/blob-store.ts'
import { loadAddon } from '../../src/runtime/io/native-addon.ts'

const DISK_BYTES = 16 * 1024 * 1024
const BLOB_BYTES = 1024 * 1024
const IS_ROOT = process.getuid?.() === 0

describe('a full disk', () => {
  const disk = mkdtempSync(join(tmpdir(), 'blocktorch-disk-'))

  before(() => {
    if (IS_ROOT) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
  })

  after(() => {
    if (IS_ROOT) execFileSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })

  it('refuses blobs with a code, loses none, and takes new ones when there is room', async () => {
    const limits = { ...DEFAULT_BLOB_LIMITS, totalBytesMax: IS_ROOT ? 1 << 30 : DISK_BYTES }
    const store = openBlobStore(join(disk, 'blobs'), limits, loadAddon())
    const kept: Uint8Array[] = []
    let refused: Stored | undefined
    for (let count = 0; count < 32 && refused === undefined; count++) {
      const outcome = await put(store, new Uint8Array(BLOB_BYTES).fill(count))
      if (outcome.kind === 'stored') kept.push(outcome.digest)
      else refused = outcome
    }
    check.ok(refused?.kind === 'refused', 'the disk fills up')
    check.match(refused.refusal.code, /^blob_(disk_full|store_full)$/)
    check.ok(kept.length >= 10, 'most of the disk was used')
    for (const digest of kept) {
      const bytes = await read(store, digest)
      check.deepEqual(bytes === undefined ? undefined : blake3(bytes), digest)
    }
    check.ok(readdirSync(join(disk, 'blobs')).length <= kept.length + 1, 'no draft is left behind')
    for (const digest of kept.slice(0, 3)) store.drop(digest)
    const again = await until(() => put(store, new Uint8Array(BLOB_BYTES).fill(99)))
    check.equal(again.kind, 'stored')
  })
})

function put(store: BlobStore, bytes: Uint8Array): Promise<Stored> {
  return new Promise((done) => store.store(bytes, done))
}

function read(store: BlobStore, digest: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((done) => store.get(digest, done))
}

/** Dropping is not awaited by anybody, so room may come a moment later. */
async function until(ask: () => Promise<Stored>): Promise<Stored> {
  for (let count = 0; count < 50; count++) {
    const outcome = await ask()
    if (outcome.kind === 'stored') return outcome
    await new Promise((done) => setTimeout(done, 20))
  }
  return await ask()
}
