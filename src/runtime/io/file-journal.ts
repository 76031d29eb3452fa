/**
 * The journal port over one append-only file of checksummed frames.
 *
 *   frame  = 'BTJ1' | length (u32) | checksum (8 bytes) | records
 *   record = length (u32) | bytes
 *   checksum = first 8 bytes of SHA-256(offset (u64) || length (u32) || records)
 *
 *   append  -> written behind the last frame -> fdatasync -> reported durable
 *   replace -> new file written, synced, renamed over the old, folder synced -> reported durable
 *   open    -> torn tail kept aside as `<file>.torn` and cut off
 *
 * Invariants
 *   - A frame is written only once the one before it is durable, so that only the last can be torn.
 *     A bad frame with a whole one behind it is damage, and the file is refused, never cut.
 *   - The checksum binds the place: a frame is whole only where it was written.
 *   - An error of the disk ends the process (`onFatal`); nothing is reported after it.
 *
 * Source: architecture.md (Ports); protocol.md §3 (sign guard and log).
 */

import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

import { assert } from '../../base/assert.ts'
import { concatBytes, equalBytes, u32Bytes, u64Bytes, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/hash.ts'
import { refuse } from '../../base/refusal.ts'
import type { Journal } from '../ports.ts'

const MAGIC: Uint8Array = utf8('BTJ1')
const CHECKSUM_BYTES = 8
const FRAME_HEAD_BYTES: number = MAGIC.length + 4 + CHECKSUM_BYTES
/** Longest record, bytes. */
export const RECORD_BYTES_MAX: number = 1024 * 1024
/** Records of one frame stay below this, bytes, unless it is a single one. */
const FRAME_BYTES_MAX: number = 4 * 1024 * 1024
/** Appends under way; beyond it the disk no longer keeps up and the process ends. */
const APPENDS_MAX = 65_536
/** A journal is replaced long before it is this long, bytes. */
const FILE_BYTES_MAX: number = 1024 * 1024 * 1024

export interface FileJournal extends Journal {
  /** Completes once everything asked for is done and the file is closed. */
  close(): Promise<void>
}

/**
 * Opens or creates the journal at `path`; the folder is made if it is missing.
 * @throws RefusalError journal_damaged, journal_oversized
 */
export async function openFileJournal(
  path: string,
  onFatal: (error: unknown) => void,
): Promise<FileJournal> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // A draft left behind by a crash was never reported durable.
  await rm(draftOf(path), { force: true })
  const file = await open(path, 'a+', 0o600)
  await file.close()
  await syncFolder(path)
  const handle = await open(path, 'r+')
  try {
    const bytes = await readWhole(handle, path)
    const { end } = readFrames(bytes, path)
    if (end < bytes.length) await cutTail(handle, path, bytes.subarray(end), end)
    return new Writer(path, handle, end, onFatal)
  } catch (error) {
    await handle.close()
    throw error
  }
}

type Wish =
  | { readonly kind: 'append'; readonly record: Uint8Array; readonly done: () => void }
  | { readonly kind: 'replace'; readonly records: readonly Uint8Array[]; readonly done: () => void }
  | { readonly kind: 'read'; readonly done: (records: readonly Uint8Array[]) => void }

class Writer implements FileJournal {
  readonly #path: string
  readonly #onFatal: (error: unknown) => void
  #handle: FileHandle
  #end: number
  #wishes: Wish[] = []
  #working: Promise<void> | undefined

  constructor(path: string, handle: FileHandle, end: number, onFatal: (error: unknown) => void) {
    this.#path = path
    this.#handle = handle
    this.#end = end
    this.#onFatal = onFatal
  }

