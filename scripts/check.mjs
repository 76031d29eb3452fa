/**
 * The quality gates: every step runs, each is named with its time, and the failures are listed.
 *
 * Usage: node scripts/check.mjs [--lint]     --lint: without types, knip, docs and native format
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bin, ROOT, run, say, seconds, version } from './process.mjs'

const CODE = ['src', 'test', 'bench', 'devnet', 'scripts'].filter((folder) =>
  existsSync(join(ROOT, folder)),
)

function nativeFiles() {
  const folder = join(ROOT, 'native')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(h|cpp)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

const node = (...args) => [process.execPath, args]

/** @type {readonly {name: string, lint: boolean, command: readonly [string, readonly string[]]}[]} */
const steps = [
  { name: 'biome', lint: true, command: node(bin('@biomejs/biome/bin/biome'), 'check', '.') },
  {
    name: 'oxlint',
    lint: true,
    command: node(bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings', ...CODE),
  },
  { name: 'types', lint: false, command: node(bin('typescript/bin/tsc'), '--noEmit') },
  { name: 'knip', lint: false, command: node(bin('knip/bin/knip.js'), '--no-config-hints') },
  { name: 'docs', lint: false, command: node('dist/scripts/docs.js', '--check') },
  ...(version('clang-format') === undefined
    ? []
    : [
        {
          name: 'clang-format',
          lint: false,
          command: ['clang-format', ['--dry-run', '--Werror', ...nativeFiles()]],
        },
      ]),
]

const { values } = parseArgs({ options: { lint: { type: 'boolean', default: false } } })
const failed = []
for (const { name, lint, command } of steps) {
  if (values.lint && !lint) continue
  const started = performance.now()
  const { code, output } = await run(command[0], command[1])
  say(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(13)} ${seconds(started)}`)
  if (code !== 0) {
    failed.push(name)
    say(output)
  }
}
if (version('clang-format') === undefined) say('--   clang-format  not installed, not run')
if (failed.length > 0) {
  say(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
