/** The kernel digest names the kernels and nothing else. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'

import { toHex } from '../../../src/base/bytes.ts'
import { manifestOf, readBundle, readManifest } from '../../../src/compute/io/kernel-manifest.ts'
import { BIT_FLAGS, kernelDigest } from '../../../src/compute/kernel-digest.ts'
import { repositoryFile } from '../program/files.ts'

describe('kernel digest', () => {
  it('is the one in native/kernels/manifest.json', () => {
    check.deepEqual(readManifest(), manifestOf(readBundle()))
  })

  it('does not depend on the order of files', () => {
    const bundle = readBundle()
    check.deepEqual(kernelDigest([...bundle].reverse()), kernelDigest(bundle))
  })

  it('changes with one byte of one kernel, and with its name', () => {
    const bundle = readBundle()
    const before = toHex(kernelDigest(bundle))
    bundle.forEach((file, index) => {
      const bytes = file.bytes.slice()
      bytes[0] = (bytes[0] as number) ^ 1
      const changed = bundle.with(index, { ...file, bytes })
      check.notEqual(toHex(kernelDigest(changed)), before, file.path)
      const renamed = bundle.with(index, { ...file, path: `${file.path}x` })
      check.notEqual(toHex(kernelDigest(renamed)), before, file.path)
    })
  })

  it('covers the flags that the build sets', () => {
    const lists = readFileSync(repositoryFile('native/CMakeLists.txt'), 'utf8')
    check.ok(lists.includes(`set(BIT_FLAGS ${BIT_FLAGS})`))
  })
})
