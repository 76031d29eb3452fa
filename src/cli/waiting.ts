/** Waiting for a chain: pauses that Ctrl-C ends, and questions repeated until they are answered. */

import type { Fact } from '../base/refusal.ts'
import { CliFailure, EXIT } from './failure.ts'

/** @throws CliFailure interrupted */
export function pause(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const interrupted = (): void => {
      clearTimeout(timer)
      reject(new CliFailure(EXIT.interrupted, { code: 'interrupted', facts: {} }))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', interrupted)
      resolve()
    }, ms)
    if (signal.aborted) interrupted()
    else signal.addEventListener('abort', interrupted, { once: true })
  })
}

/** Settles when Ctrl-C is pressed. */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export interface Wait {
  readonly signal: AbortSignal
  readonly withinMs: number
  readonly everyMs: number
  /** Why the wait has failed once the time is over. */
  readonly code: string
  readonly facts?: Readonly<Record<string, Fact>>
}

/** Asks until there is an answer. @throws CliFailure `code` with exit 6 once the time is over */
export async function until<Value>(
  { signal, withinMs, everyMs, code, facts = {} }: Wait,
  ask: () => Promise<Value | undefined>,
): Promise<Value> {
  const end = performance.now() + withinMs
  for (;;) {
    const value = await ask()
    if (value !== undefined) return value
    if (performance.now() >= end) {
      throw new CliFailure(EXIT.timeOut, { code, facts: { waitedMs: withinMs, ...facts } })
    }
    await pause(signal, everyMs)
  }
}
