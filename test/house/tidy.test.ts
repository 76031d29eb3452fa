/** The house keeps its rules: floors, doors, headers, names, lengths, words, and no orphans. */

import { strict as check } from 'node:assert'

import {
  doorBreaches,
  ENTRIES,
  floorBreaches,
  headerBreaches,
  lengthBreaches,
  nameBreaches,
  repeatabilityBreaches,
  wordBreaches,
} from './rules.ts'
import { filesUnder, importsOf, readSource, resolveImport, type Source } from './tree.ts'

const CODE: readonly string[] = ['src', 'test', 'bench', 'devnet', 'scripts']
const sources = filesUnder('src', ['.ts']).map(readSource)
const code = CODE.flatMap((folder) => filesUnder(folder, ['.ts', '.mjs'])).map(readSource)
const native = filesUnder('native', ['.h', '.cpp', '.txt', '.cl', '.cu', '.metal']).map(readSource)

function breaches(files: readonly Source[], rule: (source: Source) => string[]): string[] {
  return files.flatMap((source) => rule(source).map((breach) => `${source.path}: ${breach}`))
}

function planted(path: string, text: string): Source {
  return { path, text, lines: text.split('\n'), imports: importsOf(text) }
}

describe('tidy', () => {
  it('keeps imports on their floor or below', () => {
    check.deepEqual(breaches(sources, floorBreaches), [])
  })

  it('lets only the doors reach the machine', () => {
    check.deepEqual(breaches(sources, doorBreaches), [])
  })

  it('keeps cores repeatable', () => {
    check.deepEqual(breaches(sources, repeatabilityBreaches), [])
  })

  it('opens every file with a header', () => {
    check.deepEqual(breaches(code, headerBreaches), [])
  })

  it('names files in kebab-case', () => {
    check.deepEqual(breaches([...code, ...native], nameBreaches), [])
  })

  it('keeps files within one reading', () => {
    check.deepEqual(breaches(sources, lengthBreaches), [])
  })

  it('says nothing about one machine and leaves no notes to self', () => {
    // The rules name the words they ban.
    const texts = [...code, ...native, ...filesUnder('docs', ['.md']).map(readSource)]
    check.deepEqual(
      breaches(
        texts.filter(({ path }) => !path.startsWith('test/house/')),
        wordBreaches,
      ),
      [],
    )
  })

  it('has no file that nobody imports', () => {
    const reached = new Set(
      code.flatMap(({ path, imports }) => imports.map((target) => resolveImport(path, target))),
    )
    const orphans = code
      .map(({ path }) => path)
      .filter((path) => path.endsWith('.ts') && !path.startsWith('test/interop/'))
      .filter((path) => !reached.has(path) && !ENTRIES.some((entry) => entry.test(path)))
    check.deepEqual(orphans, [])
  })
})

describe('the tidy rules', () => {
  const core = 'src/ledger/planted.ts'

  it('see an import from a higher floor, type-only ones too', () => {
    const text = "import type { X } from '../p2p/topics.ts'\nimport { y } from '../base/bytes.ts'"
    check.deepEqual(floorBreaches(planted(core, text)), ['imports src/p2p/topics.ts'])
  })

  it('see the machine behind a core, directly and through an adapter', () => {
    const text =
      "import { readFileSync } from 'node:fs'\nimport { open } from './io/level-store.ts'"
    check.equal(doorBreaches(planted(core, text)).length, 2)
    check.equal(doorBreaches(planted('src/ledger/io/planted.ts', text)).length, 0)
  })

  it('see time, chance, waiting and floats, but not in comments and strings', () => {
    for (const line of [
      'const now = Date.now()',
      'const roll = Math.random()',
      'setTimeout(done, 5)',
      'export async function f() {}',
      'const y = Math.exp(x)',
      'const big = 2 ** 32',
      'const home = process.env.HOME',
    ]) {
      check.equal(repeatabilityBreaches(planted(core, line)).length > 0, true, line)
    }
    check.deepEqual(repeatabilityBreaches(planted(core, '// awaits no Promise, unlike async')), [])
    check.deepEqual(repeatabilityBreaches(planted(core, "const text = 'await async'")), [])
    check.deepEqual(repeatabilityBreaches(planted(core, 'const x = Math.floor(y / 2)')), [])
  })

  it('see a missing header, a bad name, a long file and a stray word', () => {
    check.equal(headerBreaches(planted(core, 'const x = 1')).length, 1)
    check.equal(nameBreaches({ path: 'src/ledger/BadName.ts' }).length, 1)
    check.equal(lengthBreaches(planted(core, '\n'.repeat(700))).length, 1)
    check.equal(wordBreaches(planted(core, `// ${'TO'}DO later`)).length, 1)
  })
})
