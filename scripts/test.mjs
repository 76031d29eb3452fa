/**
 * Runs the tests and closes with one line: `N passed, N failed`.
 *
 * Each area (unit, vectors, ...) runs in a process of its own, so that none leans on another's
 * leavings; then the native tests run under ctest. A run without a test is a failure, and so is an
 * area that leaves something open when its tests are done.
 *
 * Usage: node scripts/test.mjs [--fast] [--only TEXT]
 *   --fast        without sim and e2e
 *   --only TEXT   only files whose path holds TEXT; `native` is the name of the ctest part
 */

import { fork } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ROOT, run, say, seconds } from './process.mjs'

/** `unit/tensor` by itself, because a process opens a fabric once and both parts open the CPU's. */
const AREAS = ['unit', 'unit/tensor', 'vectors', 'conformance', 'house', 'sim', 'e2e']
const SLOW_AREAS = ['sim', 'e2e']
/** How long a process may go on after its last test. */
const CLOSING_MS_MAX = 10_000

const NOTHING = { passed: 0, failed: 0, pending: 0 }

function testFiles(area, only) {
  const folder = join(ROOT, 'dist/test', area)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => area === 'unit/tensor' || !path.includes('/unit/tensor/'))
    .filter((path) => only === undefined || path.includes(only))
    .sort()
}

/** Settles with the counts of one area; a crash or an unclosed process counts as one failure. */
function runArea(area, files) {
  return new Promise((resolve) => {
    const started = performance.now()
    say(`== ${area}: ${files.length} files`)
    const child = fork(fileURLToPath(new URL('mocha-area.mjs', import.meta.url)), files, {
      cwd: ROOT,
      execArgv: ['--enable-source-maps'],
    })
    let counts
    let closing
    let unclosed = false
    child.on('message', (message) => {
      counts = message
      closing = setTimeout(() => {
        unclosed = true
        child.kill('SIGKILL')
      }, CLOSING_MS_MAX)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(closing)
      const said = counts ?? NOTHING
      const crashed = counts === undefined || (!unclosed && code !== 0)
      if (crashed) say(`== ${area}: the process ended with ${signal ?? `code ${code}`}`)
      if (unclosed) say(`== ${area}: something was still open ${CLOSING_MS_MAX} ms after the tests`)
      say(`== ${area}: ${seconds(started)}`)
      resolve({ ...said, failed: said.failed + (crashed || unclosed ? 1 : 0) })
    })
  })
}

async function runNative() {
  const folder = join(ROOT, 'build/native')
  if (!existsSync(join(folder, 'CTestTestfile.cmake'))) return NOTHING
  const started = performance.now()
  say('== native: ctest')
  const { code, output } = await run('ctest', ['--test-dir', folder, '--output-on-failure'])
  const found = /(\d+) tests failed out of (\d+)/.exec(output)
  if (found === null || code !== 0) say(output)
  say(`== native: ${seconds(started)}`)
  if (found === null) return { ...NOTHING, failed: 1 }
  const failed = Number(found[1])
  return { passed: Number(found[2]) - failed, failed, pending: 0 }
}

const { values } = parseArgs({
  options: { fast: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const total = { ...NOTHING }
const add = (counts) => {
  for (const key of Object.keys(total)) total[key] += counts[key]
}
for (const area of AREAS) {
  if (values.fast && SLOW_AREAS.includes(area)) continue
  const files = testFiles(area, values.only)
  if (files.length > 0) add(await runArea(area, files))
}
if (values.only === undefined || values.only === 'native') add(await runNative())

if (total.pending > 0) say(`${total.pending} skipped`)
const good = total.failed === 0 && total.passed > 0
if (total.passed + total.failed === 0) say('No test was found.')
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = good ? 0 : 1
