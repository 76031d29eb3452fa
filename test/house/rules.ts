/**
 * House rules that a compiler does not know, as data and as functions from a file to its breaches.
 *
 * A rule lives here only if a reader would otherwise have to remember it. The rules are functions
 * of one `Source`, so that `tidy.test.ts` can show each of them a planted breach.
 *
 * Source: docs/architecture.md#rooms-and-floors, docs/style.md.
 */

import { resolveImport, type Source } from './tree.ts'

export const LINES_MAX = 600

/**
 * Each room and what it may import besides itself. Read it as the map of the house: a prefix of a
 * path under `src/`; a room that is not named may not be imported.
 */
export const FLOORS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  runtime: ['base'],
  governance: ['base'],
  program: ['base'],
  model: ['base', 'program'],
  ledger: ['base', 'governance', 'program', 'runtime/ports'],
  consensus: ['base', 'governance', 'ledger/types', 'runtime/ports'],
  compute: ['base', 'governance', 'program', 'ledger/types', 'runtime/ports'],
  tensor: ['base', 'program', 'runtime/ports'],
  p2p: [
    'base',
    'runtime',
    'governance/types',
    'program/types',
    'ledger/types',
    'ledger/admit',
    'consensus/types',
    'consensus/admit',
    'compute/types',
  ],
  telemetry: ['base', 'runtime/ports', 'ledger/types', 'consensus/types', 'compute/types'],
  node: [
    'base',
    'runtime',
    'governance',
    'program',
    'model',
    'ledger',
    'consensus',
    'compute',
    'tensor',
    'p2p',
    'telemetry',
  ],
  rpc: ['*'],
  cli: ['*'],
  sim: ['*'],
}

/** Rooms of the top floor never import one another. */
const TOP_FLOOR: readonly string[] = ['rpc', 'cli', 'sim']

/** The one file in which the node and its HTTP face meet: docs/adr/0010-node-and-face.md. */
const COMPOSED: Readonly<Record<string, readonly string[]>> = {
  'src/cli/host-node.ts': ['rpc/io'],
}

/** Adapters stand on the ports they fill, so every `io/` may know the runtime's own adapters. */
const DOORS_MAY_IMPORT: readonly string[] = ['runtime']

/** Packages that core files may import: calculation only, no machine. */
const PURE_PACKAGES: readonly (readonly [prefix: string, specifier: RegExp])[] = [
  ['src/', /^@noble\//],
  ['src/base/codec.ts', /^@chainsafe\/ssz$/],
  ['src/node/views/', /^zod$/],
]

/** Files that nobody imports, because something outside starts or loads them. */
export const ENTRIES: readonly RegExp[] = [
  /^src\/cli\/main\.ts$/,
  /^src\/cli\/commands\/[a-z-]+\.ts$/,
  /^src\/node\/main\.ts$/,
  /^src\/tensor\/io\/entry\.ts$/,
  /^src\/compute\/io\/fabric-child\.ts$/,
  /^src\/compute\/io\/verifier-child\.ts$/,
  /^src\/p2p\/io\/polyfill\.ts$/,
  // The table of a room is loaded by name when docs/errors.md is made.
  /^src\/[a-z0-9]+\/refusals\.ts$/,
  /^(devnet|bench|bench\/kernels)\/main\.ts$/,
  /^devnet\/(node|cheat)\.ts$/,
  /^scripts\/[a-z-]+\.ts$/,
  /^test\/[a-z]+\/main\.ts$/,
  // Writes the vectors anew, by hand and on purpose.
  /^test\/vectors\/[a-z0-9-]+\/write\.ts$/,
  /^test\/.*\.test\.ts$/,
]

/** What makes a run unrepeatable or a result differ between machines. */
const UNREPEATABLE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\b(?!['"])|\bperformance\./, 'time arrives on the event'],
  [/\bMath\.random\b|\brandomBytes\(|\bgetRandomValues\(|\bcrypto\./, 'draw from Rng'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'emit a timer effect'],
  [/\basync\b|\bawait\b|\bPromise\b/, 'awaiting belongs to io/'],
  [/\bprocess\.|\bglobalThis\b/, 'configuration is passed in'],
  [/\blocaleCompare\b|\btoLocale|\bIntl\b/, 'order and text must not depend on the locale'],
  [
    /\*\*|\bMath\.(?!(abs|ceil|floor|trunc|min|max|imul|clz32|fround|sqrt)\b)[a-z0-9A-Z]+/,
    'results may differ between engines',
  ],
]

/** Words that do not belong in this repository, wherever they stand. */
const BANNED_WORDS: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.$/}])\/(work|home|root|Users)\/[a-z]/, 'an absolute path of one machine'],
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'unfinished work belongs in an issue'],
  [/\b(LLM|sessions?|helpers?)\b/i, 'a word about how it was made, not what it is'],
  [/\bregistry\.[a-z]+\.(org|com)\b|\bnpmjs\.(org|com)\b/, 'the host of one registry'],
]

