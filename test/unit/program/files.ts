/** Where the repository is, from compiled tests that lie in an output folder at its top. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export function repositoryFile(path: string): string {
  return join(repositoryRoot(), path)
}
