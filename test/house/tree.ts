/** The repository as the house tests see it: its files, their lines and what they import. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Three folders up from dist/test/house. */
export const ROOT: string = join(dirname(fileURLToPath(import.meta.url)), '../../..')

const SKIPPED: readonly string[] = ['node_modules', '.git', 'runs']

export interface Source {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Import specifiers as written; type imports too. */
  readonly imports: readonly string[]
}

/** Files under `folder` whose name ends in one of `endings`, sorted. */
export function filesUnder(folder: string, endings: readonly string[]): string[] {
  const top = join(ROOT, folder)
  if (!existsSync(top)) return []
  const found: string[] = []
  for (const entry of readdirSync(top, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !SKIPPED.includes(entry.name)) {
      found.push(...filesUnder(path, endings))
    } else if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) {
      found.push(relative('', path))
    }
  }
  return found.sort()
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Specifiers of `import ... from`, `export ... from`, bare imports and `import(...)`. */
export function importsOf(text: string): string[] {
  const code = text.replace(/^\s*(\*|\/\/|\/\*).*$/gm, '')
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g)].map(
    (match) => match[1] as string,
  )
}

export function readSource(path: string): Source {
  const text = readText(path)
  return { path, text, lines: text.split('\n'), imports: importsOf(text) }
}

/** The path a relative specifier names, seen from the file that imports it. */
export function resolveImport(from: string, specifier: string): string {
  return join(dirname(from), specifier)
}