export function isDoor(path: string): boolean {
  if (path === 'src/node/engine.ts' || path.startsWith('src/node/views/')) return false
  return path.includes('/io/') || path.startsWith('src/cli/') || path.startsWith('src/node/')
}

function room(path: string): string {
  return path.split('/')[1] ?? ''
}

function allowedRooms(path: string): readonly string[] {
  const own = room(path)
  const listed = FLOORS[own] ?? []
  const below = listed.includes('*')
    ? Object.keys(FLOORS).filter((name) => !TOP_FLOOR.includes(name))
    : listed
  const doors = path.includes('/io/') ? DOORS_MAY_IMPORT : []
  return [own, ...below, ...doors, ...(COMPOSED[path] ?? [])]
}

/** Imports go to the own room or to one below it, and never out of `src/`. */
export function floorBreaches({ path, imports }: Source): string[] {
  if (FLOORS[room(path)] === undefined) return [`is in an unknown room`]
  const allowed = allowedRooms(path)
  return imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolveImport(path, specifier))
    .filter((target) => {
      const inside = target.startsWith('src/') ? target.slice('src/'.length) : undefined
      return !allowed.some(
        (prefix) => inside === `${prefix}.ts` || inside?.startsWith(`${prefix}/`) === true,
      )
    })
    .map((target) => `imports ${target}`)
}

/** Cores know no machine: no package but the pure ones, and no adapter. */
export function doorBreaches({ path, imports }: Source): string[] {
  if (isDoor(path)) return []
  return imports
    .filter((specifier) => {
      if (specifier.startsWith('.')) return resolveImport(path, specifier).includes('/io/')
      return !PURE_PACKAGES.some(
        ([prefix, pattern]) => path.startsWith(prefix) && pattern.test(specifier),
      )
    })
    .map((specifier) => `imports ${specifier}`)
}

/** A line without its comment and without the inside of its plain strings. */
function codeOf(line: string): string {
  if (/^\s*(\*|\/\/|\/\*)/.test(line)) return ''
  return line.replace(/'(?:[^'\\]|\\.)*'/g, "''").replace(/\s\/\/.*$/, '')
}

export function repeatabilityBreaches({ path, lines }: Source): string[] {
  if (isDoor(path)) return []
  return lines.flatMap((line, index) => {
    const code = codeOf(line)
    return UNREPEATABLE.filter(([word]) => word.test(code)).map(([, why]) => `${index + 1}: ${why}`)
  })
}

export function headerBreaches({ lines }: Source): string[] {
  const first = lines[0]?.startsWith('#!') === true ? lines[1] : lines[0]
  return first?.startsWith('/**') === true ? [] : ['has no header']
}

export function nameBreaches({ path }: { readonly path: string }): string[] {
  const good = path.split('/').every((part) => /^\.?[a-z0-9]+([-.][a-z0-9]+)*$/.test(part))
  return good || path.endsWith('CMakeLists.txt') ? [] : ['is not kebab-case']
}

export function lengthBreaches({ lines }: Source): string[] {
  return lines.length > LINES_MAX + 1 ? [`has ${lines.length} lines`] : []
}

export function wordBreaches({ lines }: Pick<Source, 'lines'>): string[] {
  return lines.flatMap((line, index) =>
    BANNED_WORDS.filter(([word]) => word.test(line)).map(([, why]) => `${index + 1}: ${why}`),
  )
}
