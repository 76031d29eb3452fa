/** The table of ops in docs/reference/models.md; the prose around it is kept. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { FOLDED_ONLY, LOWERINGS } from '../../src/model/onnx/ops.ts'
import { ROOT } from './root.ts'

const BEGIN = '<!-- ops: written by `npm run docs` -->\n'
const END = '<!-- end of ops -->\n'

export function modelsPage(): string {
  const page = readFileSync(join(ROOT, 'docs/reference/models.md'), 'utf8')
  const [before, rest = ''] = page.split(BEGIN) as [string, string | undefined]
  const after = rest.slice(rest.indexOf(END))
  return `${before}${BEGIN}${table()}${after}`
}

function table(): string {
  const rows = [...LOWERINGS].map(([name, { becomes }]) => `| ${name} | ${becomes} |`)
  const folded = FOLDED_ONLY.map((name) => `\`${name}\``).join(', ')
  return [
    '| ONNX op | becomes |',
    '|---|---|',
    ...rows,
    '',
    `On integers and truth values that are known while importing only: ${folded}.`,
    '',
  ].join('\n')
}
