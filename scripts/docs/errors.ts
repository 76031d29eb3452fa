/** docs/errors.md: every refusal code with its meaning and way out, room by room. */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { RefusalTable } from '../../src/base/refusal.ts'
import { BUILT, ROOT } from './root.ts'

export interface Room {
  readonly name: string
  readonly table: RefusalTable
}

/** The table of every room that has one, rooms in order of their names. */
export async function refusalTables(): Promise<readonly Room[]> {
  const rooms: Room[] = []
  for (const name of readdirSync(join(ROOT, 'src')).sort()) {
    const file = name === 'base' ? 'refusal' : 'refusals'
    if (!existsSync(join(ROOT, 'src', name, `${file}.ts`))) continue
    const url = pathToFileURL(join(BUILT, 'src', name, `${file}.js`)).href
    const module = (await import(url)) as { readonly REFUSALS: RefusalTable }
    rooms.push({ name, table: module.REFUSALS })
  }
  return rooms
}

function section({ name, table }: Room): string {
  const lines = Object.entries(table)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([code, { meaning, remedy }]) => `### ${code}\n\n${meaning}\n\n*Way out:* ${remedy}\n`)
  return `## ${name}\n\n${lines.join('\n')}`
}

export async function errorsPage(): Promise<string> {
  const rooms = await refusalTables()
  const head = [
    '# Errors',
    '',
    'Every refusal has a stable code. It is the same in a gossip verdict, an HTTP answer, a line of',
    'the log and the output of `tb-cli`. Match on the code, never on prose.',
    '',
    'This page is generated from the tables in `src/*/refusals.ts` by `npm run docs`.',
    '',
    '',
  ].join('\n')
  return head + rooms.map(section).join('\n')
}
