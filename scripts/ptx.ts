/**
 * Makes native/kernels/ptx anew from the device kernels. Needs nvcc 11 or later.
 *
 * Usage: npm run ptx
 */

import { makePtx, manifestOf, nvccVersion, writePtx } from './ptx/kernels.ts'

const version = nvccVersion()
if (version === undefined) {
  process.stderr.write('nvcc is not installed: the CUDA toolkit has it\n')
  process.exitCode = 1
} else {
  const ptx = makePtx()
  writePtx(ptx, manifestOf(ptx, version))
  process.stderr.write(`wrote native/kernels/ptx: ${ptx.length} bytes, nvcc ${version}\n`)
}
