/**
 * The CUDA kernels as they are shipped: made from these sources, and of exact instructions only.
 *
 * What needs nvcc is not run where there is none, and says so.
 */

import { strict as check } from 'node:assert'
import {
  makeCubin,
  makePtx,
  nvccVersion,
  readPtx,
  readPtxManifest,
  sourcesDigest,
} from '../../scripts/ptx/kernels.ts'
import { type Arithmetic, arithmeticOf } from '../../scripts/ptx/machine-code.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'

const COMPILE_MS_MAX = 300_000
/** Elements of an item's tile, and words of k between two barriers. */
const TILE = 64
const DEPTH = 16
/** The compiler may write the end of a chunk several times, for the first, the last, any other. */
const CHUNK_COPIES_MAX = 4

const ptx = readPtx()
const manifest = readPtxManifest()
const installed = nvccVersion()

describe('the shipped PTX', () => {
  it('is the one that its manifest names', () => {
    check.equal(toHex(sha256(utf8(ptx))), manifest.ptx)
  })

  it('was made from the kernels as they are: npm run ptx', () => {
    check.equal(sourcesDigest(), manifest.sources)
  })

  it('asks for no driver later than that of CUDA 11.0, and for no GPU later than Turing', () => {
    check.ok(ptx.startsWith('.version 7.0\n.target sm_75\n.address_size 64\n'))
  })

  it('rounds every sum and product by itself: what says .rn is never contracted', () => {
    const arithmetic = ptx.match(/\b(add|sub|mul|mad|fma|div|sqrt|rcp)\.[a-z.0-9]*f32\b/g) ?? []
    const exact = new Set(['add', 'sub', 'mul', 'fma', 'div', 'sqrt'].map((op) => `${op}.rn.f32`))
    check.deepEqual(
      arithmetic.filter((instruction) => !exact.has(instruction)),
      [],
    )
    check.ok(arithmetic.length > 1000)
  })

  it('neither approximates nor flushes', () => {
    check.equal(/\.(approx|ftz|full)\b/.exec(ptx), null)
  })

  it('is what nvcc makes of the sources', function () {
    this.timeout(COMPILE_MS_MAX)
    if (installed !== manifest.compiler) {
      notRun(`made by nvcc ${manifest.compiler}; here is ${installed ?? 'none'}`)
      this.skip()
    }
    check.equal(makePtx(), ptx)
  })
})

describe('the machine code of the CUDA kernels', () => {
  for (const architecture of ['sm_80', 'sm_90']) {
    it(`multiplies and adds in one step only, for ${architecture}`, function () {
      this.timeout(COMPILE_MS_MAX)
      if (installed === undefined) {
        notRun('nvcc is not installed')
        this.skip()
      }
      const code = arithmeticOf(makeCubin(architecture))
      check.equal(code.size, (ptx.match(/\.entry /g) ?? []).length)
      // The chain of the tile: all words between two barriers, unrolled, and nothing else.
      const tile = code.get('matmul_f32_tile') as Arithmetic
      check.equal(tile.ffma, TILE * DEPTH)
      check.equal(tile.fmul, 0)
      check.equal(tile.mufu, 0)
      // Sums of chunks: one addition for each element of the tile, in each copy of that code.
      check.equal(tile.fadd % TILE, 0)
      check.ok(tile.fadd >= TILE && tile.fadd <= TILE * CHUNK_COPIES_MAX)
      // One for each element: the chain may be unrolled, the sum of chunks is one addition.
      const thin = code.get('matmul_f32_thin') as Arithmetic
      check.ok(thin.ffma > 0 && thin.fadd > 0)
      check.equal(thin.fmul + thin.mufu, 0)
      // What only multiplies, or only adds, has not been made into something else.
      check.deepEqual(code.get('mul_f32'), { ffma: 0, fadd: 0, fmul: 1, mufu: 0 })
      check.deepEqual(code.get('add_f32'), { ffma: 0, fadd: 1, fmul: 0, mufu: 0 })
      check.deepEqual(code.get('axpy_f32'), { ffma: 1, fadd: 0, fmul: 0, mufu: 0 })
      for (const name of ['matmul_s8_tile', 'matmul_s8_thin', 'move_f32', 'argmax_f32']) {
        check.deepEqual(code.get(name), { ffma: 0, fadd: 0, fmul: 0, mufu: 0 }, name)
      }
    })
  }
})

function notRun(reason: string): void {
  process.stderr.write(`      not run: ${reason}\n`)
}
