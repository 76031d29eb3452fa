/** The documents are true in what a machine can check: codes, links and anchors. */

import { strict as check } from 'node:assert'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { cliPage } from '../../scripts/docs/cli.ts'
import { errorsPage, refusalTables } from '../../scripts/docs/errors.ts'
import { modelsPage } from '../../scripts/docs/models.ts'
import { paramsPage } from '../../scripts/docs/params.ts'
import { filesUnder, ROOT, readSource, readText } from './tree.ts'

const TOP_LEVEL: readonly string[] = ['README.md', 'CONTRIBUTING.md', 'AGENTS.md', 'CHANGELOG.md']
const pages = [...TOP_LEVEL, ...filesUnder('docs', ['.md'])].filter((page) =>
  existsSync(join(ROOT, page)),
)

/** Anchors that other documents of the seed plan point to. */
const PROMISED_ANCHORS: readonly string[] = [
  'docs/overview.md#document-map',
  'docs/architecture.md#compute-marketplace',
  'docs/architecture.md#ledger-and-consensus',
  'docs/operations.md#telemetry-wiring',
  'docs/operations.md#troubleshooting-playbook',
]

/** The anchor a renderer makes of a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/`/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

function withoutFences(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '')
}

const anchorsByPage = new Map<string, ReadonlySet<string>>()

function anchors(page: string): ReadonlySet<string> {
  const known = anchorsByPage.get(page)
  if (known !== undefined) return known
  const text = withoutFences(readText(page))
  const found = new Set<string>()
  for (const [, heading] of text.matchAll(/^#{1,6} +(.+)$/gm)) found.add(slug(heading as string))
  for (const [, id] of text.matchAll(/<a id="([^"]+)"/g)) found.add(id as string)
  anchorsByPage.set(page, found)
  return found
}

function brokenLinks(page: string): string[] {
  const text = withoutFences(readText(page)).replace(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] as string)
    .filter((target) => !/^(https?|mailto):/.test(target))
    .filter((target) => {
      const [file, anchor] = target.split('#')
      const path = file === '' ? page : join(dirname(page), file as string)
      if (!existsSync(join(ROOT, path))) return true
      return anchor !== undefined && path.endsWith('.md') && !anchors(path).has(anchor)
    })
    .map((target) => `${page}: ${target}`)
}

/** Codes given to refuse(...), refusal(...) or written as `code: '...'` in the sources. */
function usedCodes(): Map<string, string> {
  const used = new Map<string, string>()
  for (const { path, text } of filesUnder('src', ['.ts']).map(readSource)) {
    const calls = text.matchAll(/\b(?:refuse|refusal)\(\s*'([a-z0-9_]+)'/g)
    for (const [, code] of calls) used.set(code as string, path)
  }
  return used
}

describe('the documents', () => {
  it('explain every refusal code that the sources use', async () => {
    const known = new Set((await refusalTables()).flatMap(({ table }) => Object.keys(table)))
    const unexplained = [...usedCodes()].filter(([code]) => !known.has(code))
    check.deepEqual(
      unexplained.map(([code, path]) => `${path}: ${code}`),
      [],
    )
  })

  it('name each code once, in snake_case, with a meaning and a way out', async () => {
    const seen = new Map<string, string>()
    for (const { name, table } of await refusalTables()) {
      for (const [code, { meaning, remedy }] of Object.entries(table)) {
        check.match(code, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
        check.equal(meaning.endsWith('.') && remedy.endsWith('.'), true, code)
        check.equal(seen.get(code), undefined, `${code} is in two tables`)
        seen.set(code, name)
      }
    }
  })

  it('are generated from the tables that the code reads', async () => {
    check.equal(readText('docs/errors.md'), await errorsPage())
    check.equal(readText('docs/reference/cli.md'), cliPage())
    check.equal(readText('docs/reference/models.md'), modelsPage())
    const params = await paramsPage()
    if (params !== undefined) check.equal(readText('docs/reference/params.md'), params)
  })

  it('link only to pages and headings that exist', () => {
    check.deepEqual(pages.flatMap(brokenLinks), [])
  })

  it('keep the anchors that others point to', () => {
    const missing = PROMISED_ANCHORS.filter((target) => {
      const [page, anchor] = target.split('#') as [string, string]
      return !existsSync(join(ROOT, page)) || !anchors(page).has(anchor)
    })
    check.deepEqual(missing, [])
  })
})
