/**
 * `npm run bench [-- NAME ...]`: one JSON object a line for each figure, with machine and commit.
 *
 * Targets are in docs/testing.md; the figures of one run compare with one another, not with those
 * of another machine.
 */

import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'

import { installNativeHash } from '../src/runtime/io/native-hash.ts'
import type { BenchLine } from './line.ts'

const QUESTIONS: Readonly<Record<string, () => Promise<{ run: () => Promise<BenchLine[]> }>>> = {
  fold: () => import('./fold.ts'),
  codec: () => import('./codec.ts'),
  'state-root': () => import('./state-root.ts'),
  network: () => import('./network.ts'),
}

installNativeHash()
const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => QUESTIONS[name] === undefined)
if (unknown !== undefined) {
  process.stderr.write(
    `no bench is called ${unknown}; there are ${Object.keys(QUESTIONS).join(', ')}\n`,
  )
  process.exit(2)
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const machine = `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}, Node ${process.version}`
for (const [name, load] of Object.entries(QUESTIONS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const { run } = await load()
  for (const line of await run()) {
    process.stdout.write(`${JSON.stringify({ ...line, bench: name, commit, machine })}\n`)
  }
}
process.exit()
