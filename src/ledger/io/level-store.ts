/**
 * The store port over LevelDB: one synced batch at a time, in the order they were asked for.
 *
 * A write that fails ends the process (`onFatal`): after an error LevelDB turns read-only, and the
 * batch that failed may reappear when the database is opened again. What it stores is not trusted
 * either: every value carries its own checksum (`store-schema.ts`).
 *
 * Source: protocol.md §3 (State); docs/adr/0007-state-tree.md.
 */

import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'

import { RefusalError, refusal } from '../../base/refusal.ts'
import type { Store, StoreEntry } from '../../runtime/ports.ts'

export interface LevelStore extends Store {
  /** Completes once what was asked for is done and the files are closed. */
  close(): Promise<void>
}

/**
 * Opens or creates the database in `folder`; one process at a time holds it.
 * @throws RefusalError store_unopenable
 */
export async function openLevelStore(
  folder: string,
  onFatal: (error: unknown) => void,
): Promise<LevelStore> {
  const db = await openDatabase(folder)
  const report = <Value>(work: Promise<Value>, done: (value: Value) => void): void => {
    // The completion runs outside the promise, so that an error of its own is not taken for ours.
    work.then((value) => setImmediate(done, value), onFatal)
  }
  return {
    write: (batch, done) => {
      const operations = batch.map((each) =>
        each.op === 'put'
          ? { type: 'put' as const, key: each.key, value: each.value }
          : { type: 'del' as const, key: each.key },
      )
      report(db.batch(operations, { sync: true }), () => done())
    },
    get: (key, done) =>
      report(db.get(key), (value: Uint8Array | undefined) =>
        done(value === undefined ? undefined : plain(value)),
      ),
    range: (from, to, countMax, done) =>
      report(
        db.iterator({ gte: from, lt: to, limit: countMax }).all(),
        (entries: readonly StoreEntry[]) =>
          done(entries.map(([key, value]) => [key, plain(value)])),
      ),
    close: () => db.close(),
  }
}

async function openDatabase(folder: string): Promise<Level<string, Uint8Array>> {
  const db = new Level<string, Uint8Array>(folder, { valueEncoding: 'view' })
  try {
    await db.open()
    await syncFolder(folder)
  } catch (error) {
    const reason = String((error as { cause?: Error }).cause?.message ?? error).slice(0, 160)
    throw new RefusalError(refusal('store_unopenable', { folder, reason }), { cause: error })
  }
  return db
}

/** The library gives Buffers, whose `slice` is not that of byte arrays. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** LevelDB 1.20 does not sync the first manifest nor the names of its files. */
async function syncFolder(folder: string): Promise<void> {
  const files = await readdir(folder)
  for (const path of [...files.map((file) => join(folder, file)), folder]) {
    const handle = await open(path, 'r')
    await handle.sync()
    await handle.close()
  }
}
