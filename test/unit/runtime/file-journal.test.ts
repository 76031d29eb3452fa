/** The file journal: what was reported durable is there again, torn tails go, damage is refused. */

import { strict as check } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import fc from 'fast-check'

import { concatBytes, toHex } from '../../../src/base/bytes.ts'
import { attempt, RefusalError } from '../../../src/base/refusal.ts'
import {
  type FileJournal,
  openFileJournal,
  readFrames,
} from '../../../src/runtime/io/file-journal.ts'
import type { Journal } from '../../../src/runtime/ports.ts'

const record = fc.uint8Array({ maxLength: 40 })

function append(journal: Journal, bytes: Uint8Array): Promise<void> {
  return new Promise((done) => journal.append(bytes, done))
}

function readAll(journal: Journal): Promise<readonly Uint8Array[]> {
  return new Promise((done) => journal.readAll(done))
}

function replace(journal: Journal, records: readonly Uint8Array[]): Promise<void> {
  return new Promise((done) => journal.replace(records, done))
}

function hexes(records: readonly Uint8Array[]): string[] {
  return records.map(toHex)
}

function neverFails(error: unknown): void {
  throw error
}

describe('file journal', () => {
  let folder = ''
  let path = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'journal-'))
    path = join(folder, 'deep', 'guard')
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  async function reopened(journal: FileJournal): Promise<FileJournal> {
    await journal.close()
    return openFileJournal(path, neverFails)
  }

  /** The bytes of a journal with one frame for each record. */
  async function written(records: readonly Uint8Array[]): Promise<Uint8Array> {
    rmSync(path, { force: true })
    const journal = await openFileJournal(path, neverFails)
    for (const each of records) await append(journal, each)
    await journal.close()
    return new Uint8Array(readFileSync(path))
  }

  it('gives back what was appended and replaced, in order, after any reopening', async () => {
    const command = fc.oneof(
      fc.record({
        kind: fc.constant('append' as const),
        records: fc.array(record, { maxLength: 5 }),
      }),
      fc.record({
        kind: fc.constant('replace' as const),
        records: fc.array(record, { maxLength: 5 }),
      }),
      fc.record({ kind: fc.constant('reopen' as const), records: fc.constant([]) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 8 }), async (commands) => {
        rmSync(path, { force: true })
        let journal = await openFileJournal(path, neverFails)
        let model: Uint8Array[] = []
        for (const { kind, records } of commands) {
          if (kind === 'append') {
            await Promise.all(records.map((each) => append(journal, each)))
            model.push(...records)
          } else if (kind === 'replace') {
            await replace(journal, records)
            model = [...records]
          } else journal = await reopened(journal)
          check.deepEqual(hexes(await readAll(journal)), hexes(model))
        }
        await journal.close()
      }),
      { numRuns: 25 },
    )
  })

  it('reports each append once and after the call has returned', async () => {
    const journal = await openFileJournal(path, neverFails)
    let returned = false
    const order: number[] = []
    const all = [0, 1, 2].map(
      (each) =>
        new Promise<void>((done) =>
          journal.append(Uint8Array.of(each), () => {
            check.ok(returned)
            order.push(each)
            done()
          }),
        ),
    )
    returned = true
    await Promise.all(all)
    check.deepEqual(order, [0, 1, 2])
    await journal.close()
  })

  it('cuts a torn tail off, keeps it aside, and goes on behind the last whole record', async () => {
    const records = [Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3, 3, 3)]
    const whole = await written(records)
    const lastStart = readFrames(whole.subarray(0, whole.length - 1), path).end
    for (let cut = lastStart + 1; cut < whole.length; cut++) {
      writeFileSync(path, whole.subarray(0, cut))
      const journal = await openFileJournal(path, neverFails)
      check.deepEqual(hexes(await readAll(journal)), ['01', '0202'])
      await append(journal, Uint8Array.of(9))
      const again = await reopened(journal)
      check.deepEqual(hexes(await readAll(again)), ['01', '0202', '09'])
      await again.close()
      check.equal(readFileSync(`${path}.torn`).length, cut - lastStart)
    }
  })

  it('refuses a changed bit in any record but the last, and never gives back what was not written', async () => {
    const records = [Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3, 3, 3)]
    const whole = await written(records)
    const lastStart = readFrames(whole.subarray(0, whole.length - 1), path).end
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(whole)
        changed[at] = (changed[at] as number) ^ (1 << bit)
        const outcome = attempt(() => readFrames(changed, path))
        if (at < lastStart) {
          check.ok('refused' in outcome)
          check.equal(outcome.refused.code, 'journal_damaged')
        } else {
          check.ok('value' in outcome)
          check.deepEqual(hexes(outcome.value.records), ['01', '0202'])
        }
      }
    }
  })

  it('does not take frames of elsewhere for its own', async () => {
    const whole = await written([Uint8Array.of(1), Uint8Array.of(1)])
    const first = whole.subarray(0, whole.length / 2)
    check.equal(readFrames(concatBytes(first, first), path).records.length, 1)
  })

  it('refuses to open a damaged file and leaves it as it is', async () => {
    const whole = await written([Uint8Array.of(1), Uint8Array.of(2)])
    whole[8] = (whole[8] as number) ^ 1
    writeFileSync(path, whole)
    await check.rejects(openFileJournal(path, neverFails), (error: unknown) => {
      check.ok(error instanceof RefusalError)
      return error.refusal.code === 'journal_damaged'
    })
    check.deepEqual(new Uint8Array(readFileSync(path)), whole)
  })

  it('forgets a replacement that was never finished', async () => {
    const journal = await openFileJournal(path, neverFails)
    await append(journal, Uint8Array.of(7))
    writeFileSync(`${path}.new`, 'half')
    const again = await reopened(journal)
    check.deepEqual(hexes(await readAll(again)), ['07'])
    await replace(again, [Uint8Array.of(8)])
    check.deepEqual(hexes(await readAll(again)), ['08'])
    await again.close()
  })
})
