/**
 * The same bits on every backend of this machine: all golden vectors and some random programs.
 *
 * A backend that is absent is named with its reason; with TB_REQUIRE_BACKENDS=1 that is a failure.
 */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OPS } from '../../src/program/ops.ts'
import { backends, runPack } from '../bits/backends.ts'
import { goldenCases, packBytes, randomCases } from '../bits/pack.ts'
import { recipeOf } from '../bits/random-program.ts'

const SEED = 20_261
const RANDOM_PROGRAMS = 150
const RUN_MS_MAX = 240_000
/** Vectors of the ops that even the sample plugin has. */
const PASSED_MIN = 1_900

const { found, absent } = backends()

describe('every backend', () => {
  let folder: string
  let path: string
  let cases: number

  before(function () {
    this.timeout(60_000)
    folder = mkdtempSync(join(tmpdir(), 'bt-bits-'))
    path = join(folder, 'all.pack')
    const all = [...goldenCases(), ...randomCases(SEED, RANDOM_PROGRAMS)]
    cases = all.length
    writeFileSync(path, packBytes(all))
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const backend of found) {
    it(`gives the bits of the evaluator: ${backend.name}`, async function () {
      this.timeout(RUN_MS_MAX + 1000)
      const run = await runPack(backend, path, RUN_MS_MAX)
      check.deepEqual(run.complaints, [], `seed ${SEED}`)
      check.ok(run.isGood)
      check.equal(run.passed + run.unsupported, cases)
      check.ok(run.passed > PASSED_MIN)
    })
  }

  it('is present where all are required', () => {
    for (const { name, reason } of absent) {
      process.stderr.write(`      ${name}: not run, ${reason}\n`)
    }
    if (process.env['TB_REQUIRE_BACKENDS'] === '1') check.deepEqual(absent, [])
  })

  it('has a recipe for random programs of every op', () => {
    for (const op of OPS) check.ok(recipeOf(op))
  })
})
