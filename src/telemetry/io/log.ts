/**
 * The port `Logger` over pino: one JSON object a line, to the stream it is given.
 *
 * Events have names, facts are flat, and a fact whose name speaks of a secret is never written,
 * whatever its value: logs are shown to strangers.
 */

import { pino } from 'pino'

import type { LogFacts, Logger } from '../../runtime/ports.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  readonly level: LogLevel
  /** Where the lines go. */
  readonly stream: { write(text: string): void }
  /** Facts of every line, such as the node's name. */
  readonly always?: LogFacts
}

const SECRET = /secret|seed|mnemonic|passw|private|credential|invite|bearer/i
const HIDDEN = '[hidden]'
/** Longest text of one fact, characters. */
const TEXT_MAX = 1_024

export function createLogger({ level, stream, always = {} }: LogOptions): Logger {
  const log = pino(
    {
      level,
      base: writable(always),
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    stream,
  )
  return {
    debug: (event, facts = {}) => log.debug(writable(facts), event),
    info: (event, facts = {}) => log.info(writable(facts), event),
    warn: (event, facts = {}) => log.warn(writable(facts), event),
    error: (event, facts = {}) => log.error(writable(facts), event),
  }
}

/** Amounts as digits, secrets hidden, texts cut. */
function writable(facts: LogFacts): Record<string, string | number | boolean> {
  const entries = Object.entries(facts).map(([name, value]) => {
    if (SECRET.test(name)) return [name, HIDDEN] as const
    if (typeof value === 'bigint') return [name, value.toString()] as const
    if (typeof value === 'string') return [name, value.slice(0, TEXT_MAX)] as const
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}
