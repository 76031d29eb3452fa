/**
 * Our node against other implementations of libp2p, over real sockets on the loopback interface.
 *
 *   rust-libp2p  in wasm, as the client of @nimiq/core ships it: gossipsub 0.49, noise, yamux
 *   js, older    libp2p 2.10 with @chainsafe/libp2p-gossipsub 14.1.2
 *
 * Installs its own package first, so that none of it is in the node's. Prints `N passed, N failed`
 * and exits with 1 if any failed. Needs the built tree: `node scripts/setup.mjs` first, or the name
 * of another build folder as argument.
 */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const build = process.argv[2] ?? 'dist'
const PATIENCE_MS = 10_000

if (!existsSync(`${here}node_modules/@nimiq/core/package.json`)) {
  const npm = process.env.npm_execpath
  const command = npm === undefined ? ['npm'] : [process.execPath, npm]
  const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync(command[0], [...command.slice(1), ...install], {
    cwd: here,
    stdio: ['ignore', 2, 2],
  })
}

const { openOurs } = await import('./ours.mjs')
const { rustCases } = await import('./rust.mjs')
const { olderCases } = await import('./older.mjs')

let passed = 0
let failed = 0

/** Waits until `holds`, then counts `name` as passed; as failed when it does not in time. */
async function expect(name, holds) {
  const end = Date.now() + PATIENCE_MS
  let value = false
  while (!value && Date.now() < end) {
    value = await holds()
    if (!value) await new Promise((wake) => setTimeout(wake, 20))
  }
  if (value) passed++
  else failed++
  process.stderr.write(`${value ? 'ok  ' : 'FAIL'} ${name}\n`)
}

const open = (options) => openOurs(new URL(`../../${build}/`, import.meta.url), options)
for (const run of [rustCases, olderCases]) {
  try {
    await run(open, expect)
  } catch (error) {
    failed++
    process.stderr.write(`FAIL ${run.name}: ${error.stack}\n`)
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
