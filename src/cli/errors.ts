/**
 * Failures as people and programs see them: code, message, hint, and the place in the docs.
 *
 *   text   error: no_node: No node answers. (url=..., reason=ECONNREFUSED)     on stderr
 *   json   {"ok":false,"error":{"code","message","hint","docs","facts"}}       on stdout
 */

import { existsSync } from 'node:fs'

import { type Refusal, RefusalError, type RefusalTable } from '../base/refusal.ts'
import type { Environment, Format } from './context.ts'
import { CliFailure, EXIT, type ExitCode } from './failure.ts'
import { printable, toJson } from './render.ts'

/** Every room that may have a table of codes. */
const ROOMS: readonly string[] = [
  'cli',
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
  'node',
  'rpc',
]

interface Told {
  readonly exit: ExitCode
  readonly refusal: Refusal
  readonly hint: string | undefined
}

/** Writes the failure and returns the exit code it stands for. */
export async function reportFailure(
  environment: Environment,
  format: Format,
  error: unknown,
): Promise<ExitCode> {
  const { exit, refusal, hint: given } = told(environment, error)
  const entry = await explain(refusal.code)
  const message = entry?.meaning ?? refusal.code
  const hint = given ?? entry?.remedy
  const docs = entry === undefined ? undefined : `docs/errors.md#${refusal.code}`
  if (format === 'json') {
    const { code, facts } = refusal
    const body = { ok: false, error: { code, message, hint, docs, facts } }
    environment.stdout(`${toJson(body)}\n`)
    return exit
  }
  const facts = Object.entries(refusal.facts).map(
    ([name, value]) => `${name}=${printable(String(value))}`,
  )
  const tail = facts.length === 0 ? '' : ` (${facts.join(', ')})`
  environment.stderr(`error: ${refusal.code}: ${message}${tail}\n`)
  if (hint !== undefined) environment.stderr(`  hint: ${printable(hint)}\n`)
  if (docs !== undefined) environment.stderr(`  see:  ${docs}\n`)
  return exit
}

function told(environment: Environment, error: unknown): Told {
  if (environment.signal.aborted) {
    return { exit: EXIT.interrupted, refusal: { code: 'interrupted', facts: {} }, hint: undefined }
  }
  if (error instanceof CliFailure) return error
  if (error instanceof RefusalError) {
    const missing = error.refusal.code === 'key_file_missing'
    const exit = missing ? EXIT.notFound : EXIT.failed
    return { exit, refusal: error.refusal, hint: undefined }
  }
  const reason = error instanceof Error ? error.message : String(error)
  if (environment.env['TB_DEBUG'] !== undefined && error instanceof Error) {
    environment.stderr(`${error.stack ?? ''}\n`)
  }
  const refusal = { code: 'internal', facts: { reason } }
  return { exit: EXIT.failed, refusal, hint: undefined }
}

/** Looks a code up in the tables of all rooms. Loaded only when something has failed. */
export async function explain(
  code: string,
): Promise<{ readonly meaning: string; readonly remedy: string } | undefined> {
  const places = ['base/refusal.js', ...ROOMS.map((room) => `${room}/refusals.js`)]
  for (const place of places) {
    const url = new URL(`../${place}`, import.meta.url)
    if (!existsSync(url)) continue
    const { REFUSALS } = (await import(url.href)) as { readonly REFUSALS: RefusalTable }
    const entry = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined
    if (entry !== undefined) return entry
  }
  return undefined
}
