/** docs/reference/params.md: the governed parameters, from the table that the ledger reads. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { BUILT, ROOT } from './root.ts'

/** Column heads in order, each with the property of a table row that fills it. */
const COLUMNS: readonly (readonly [string, string])[] = [
  ['key', 'key'],
  ['unit', 'unit'],
  ['default', 'default'],
  ['min', 'min'],
  ['max', 'max'],
  ['step, bps', 'maxStepBps'],
  ['gate', 'gate'],
  ['knob', 'knob'],
  ['meaning', 'meaning'],
]

type Row = Readonly<Record<string, string | number | bigint | undefined>>

function cell(value: Row[string]): string {
  return value === undefined ? '' : String(value).replaceAll('|', '\\|')
}

export async function paramsPage(): Promise<string | undefined> {
  if (!existsSync(join(ROOT, 'src/governance/params.ts'))) return undefined
  const url = pathToFileURL(join(BUILT, 'src/governance/params.js')).href
  const { PARAMS } = (await import(url)) as { readonly PARAMS: readonly Row[] }
  const rows = PARAMS.map(
    (row) => `| ${COLUMNS.map(([, property]) => cell(row[property])).join(' | ')} |`,
  )
  return [
    '# Parameters',
    '',
    'Changed only by proposals (`tb-cli gov propose`), within the bounds given here. `step` is the',
    'largest change within one epoch, in basis points of the value at its start; 0 is no limit. A',
    'job is judged by the values in force at its match height.',
    '',
    'This page is generated from `src/governance/params.ts` by `npm run docs`.',
    '',
    `| ${COLUMNS.map(([head]) => head).join(' | ')} |`,
    `| ${COLUMNS.map(() => '---').join(' | ')} |`,
    ...rows,
    '',
  ].join('\n')
}
