/**
 * Fabrics of devices: the same bits in every mode that `bits.test.ts` does not know, and a clear
 * word where there is no device.
 *
 * CUDA runs against a driver without a GPU (native/test/fake-cuda.cpp) that takes the shipped PTX
 * at its word and computes with the same kernels as plain C++.
 */

import { strict as check } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { NATIVE_DIR } from '../../src/runtime/io/native-addon.ts'
import { goldenCases, packBytes, randomCases } from '../bits/pack.ts'

const RUN_MS_MAX = 300_000
const SEED = 31_337
const RANDOM_PROGRAMS = 20

const PACK_TEST = join(NATIVE_DIR, 'pack-test')
const OPENCL = join(NATIVE_DIR, 'libblocktorch_opencl.so')
const CUDA = join(NATIVE_DIR, 'libblocktorch_cuda.so')
const WITH_FAKE_CUDA = { LD_LIBRARY_PATH: join(NATIVE_DIR, 'fake') }

describe('the device fabrics', () => {
  let folder: string
  let pack: string
  let cases: number

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bt-devices-'))
    pack = join(folder, 'some.pack')
    const all = [...goldenCases(), ...randomCases(SEED, RANDOM_PROGRAMS)]
    cases = all.length
    writeFileSync(pack, packBytes(all))
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  /** The last line that a run of the pack says. */
  function said(fabric: string, env: Record<string, string>, options = '{}'): string {
    const { stdout, stderr } = spawnSync(PACK_TEST, [pack, fabric, '--options', options], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      timeout: RUN_MS_MAX,
    })
    const lines = `${stdout}${stderr}`.trim().split('\n')
    return lines.at(-1) ?? ''
  }

  const all = () => `${cases} passed, 0 failed, 0 unsupported`

  it('give the bits of the evaluator: cuda, shipped PTX', function () {
    this.timeout(RUN_MS_MAX)
    check.equal(said(CUDA, WITH_FAKE_CUDA), all())
  })

  for (const tiling of ['cpu', 'gpu']) {
    it(`give them with quotients and roots by digits: opencl, ${tiling} tiling`, function () {
      this.timeout(RUN_MS_MAX)
      if (!hasOpenCl()) {
        notRun('no OpenCL driver; apt-get install pocl-opencl-icd ocl-icd-libopencl1')
        this.skip()
      }
      check.equal(said(OPENCL, {}, `{"soft":true,"tiling":"${tiling}"}`), all())
    })
  }

  it('say what is missing', function () {
    this.timeout(RUN_MS_MAX)
    const none = { OCL_ICD_VENDORS: folder, OPENCL_VENDOR_PATH: folder }
    check.match(
      said(OPENCL, none),
      /^(no OpenCL driver is installed|libOpenCL\.so\.1 is not installed)$/,
    )
    check.equal(said(CUDA, { ...WITH_FAKE_CUDA, FAKE_CUDA: 'none' }), 'no CUDA device')
    check.equal(
      said(CUDA, { ...WITH_FAKE_CUDA, FAKE_CUDA: 'old' }),
      'fake: its compute capability is below 7.5',
    )
  })

  it('list no device that computes something else', function () {
    this.timeout(RUN_MS_MAX)
    const broken = { ...WITH_FAKE_CUDA, FAKE_CUDA: 'broken' }
    check.equal(said(CUDA, broken), 'fake: self-test failed: tanh_f32')
  })
})

/** With TB_REQUIRE_BACKENDS=1 what is absent is a failure, here as in bits.test.ts. */
function hasOpenCl(): boolean {
  return process.env['TB_REQUIRE_BACKENDS'] === '1' || existsSync('/etc/OpenCL/vendors')
}

function notRun(reason: string): void {
  process.stderr.write(`      not run: ${reason}\n`)
}
