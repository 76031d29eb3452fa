/**
 * Reads Informal Trace Format files and compares values in it.
 *
 * A value is JSON with `#bigint`, `#set`, `#map` and `#tup` marks; sets and maps have no order, so
 * values are compared by a canonical text. A tagged value is `{tag, value}`.
 */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import { refuse } from '../../src/base/refusal.ts'

export type Itf =
  | string
  | boolean
  | number
  | null
  | readonly Itf[]
  | { readonly [name: string]: Itf }

/** A state with its variables by bare name, that is, by what follows the last `::`. */
export type Variables = Readonly<Record<string, Itf>>

export interface Trace {
  readonly name: string
  /** One list of states for each instance; most traces have one. */
  readonly instances: readonly (readonly Variables[])[]
}

/** Longest decompressed file, bytes. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024

/** @throws RefusalError file_unreadable | not_gzip | not_json | not_a_trace. */
export function readTraces(path: string): Trace[] {
  const whole = parse(inflate(read(path)))
  if (!isRecord(whole)) return refuse('not_a_trace', { reason: 'the file holds no object' })
  if (Array.isArray(whole['states'])) return [traceOf('trace', whole)]
  const traces = Object.entries(whole).map(([name, trace]) => traceOf(name, trace))
  if (traces.length === 0) refuse('not_a_trace', { reason: 'the file holds no trace' })
  return traces
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    return refuse('file_unreadable', { path, reason: String((error as Error).message) })
  }
}

function inflate(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX }).toString('utf8')
  } catch (error) {
    return refuse('not_gzip', { reason: String((error as Error).message) })
  }
}

function parse(text: string): Itf {
  try {
    return JSON.parse(text) as Itf
  } catch (error) {
    return refuse('not_json', { reason: String((error as Error).message).slice(0, 120) })
  }
}

function traceOf(name: string, trace: Itf | undefined): Trace {
  const states = isRecord(trace) ? trace['states'] : undefined
  if (!Array.isArray(states)) return refuse('not_a_trace', { trace: name, reason: 'no states' })
  const instances = new Map<string, Variables[]>()
  for (const state of states as readonly Itf[]) {
    if (!isRecord(state))
      return refuse('not_a_trace', { trace: name, reason: 'a state is no object' })
    for (const [instance, variables] of byInstance(state)) {
      instances.set(instance, [...(instances.get(instance) ?? []), variables])
    }
  }
  return { name, instances: [...instances.values()] }
}

function byInstance(state: { readonly [name: string]: Itf }): Map<string, Variables> {
  const found = new Map<string, Record<string, Itf>>()
  for (const [variable, value] of Object.entries(state)) {
    if (variable === '#meta') continue
    const cut = variable.lastIndexOf('::')
    const instance = cut < 0 ? '' : variable.slice(0, cut)
    const variables = found.get(instance) ?? {}
    variables[cut < 0 ? variable : variable.slice(cut + 2)] = value
    found.set(instance, variables)
  }
  return found
}

export function isRecord(value: Itf | undefined): value is { readonly [name: string]: Itf } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws RefusalError itf_malformed, as do all readers below. */
export function field(value: Itf | undefined, name: string): Itf {
  const found = isRecord(value) ? value[name] : undefined
  return found === undefined ? refuse('itf_malformed', { expected: `field ${name}` }) : found
}

export function text(value: Itf | undefined): string {
  return typeof value === 'string' ? value : refuse('itf_malformed', { expected: 'a string' })
}

export function integer(value: Itf | undefined): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  const digits = isRecord(value) ? value['#bigint'] : undefined
  const number = typeof digits === 'string' && /^-?\d{1,15}$/.test(digits) ? Number(digits) : NaN
  return Number.isNaN(number) ? refuse('itf_malformed', { expected: 'an integer' }) : number
}

export function marked(value: Itf | undefined, mark: '#set' | '#tup' | '#map'): readonly Itf[] {
  const found = isRecord(value) ? value[mark] : undefined
  return Array.isArray(found)
    ? (found as readonly Itf[])
    : refuse('itf_malformed', { expected: mark })
}

export function entries(value: Itf | undefined): [Itf, Itf][] {
  return marked(value, '#map').map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) refuse('itf_malformed', { expected: 'a pair' })
    return pair as unknown as [Itf, Itf]
  })
}

export function tag(value: Itf | undefined): string {
  return text(field(value, 'tag'))
}

export const int = (value: number): Itf => ({ '#bigint': String(value) })
export const setOf = (values: readonly Itf[]): Itf => ({ '#set': values })
export const mapOf = (pairs: readonly (readonly [Itf, Itf])[]): Itf => ({
  '#map': pairs as unknown as readonly Itf[],
})
export const tuple = (...values: readonly Itf[]): Itf => ({ '#tup': values })
export const tagged = (name: string, value: Itf = tuple()): Itf => ({ tag: name, value })

/** The same text for equal values, whatever the order of their sets, maps and fields. */
export function canonical(value: Itf): string {
  if (typeof value === 'number') return `#${value}`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Itf[]).map(canonical).join(',')}]`
  const record = value as { readonly [name: string]: Itf }
  if ('#bigint' in record) return `#${record['#bigint'] as string}`
  for (const mark of ['#set', '#map']) {
    const members = record[mark]
    if (members !== undefined) {
      const texts = new Set((members as readonly Itf[]).map(canonical))
      return `${mark}{${[...texts].sort().join(',')}}`
    }
  }
  const fields = Object.keys(record).sort()
  return `{${fields.map((name) => `${name}:${canonical(record[name] as Itf)}`).join(',')}}`
}

/** What a replay found. */
export interface Tally {
  agree: number
  disagree: number
  empty: number
  /** The first few disagreements, one line each. */
  readonly notes: string[]
}

const NOTES_MAX = 20

export function newTally(): Tally {
  return { agree: 0, disagree: 0, empty: 0, notes: [] }
}

/** Counts one step: agreement when every pair of values is equal. */
export function compare(
  tally: Tally,
  where: string,
  pairs: readonly (readonly [what: string, ours: Itf, theirs: Itf])[],
): void {
  for (const [what, ours, theirs] of pairs) {
    if (canonical(ours) !== canonical(theirs)) {
      tally.disagree += 1
      if (tally.notes.length < NOTES_MAX) {
        tally.notes.push(`${where} ${what}: ours ${canonical(ours)} theirs ${canonical(theirs)}`)
      }
      return
    }
  }
  tally.agree += 1
}
