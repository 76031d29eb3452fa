/** Files that commands read, bounded, each failure told by its path. */

import { readFileSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import { EXIT, fail } from './failure.ts'

/** Larger than any input or weight that default parameters admit. */
export const FILE_BYTES_MAX: number = 1024 * 1024 * 1024

/** @throws CliFailure `code` */
export function readBytes(path: string, code: string, bytesMax = FILE_BYTES_MAX): Uint8Array {
  try {
    const { size } = statSync(path)
    if (size > bytesMax) fail(EXIT.usage, code, { path, bytes: size, bytesMax })
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code
    if (reason === undefined) throw error
    return fail(EXIT.usage, code, { path, reason })
  }
}

/** The bytes of a file; of one that ends in `.gz`, what is packed in it. @throws CliFailure `code` */
export function readUnpacked(path: string, code: string): Uint8Array {
  const bytes = readBytes(path, code)
  if (!path.endsWith('.gz')) return bytes
  try {
    return new Uint8Array(gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX }))
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'not gzip'
    return fail(EXIT.usage, code, { path, reason })
  }
}

/** @throws CliFailure `code` */
export function readText(path: string, code: string, bytesMax: number): string {
  return new TextDecoder().decode(readBytes(path, code, bytesMax))
}
