/** Arguments and options that many commands take: ids and the questions of lists. */

import type { Input } from './context.ts'
import { EXIT, fail } from './failure.ts'

const ID = /^[0-9a-f]{64}$/
export const LIMIT_MAX = 500
/** Threads that a fabric may be given. */
export const THREADS_MAX = 1_024

/** The first argument. @throws CliFailure id_malformed */
export function idArgument({ args }: Input): string {
  return idOf(args[0] ?? '')
}

/** @throws CliFailure id_malformed */
export function idOf(given: string): string {
  const id = given.trim().toLowerCase()
  return ID.test(id) ? id : fail(EXIT.usage, 'id_malformed', { id: given.slice(0, 80) })
}

export function isId(given: string): boolean {
  return ID.test(given)
}

/** @throws CliFailure id_malformed */
export function idOption({ options }: Input, name: string): string | undefined {
  const given = options[name]
  return typeof given === 'string' ? idOf(given) : undefined
}

/** @throws CliFailure number_malformed */
export function wholeOption(
  { options }: Input,
  name: string,
  { fallback, least, most }: { fallback: number; least: number; most: number },
): number {
  const given = options[name]
  if (given === undefined) return fallback
  const value = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : -1
  if (value >= least && value <= most) return value
  return fail(EXIT.usage, 'number_malformed', { option: name, value: String(given), least, most })
}

/** `?limit=...` and what else was asked for among `names`. */
export function listQuery(input: Input, names: readonly string[]): string {
  const query = new URLSearchParams()
  const limit = wholeOption(input, 'limit', { fallback: 0, least: 1, most: LIMIT_MAX })
  if (limit > 0) query.set('limit', String(limit))
  for (const name of [...names, 'cursor']) {
    const given = input.options[name]
    if (typeof given === 'string') query.set(name, given)
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}
