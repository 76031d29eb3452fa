/** The store over LevelDB: batches land, ranges are ordered, and one process at a time holds it. */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { RefusalError } from '../../../../src/base/refusal.ts'
import { openLevelStore } from '../../../../src/ledger/io/level-store.ts'
import type { Store, StoreEntry, StoreOp } from '../../../../src/runtime/ports.ts'

function write(store: Store, batch: readonly StoreOp[]): Promise<void> {
  return new Promise((done) => store.write(batch, done))
}

function range(store: Store, from: string, to: string, countMax: number) {
  return new Promise<readonly StoreEntry[]>((done) => store.range(from, to, countMax, done))
}

function get(store: Store, key: string) {
  return new Promise<Uint8Array | undefined>((done) => store.get(key, done))
}

function neverFails(error: unknown): void {
  throw error
}

describe('level store', () => {
  let folder = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'))
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('keeps a batch over a reopening, and ranges in key order up to a count', async () => {
    const path = join(folder, 'db')
    const store = await openLevelStore(path, neverFails)
    const puts = ['b', 'a', 'c', 'd'].map(
      (key, at) => ({ op: 'put', key: `state/${key}`, value: Uint8Array.of(at) }) as const,
    )
    await write(store, [...puts, { op: 'del', key: 'state/c' }])
    await store.close()
    const again = await openLevelStore(path, neverFails)
    check.deepEqual(await get(again, 'state/b'), Uint8Array.of(0))
    check.equal(await get(again, 'state/c'), undefined)
    const all = await range(again, 'state/', 'state0', 10)
    check.deepEqual(
      all.map(([key]) => key),
      ['state/a', 'state/b', 'state/d'],
    )
    check.equal((await range(again, 'state/', 'state0', 2)).length, 2)
    check.equal((await range(again, 'state/b', 'state/d', 9)).length, 1)
    await again.close()
  })

  it('completes only after the call has returned', async () => {
    const store = await openLevelStore(join(folder, 'db'), neverFails)
    let returned = false
    const written = new Promise<void>((done) =>
      store.write([], () => {
        check.ok(returned)
        done()
      }),
    )
    returned = true
    await written
    await store.close()
  })

  it('is refused with a code while another holds the folder', async () => {
    const path = join(folder, 'db')
    const store = await openLevelStore(path, neverFails)
    await check.rejects(openLevelStore(path, neverFails), (error: unknown) => {
      check.ok(error instanceof RefusalError)
      return error.refusal.code === 'store_unopenable'
    })
    await store.close()
  })
})
