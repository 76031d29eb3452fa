/**
 * How a command fails: an exit code, a coded reason, a hint, and where it is explained.
 *
 *   0 ok · 1 failed · 2 usage · 3 not found · 4 rejected · 5 no node · 6 time-out · 130 interrupted
 */

import type { Fact, Refusal } from '../base/refusal.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  rejected: 4,
  noNode: 5,
  timeOut: 6,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A failure on its way to the terminal; `refusal.code` is explained in docs/errors.md. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure'
  readonly exit: ExitCode
  readonly refusal: Refusal
  /** What the answering node said about the code; our own table is asked otherwise. */
  readonly hint: string | undefined

  constructor(exit: ExitCode, refusal: Refusal, hint?: string) {
    super(refusal.code)
    this.exit = exit
    this.refusal = refusal
    this.hint = hint
  }
}

/** A failure that the command has told in its result. */
export class ReportedFailure extends Error {
  override readonly name = 'ReportedFailure'
  readonly exit: ExitCode

  constructor(exit: ExitCode) {
    super('the result tells of it')
    this.exit = exit
  }
}

export function fail(
  exit: ExitCode,
  code: string,
  facts: Readonly<Record<string, Fact>> = {},
): never {
  throw new CliFailure(exit, { code, facts })
}
