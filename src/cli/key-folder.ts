/** The keys of a data folder: `HOME/keys/NAME.json`. */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { type Context, homeFolder, type Input } from './context.ts'
import { EXIT, fail } from './failure.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/

export function keyPath(context: Context, input: Input, name: string): string {
  if (!NAME.test(name)) fail(EXIT.usage, 'key_name_malformed', { name })
  return join(keyFolder(context, input), `${name}.json`)
}

export function keyFolder(context: Context, input: Input): string {
  return join(homeFolder(context, input), 'keys')
}

/** Names in order; none when there is no folder yet. */
export function keyNames(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json') && NAME.test(file.slice(0, -'.json'.length)))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}
