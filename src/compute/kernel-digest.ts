/**
 * `kernel_variant.digest`: one hash that names the kernels a receipt was made with.
 *
 *   SHA-256( "bt/kernels/1" || u32 count || for each part, by name: len(name) name len(bytes) bytes )
 *
 * Parts are the files of the kernel bundle under their relative paths, the compiler flags that can
 * change a bit, and the version of the runtime. Equal across checkouts: no absolute path, no time,
 * no machine. Instruction set, compiler and driver are separate fields, because they may not change
 * a bit. Changing one byte of one kernel changes the digest.
 */

import { assert } from '../base/assert.ts'
import { u32Bytes, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { byText } from '../base/ordered.ts'

/** Folders of the kernel bundle, relative to the root of the repository. */
export const BUNDLE_FOLDERS: readonly string[] = [
  'native/kernels',
  'native/runtime',
  'native/tensor',
]
/** Files of those folders that belong to the bundle. */
export const BUNDLE_SUFFIXES: readonly string[] = ['.cpp', '.h', '.inc', '.in', '.mm', '.ptx']
/** The compiler flags that can change a bit; native/CMakeLists.txt must set exactly these. */
export const BIT_FLAGS = '-ffp-contract=off -fno-fast-math'
/** Raised when results could change without a kernel's source changing. */
export const RUNTIME_STAMP = 'bt-num-v1 runtime 1'

export interface BundleFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** @param files of the bundle, in any order. */
export function kernelDigest(files: readonly BundleFile[]): Uint8Array {
  const parts: BundleFile[] = [
    ...files,
    { path: 'flags', bytes: utf8(BIT_FLAGS) },
    { path: 'runtime', bytes: utf8(RUNTIME_STAMP) },
  ]
  parts.sort((left, right) => byText(left.path, right.path))
  const framed = parts.flatMap(({ path, bytes }, index) => {
    assert(path !== parts[index - 1]?.path, 'a path stands once in the bundle')
    const name = utf8(path)
    return [u32Bytes(name.length), name, u32Bytes(bytes.length), bytes]
  })
  return sha256(utf8('bt/kernels/1'), u32Bytes(parts.length), ...framed)
}
