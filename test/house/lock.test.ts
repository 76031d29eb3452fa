/** The set-up lock lets one process in at a time, and a dead owner does not keep others out. */

import { strict as check } from 'node:assert'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { ROOT } from './tree.ts'

const PROCESSES = 5

/** Takes the lock, writes `in` and `out` around a short stay, frees it. */
const VISIT = `
  const [module, path, log] = process.argv.slice(1)
  const { lock } = await import(module)
  const { appendFileSync } = await import('node:fs')
  const free = await lock(path, () => {})
  appendFileSync(log, 'in ')
  await new Promise((resolve) => setTimeout(resolve, 20))
  appendFileSync(log, 'out ')
  free()
`

function visit(path: string, log: string): Promise<number | null> {
  const module = pathToFileURL(join(ROOT, 'scripts/lock.mjs')).href
  const args = ['--input-type=module', '-e', VISIT, module, path, log]
  return new Promise((resolve) => {
    spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }).on('exit', resolve)
  })
}

describe('the set-up lock', () => {
  for (const [state, content] of [
    ['free', undefined],
    ['held by a dead process', '4194305\n'],
    ['torn', ''],
  ] as const) {
    it(`lets one in at a time when it was ${state}, and is gone afterwards`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'blocktorch-lock-'))
      try {
        const path = join(folder, 'setup.lock')
        const log = join(folder, 'log')
        if (content !== undefined) writeFileSync(path, content)
        const codes = await Promise.all(Array.from({ length: PROCESSES }, () => visit(path, log)))
        check.deepEqual(
          codes,
          codes.map(() => 0),
        )
        check.equal(readFileSync(log, 'utf8'), 'in out '.repeat(PROCESSES))
        check.equal(existsSync(path), false)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
