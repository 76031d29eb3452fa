/**
 * Writes the reference pages that are made from tables, or compares them with what is there.
 *
 *   src/<room>/refusals.ts, src/base/refusal.ts  ->  docs/errors.md
 *   src/governance/params.ts                     ->  docs/reference/params.md
 *   src/cli/catalogue.ts                         ->  docs/reference/cli.md
 *   src/telemetry/catalogue.ts                   ->  docs/reference/metrics.md
 *   src/node/config.ts                           ->  docs/reference/environment.md
 *   src/model/onnx/ops.ts                        ->  the table in docs/reference/models.md
 *   src/rpc/io/routes-*.ts                       ->  docs/reference/http.md, openapi.json
 *
 * Usage: node dist/scripts/docs.js [--check]
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { environmentPage } from '../src/node/config.ts'
import { httpPage, openApiPage } from '../src/rpc/io/reference.ts'
import { metricsPage } from '../src/telemetry/catalogue.ts'
import { cliPage } from './docs/cli.ts'
import { errorsPage } from './docs/errors.ts'
import { modelsPage } from './docs/models.ts'
import { paramsPage } from './docs/params.ts'
import { ROOT } from './docs/root.ts'

/** Each page with the function that writes it; `undefined` while its table does not exist. */
const PAGES: readonly (readonly [
  string,
  () => string | undefined | Promise<string | undefined>,
])[] = [
  ['docs/errors.md', errorsPage],
  ['docs/reference/params.md', paramsPage],
  ['docs/reference/cli.md', cliPage],
  ['docs/reference/models.md', modelsPage],
  ['docs/reference/metrics.md', metricsPage],
  ['docs/reference/environment.md', environmentPage],
  ['docs/reference/http.md', httpPage],
  ['docs/reference/openapi.json', openApiPage],
]

const compareOnly = process.argv.includes('--check')
const stale: string[] = []

for (const [page, write] of PAGES) {
  const text = await write()
  if (text === undefined) continue
  const path = join(ROOT, page)
  const present = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (present === text) continue
  stale.push(page)
  if (compareOnly) continue
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

for (const page of stale) {
  process.stderr.write(compareOnly ? `${page} is out of date: npm run docs\n` : `wrote ${page}\n`)
}
if (compareOnly && stale.length > 0) process.exitCode = 1
