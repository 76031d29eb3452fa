/**
 * The kernel manifest: native/kernels/manifest.json, the digest of the bundle and of each file.
 *
 * The build reads the digest from it and puts it into the fabric; a test compares it with the
 * sources. `node dist/src/compute/io/kernel-manifest.js` (any build folder) writes it anew after a
 * kernel has changed; a new digest must then enter genesis or the governance table.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { fromHex, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/hash.ts'
import { REPOSITORY_ROOT } from '../../runtime/io/native-addon.ts'
import {
  BIT_FLAGS,
  BUNDLE_FOLDERS,
  BUNDLE_SUFFIXES,
  type BundleFile,
  kernelDigest,
  RUNTIME_STAMP,
} from '../kernel-digest.ts'

export const MANIFEST_PATH: string = join(REPOSITORY_ROOT, 'native/kernels/manifest.json')

export interface KernelManifest {
  /** Hex. */
  readonly digest: string
  readonly flags: string
  readonly runtime: string
  /** Path -> SHA-256, hex. */
  readonly files: Readonly<Record<string, string>>
}

/** The files of the bundle, by path. */
export function readBundle(root: string = REPOSITORY_ROOT): BundleFile[] {
  return BUNDLE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && BUNDLE_SUFFIXES.some((end) => entry.name.endsWith(end)))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({
        path: relative(root, path).split(sep).join('/'),
        bytes: readFileSync(path),
      })),
  ).sort((left, right) => (left.path < right.path ? -1 : 1))
}

export function manifestOf(bundle: readonly BundleFile[]): KernelManifest {
  return {
    digest: toHex(kernelDigest(bundle)),
    flags: BIT_FLAGS,
    runtime: RUNTIME_STAMP,
    files: Object.fromEntries(bundle.map(({ path, bytes }) => [path, toHex(sha256(bytes))])),
  }
}

export function readManifest(): KernelManifest {
  return JSON.parse(readFileSync(MANIFEST_PATH, 'utf8')) as KernelManifest
}

/** kernel_variant.digest of this checkout, as the manifest states it. */
export function ownKernelDigest(): Uint8Array {
  return fromHex(readManifest().digest, 32)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(MANIFEST_PATH, `${JSON.stringify(manifestOf(readBundle()), null, 2)}\n`)
}
