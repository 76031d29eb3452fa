/**
 * The blob store: port `Blobs` over a folder, with a bound for each blob and for all of them.
 *
 *   put    bytes -> digest -> file               get   file -> digest checked -> bytes
 *   fetch  source -> <hex>.part -> digest checked -> fsync -> rename
 *
 * Where bytes come from is the business of `source`, which composition gives; without one, what is
 * not here cannot be fetched. Invariants:
 *   - A name in the index is a whole file of that length; reserved room counts as used.
 *   - Two fetches of one blob share one transfer.
 *   - A full disk leaves no unfinished file behind.
 */

import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'

import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { type Refusal, RefusalError, refusal } from '../../base/refusal.ts'
import type { DurationMs } from '../../base/time.ts'
import type { NativeAddon } from '../../runtime/io/native-addon.ts'
import type { Blobs, PeerId } from '../../runtime/ports.ts'
import type { Wanted } from '../gather.ts'
import {
  BLOB_NAME,
  blobPath,
  diskRefusal,
  readBlobFile,
  syncFolder,
  TEMPORARY_NAME,
  writeBlobFiles,
} from './blob-files.ts'

export interface BlobLimits {
  readonly blobBytesMax: number
  readonly totalBytesMax: number
  readonly blobsMax: number
}

export const DEFAULT_BLOB_LIMITS: BlobLimits = {
  blobBytesMax: 1024 * 1024 * 1024,
  totalBytesMax: 32 * 1024 * 1024 * 1024,
  blobsMax: 1_000_000,
}

/** Where fetched bytes go, in order, from `haveBytes` on. */
export interface BlobSink {
  haveBytes(): number
  write(bytes: Uint8Array): Promise<void>
  /** Every byte is there: checks the digest and, if it is right, keeps the blob. */
  complete(): Promise<boolean>
  reset(): Promise<void>
}

export interface BlobWant extends Wanted {
  readonly peers: readonly PeerId[]
  readonly deadlineMs: number
}

/** Brings a blob into the sink; undefined means that `complete` gave true. */
export type BlobSource = (want: BlobWant, sink: BlobSink) => Promise<Refusal | undefined>