  append(record: Uint8Array, durable: () => void): void {
    assert(record.length <= RECORD_BYTES_MAX, 'a journal record has at most 1 MiB')
    assert(this.#wishes.length < APPENDS_MAX, 'the disk keeps up with the journal')
    this.#wish({ kind: 'append', record, done: durable })
  }

  replace(records: readonly Uint8Array[], durable: () => void): void {
    this.#wish({ kind: 'replace', records, done: durable })
  }

  readAll(done: (records: readonly Uint8Array[]) => void): void {
    this.#wish({ kind: 'read', done })
  }

  async close(): Promise<void> {
    await this.#working
    await this.#handle.close()
  }

  #wish(wish: Wish): void {
    this.#wishes.push(wish)
    this.#working ??= this.#work().then(
      () => {
        this.#working = undefined
      },
      // The journal stays busy for ever: nothing is written, or reported, after an error.
      (error: unknown) => this.#onFatal(error),
    )
  }

  async #work(): Promise<void> {
    for (let next = this.#wishes[0]; next !== undefined; next = this.#wishes[0]) {
      switch (next.kind) {
        case 'append':
          await this.#appendGroup()
          break
        case 'replace':
          this.#wishes.shift()
          await this.#replace(next.records)
          setImmediate(next.done)
          break
        case 'read':
          this.#wishes.shift()
          setImmediate(
            next.done,
            readFrames(await readWhole(this.#handle, this.#path), this.#path).records,
          )
          break
      }
    }
  }

  /** Everything that waits to be appended goes into one frame and one sync. */
  async #appendGroup(): Promise<void> {
    const group: Extract<Wish, { kind: 'append' }>[] = []
    let bytes = 0
    for (const wish of this.#wishes) {
      if (wish.kind !== 'append' || (bytes > 0 && bytes + wish.record.length > FRAME_BYTES_MAX))
        break
      group.push(wish)
      bytes += wish.record.length + 4
    }
    this.#wishes = this.#wishes.slice(group.length)
    const frame = frameOf(
      this.#end,
      group.map(({ record }) => record),
    )
    await writeAt(this.#handle, frame, this.#end)
    await this.#handle.datasync()
    this.#end += frame.length
    for (const { done } of group) setImmediate(done)
  }

  async #replace(records: readonly Uint8Array[]): Promise<void> {
    const fresh = await open(draftOf(this.#path), 'w+', 0o600)
    let end = 0
    for (const group of groupsOf(records)) {
      const frame = frameOf(end, group)
      await writeAt(fresh, frame, end)
      end += frame.length
    }
    await fresh.sync()
    await rename(draftOf(this.#path), this.#path)
    await syncFolder(this.#path)
    await this.#handle.close()
    this.#handle = fresh
    this.#end = end
  }
}

function* groupsOf(records: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let group: Uint8Array[] = []
  let bytes = 0
  for (const record of records) {
    assert(record.length <= RECORD_BYTES_MAX, 'a journal record has at most 1 MiB')
    if (bytes > 0 && bytes + record.length > FRAME_BYTES_MAX) {
      yield group
      group = []
      bytes = 0
    }
    group.push(record)
    bytes += record.length + 4
  }
  if (group.length > 0) yield group
}

function frameOf(offset: number, records: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...records.flatMap((record) => [u32Bytes(record.length), record]))
  return concatBytes(MAGIC, u32Bytes(body.length), checksumOf(offset, body), body)
}

function checksumOf(offset: number, body: Uint8Array): Uint8Array {
  const hash = sha256(u64Bytes(BigInt(offset)), u32Bytes(body.length), body)
  return hash.subarray(0, CHECKSUM_BYTES)
}

interface Frames {
  readonly records: readonly Uint8Array[]
  /** Where the last whole frame ends, bytes. */
  readonly end: number
}

/** @throws RefusalError journal_damaged when a whole frame stands behind a bad one. */
export function readFrames(bytes: Uint8Array, path: string): Frames {
  const records: Uint8Array[] = []
  let end = 0
  for (let body = frameAt(bytes, end); body !== undefined; body = frameAt(bytes, end)) {
    records.push(...recordsOf(body))
    end += FRAME_HEAD_BYTES + body.length
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = buffer.indexOf(MAGIC, end + 1); at >= 0; at = buffer.indexOf(MAGIC, at + 1)) {
    if (frameAt(bytes, at) !== undefined) refuse('journal_damaged', { path, offset: end, next: at })
  }
  return { records, end }
}

function frameAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  const head = bytes.subarray(offset, offset + FRAME_HEAD_BYTES)
  if (head.length < FRAME_HEAD_BYTES || !equalBytes(head.subarray(0, 4), MAGIC)) return undefined
  const length = u32At(head, 4)
  const start = offset + FRAME_HEAD_BYTES
  if (length === 0 || start + length > bytes.length) return undefined
  const body = bytes.subarray(start, start + length)
  return equalBytes(head.subarray(8), checksumOf(offset, body)) ? body : undefined
}

function recordsOf(body: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = []
  for (let at = 0; at < body.length; ) {
    const length = u32At(body, at)
    assert(at + 4 + length <= body.length, 'a frame whose checksum holds is well formed')
    records.push(body.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return records
}

function u32At(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true)
}

async function readWhole(handle: FileHandle, path: string): Promise<Uint8Array> {
  const { size } = await handle.stat()
  if (size > FILE_BYTES_MAX) refuse('journal_oversized', { path, bytes: size })
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(bytes, at, size - at, at)
    assert(bytesRead > 0, 'a journal does not shrink while it is read')
    at += bytesRead
  }
  return bytes
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, offset + at)
    at += bytesWritten
  }
}

/** Keeps what is cut off where a person can look at it. */
async function cutTail(
  handle: FileHandle,
  path: string,
  tail: Uint8Array,
  end: number,
): Promise<void> {
  const torn = await open(`${path}.torn`, 'w', 0o600)
  await writeAt(torn, tail, 0)
  await torn.sync()
  await torn.close()
  await handle.truncate(end)
  await handle.sync()
  await syncFolder(path)
}

function draftOf(path: string): string {
  return `${path}.new`
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  await folder.sync()
  await folder.close()
}
