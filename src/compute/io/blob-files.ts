/**
 * Files named by the BLAKE3 of their bytes, whole or absent.
 *
 *   <hex>            a blob                        never changed once it is there
 *   <hex>.part       a fetch under way             resumed, or thrown away
 *   tmp-<pid>-<n>    being written by this process  removed when the folder is opened
 *
 * A blob appears by rename after its bytes are on disk, and the folder is synced after the rename.
 */

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { toHex } from '../../base/bytes.ts'
import { type Refusal, refusal } from '../../base/refusal.ts'

export const BLOB_NAME: RegExp = /^[0-9a-f]{64}$/
export const TEMPORARY_NAME: RegExp = /^tmp-/

let writes = 0

export function blobPath(folder: string, digest: Uint8Array): string {
  return join(folder, toHex(digest))
}

/** Writes blobs under their digests, then syncs the folder once. Throws what the disk throws. */
export function writeBlobFiles(
  folder: string,
  blobs: readonly { readonly digest: Uint8Array; readonly bytes: Uint8Array }[],
): void {
  for (const { digest, bytes } of blobs) {
    const temporary = join(folder, `tmp-${process.pid}-${writes++}`)
    try {
      writeWhole(temporary, bytes)
      renameSync(temporary, blobPath(folder, digest))
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  }
  syncFolder(folder)
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', 0o644)
  try {
    for (let offset = 0; offset < bytes.length; ) {
      offset += writeSync(file, bytes, offset, bytes.length - offset)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** The bytes of a blob, or nothing when there is no such file. */
export function readBlobFile(folder: string, digest: Uint8Array): Uint8Array | undefined {
  try {
    const { buffer, byteOffset, byteLength } = readFileSync(blobPath(folder, digest))
    return new Uint8Array(buffer, byteOffset, byteLength)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What a failed file operation is called. */
export function diskRefusal(error: unknown): Refusal {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return refusal(isFull ? 'blob_disk_full' : 'blob_io_failed', { errno: code })
}