export type Stored =
  | { readonly kind: 'stored'; readonly digest: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

export interface BlobStore extends Blobs {
  readonly folder: string
  readonly limits: BlobLimits
  /** Bytes that may still be stored. */
  freeBytes(): number
  /** As `put`, for callers that can pass on that there is no room. */
  store(bytes: Uint8Array, done: (stored: Stored) => void): void
  /** Enters files that a child of this node has written. */
  adopt(written: readonly Wanted[]): void
  /** For the blob server. */
  sizeBytes(digest: Uint8Array): Promise<number | undefined>
  read(digest: Uint8Array, from: number, lengthBytes: number): AsyncIterable<Uint8Array>
}

type Completion = (refused: Refusal | undefined) => void

export function openBlobStore(
  folder: string,
  limits: BlobLimits,
  addon: NativeAddon,
  source?: BlobSource,
): BlobStore {
  mkdirSync(folder, { recursive: true })
  return new FolderBlobs(folder, limits, addon, source)
}

class FolderBlobs implements BlobStore {
  readonly folder: string
  readonly limits: BlobLimits
  readonly #addon: NativeAddon
  readonly #source: BlobSource | undefined
  readonly #sizes: Map<string, number>
  readonly #waiting = new Map<string, Completion[]>()
  #usedBytes: number

  constructor(folder: string, limits: BlobLimits, addon: NativeAddon, source?: BlobSource) {
    this.folder = folder
    this.limits = limits
    this.#addon = addon
    this.#source = source
    this.#sizes = readIndex(folder)
    this.#usedBytes = [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  freeBytes(): number {
    return Math.max(0, this.limits.totalBytesMax - this.#usedBytes)
  }

  adopt(written: readonly Wanted[]): void {
    for (const { digest, lengthBytes } of written) this.#enter(toHex(digest), lengthBytes)
  }

  has(digest: Uint8Array): boolean {
    return this.#sizes.has(toHex(digest))
  }

  put(bytes: Uint8Array, done: (digest: Uint8Array) => void): void {
    this.store(bytes, (stored) => {
      // The port has no refusal here: bytes of our own that cannot be kept end the process.
      if (stored.kind === 'refused') throw new RefusalError(stored.refusal)
      done(stored.digest)
    })
  }

  store(bytes: Uint8Array, done: (stored: Stored) => void): void {
    this.#addon.blake3Async(bytes, (digest) => {
      const refused = this.has(digest) ? undefined : this.#keep(digest, bytes)
      if (refused === undefined) done({ kind: 'stored', digest })
      else done({ kind: 'refused', refusal: refused })
    })
  }

  get(digest: Uint8Array, done: (bytes: Uint8Array | undefined) => void): void {
    const bytes = this.has(digest) ? readBlobFile(this.folder, digest) : undefined
    if (bytes === undefined) {
      queueMicrotask(() => done(undefined))
      return
    }
    this.#addon.blake3Async(bytes, (actual) => {
      const isWhole = equalBytes(actual, digest)
      if (!isWhole) this.drop(digest)
      done(isWhole ? bytes : undefined)
    })
  }

  fetch(
    digest: Uint8Array,
    lengthBytes: number,
    peers: readonly PeerId[],
    deadline: DurationMs,
    done: Completion,
  ): void {
    const hex = toHex(digest)
    const others = this.#waiting.get(hex)
    if (others !== undefined) {
      others.push(done)
      return
    }
    const refused = this.#sizes.has(hex) ? undefined : this.#noRoomFor(lengthBytes)
    if (this.#sizes.has(hex) || refused !== undefined) {
      queueMicrotask(() => done(refused))
      return
    }
    this.#waiting.set(hex, [done])
    this.#usedBytes += lengthBytes
    void this.#transfer({ digest, lengthBytes, peers, deadlineMs: deadline }, hex)
      .catch(diskRefusal)
      .then((outcome) => {
        this.#usedBytes -= lengthBytes
        if (outcome === undefined) this.#enter(hex, lengthBytes)
        const all = this.#waiting.get(hex) ?? []
        this.#waiting.delete(hex)
        for (const tell of all) tell(outcome)
      })
  }

  drop(digest: Uint8Array): void {
    const hex = toHex(digest)
    this.#usedBytes -= this.#sizes.get(hex) ?? 0
    this.#sizes.delete(hex)
    rmSync(join(this.folder, hex), { force: true })
  }

  sizeBytes(digest: Uint8Array): Promise<number | undefined> {
    return Promise.resolve(this.#sizes.get(toHex(digest)))
  }

  read(digest: Uint8Array, from: number, lengthBytes: number): AsyncIterable<Uint8Array> {
    const end = from + lengthBytes - 1
    return createReadStream(blobPath(this.folder, digest), { start: from, end })
  }

  #keep(digest: Uint8Array, bytes: Uint8Array): Refusal | undefined {
    const refused = this.#noRoomFor(bytes.length)
    if (refused !== undefined) return refused
    try {
      writeBlobFiles(this.folder, [{ digest, bytes }])
    } catch (error) {
      return diskRefusal(error)
    }
    this.#enter(toHex(digest), bytes.length)
    return undefined
  }

  #enter(hex: string, lengthBytes: number): void {
    if (this.#sizes.has(hex)) return
    this.#sizes.set(hex, lengthBytes)
    this.#usedBytes += lengthBytes
  }

  #noRoomFor(lengthBytes: number): Refusal | undefined {
    const { blobBytesMax, totalBytesMax, blobsMax } = this.limits
    if (lengthBytes > blobBytesMax) return refusal('blob_too_large', { lengthBytes, blobBytesMax })
    const blobs = this.#sizes.size + this.#waiting.size
    const isFull = this.#usedBytes + lengthBytes > totalBytesMax || blobs >= blobsMax
    return isFull ? refusal('blob_store_full', { usedBytes: this.#usedBytes, blobs }) : undefined
  }

  async #transfer(want: BlobWant, hex: string): Promise<Refusal | undefined> {
    if (this.#source === undefined) return refusal('input_missing', { blob: hex })
    const part = await openPart(this.folder, hex, want, this.#addon)
    try {
      const refused = await this.#source(want, part.sink)
      return refused ?? (part.isKept() ? undefined : refusal('input_missing', { blob: hex }))
    } catch (error) {
      // What the disk refuses reaches the source as this error, and comes back through it.
      if (error instanceof RefusalError) return error.refusal
      return diskRefusal(error)
    } finally {
      await part.close()
    }
  }
}

/** Names and lengths of the blobs in the folder; what was left unfinished is removed. */
function readIndex(folder: string): Map<string, number> {
  const sizes = new Map<string, number>()
  for (const name of readdirSync(folder)) {
    if (BLOB_NAME.test(name)) sizes.set(name, statSync(join(folder, name)).size)
    if (TEMPORARY_NAME.test(name)) rmSync(join(folder, name), { force: true })
  }
  return sizes
}

interface Part {
  readonly sink: BlobSink
  isKept(): boolean
  close(): Promise<void>
}

/** An unfinished file: bytes that came before a break are kept and resumed. */
async function openPart(
  folder: string,
  hex: string,
  want: Wanted,
  addon: NativeAddon,
): Promise<Part> {
  const path = join(folder, `${hex}.part`)
  const file: FileHandle = await open(path, 'a', 0o644)
  let haveBytes = (await file.stat()).size
  let isKept = false

  async function guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      // Room on the disk matters more than a resumed fetch.
      rmSync(path, { force: true })
      throw new RefusalError(diskRefusal(error))
    }
  }

  async function reset(): Promise<void> {
    await guarded(() => file.truncate(0))
    haveBytes = 0
  }

  if (haveBytes > want.lengthBytes) await reset()

  const sink: BlobSink = {
    haveBytes: () => haveBytes,
    write: async (bytes) => {
      if (haveBytes + bytes.length > want.lengthBytes) {
        throw new RefusalError(refusal('blob_too_large', { lengthBytes: want.lengthBytes }))
      }
      await guarded(async () => {
        await file.appendFile(bytes)
      })
      haveBytes += bytes.length
    },
    complete: async () => {
      if (haveBytes !== want.lengthBytes) return false
      await guarded(() => file.sync())
      const digest = await new Promise<Uint8Array | undefined>((resolve) => {
        addon.blake3File(path, resolve)
      })
      if (digest === undefined || !equalBytes(digest, fromHex(hex))) return false
      await guarded(async () => {
        renameSync(path, join(folder, hex))
        syncFolder(folder)
      })
      isKept = true
      return true
    },
    reset,
  }
  return {
    sink,
    isKept: () => isKept,
    close: async () => {
      await file.close()
      // An empty part has nothing to resume.
      if (!isKept && haveBytes === 0 && existsSync(path)) rmSync(path, { force: true })
    },
  }
}
