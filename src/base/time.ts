/** Instants and spans, in whole milliseconds, kept apart by type. */

import { assert } from './assert.ts'
import type { Brand } from './brand.ts'

/** Milliseconds since the Unix epoch. Only for stamps that others read, and for display. */
export type TimeMs = Brand<number, 'TimeMs'>
/** A span in milliseconds, never negative. */
export type DurationMs = Brand<number, 'DurationMs'>

export function timeMs(value: number): TimeMs {
  assert(Number.isSafeInteger(value) && value >= 0, 'an instant is a whole, non-negative number')
  return value as TimeMs
}

export function durationMs(value: number): DurationMs {
  assert(Number.isSafeInteger(value) && value >= 0, 'a span is a whole, non-negative number')
  return value as DurationMs
}
