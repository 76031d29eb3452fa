/**
 * What a command is given: where to write, how, and how it finds its node and its keys.
 *
 * stdout carries the result, stderr everything else. With `--json` the result is one object on one
 * line, alone; nothing ever asks a question.
 */

import { homedir } from 'node:os'
import { join } from 'node:path'

import type { Fact } from '../base/refusal.ts'
import type { Client } from './client.ts'
import { type ExitCode, fail, ReportedFailure } from './failure.ts'
import { type Row, toCsv, toJson, toTable } from './render.ts'

export type Format = 'text' | 'json' | 'csv'

export interface Environment {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly terminal: boolean
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** What was typed after the name of a command. */
export interface Input {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
}

export interface Context extends Environment {
  readonly format: Format
  /** The node that this command talks to. @throws CliFailure no_node */
  readonly client: () => Promise<Client>
}

export type Command = (context: Context, input: Input) => Promise<void>

export interface List {
  /** The name of the list in JSON. */
  readonly name: string
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
  /** Further fields of the JSON object. */
  readonly beside?: Row
}

/** Prints a result: `value` for programs, `words()` for people. */
export function report(context: Context, value: Row, words: () => string): void {
  context.stdout(context.format === 'json' ? `${toJson(value)}\n` : `${words()}\n`)
}

/** Prints a list as a table, JSON or CSV. JSON has all fields of the rows. */
export function reportList(context: Context, { name, columns, rows, beside }: List): void {
  if (context.format === 'json') context.stdout(`${toJson({ ...beside, [name]: rows })}\n`)
  else if (context.format === 'csv') context.stdout(toCsv(columns, rows))
  else context.stdout(`${toTable(columns, rows)}\n`)
}

/**
 * Ends a command whose result, printed already, is a failure: people get the reason on stderr,
 * programs have it in the object they were given.
 */
export function failAfter(
  context: Context,
  exit: ExitCode,
  code: string,
  facts: Readonly<Record<string, Fact>>,
): never {
  if (context.format !== 'text') throw new ReportedFailure(exit)
  return fail(exit, code, facts)
}

/** The user's data folder: `--home`, TB_HOME, or the place the XDG convention gives. */
export function homeFolder(context: Pick<Environment, 'env'>, input: Input): string {
  const { home } = input.options
  if (typeof home === 'string') return home
  const { env } = context
  if (env['TB_HOME'] !== undefined && env['TB_HOME'] !== '') return env['TB_HOME']
  const data = env['XDG_DATA_HOME']
  return join(
    data !== undefined && data !== '' ? data : join(env['HOME'] ?? homedir(), '.local/share'),
    'blocktorch',
  )
}
