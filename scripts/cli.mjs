/** Starts `tb-cli`; a fresh clone is set up first, with the progress of it on stderr. */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/src/cli/main.js', import.meta.url)

if (!existsSync(main)) {
  const setup = fileURLToPath(new URL('setup.mjs', import.meta.url))
  const { status } = spawnSync(process.execPath, [setup], { stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}
await import(main.href)
