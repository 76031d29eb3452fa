/** Money as people type it: `12.5` is BLOCK, `123n` is nBLOCK. */

import { AMOUNT_LIMIT, formatAmount, NBLOCK_PER_BLOCK } from '../base/amount.ts'
import type { Input } from './context.ts'
import { EXIT, fail } from './failure.ts'

const WHOLE_NBLOCK = /^(\d{1,39})n$/
/** At most nine places: an nBLOCK cannot be split. */
const BLOCKS = /^(\d{1,30})(?:\.(\d{1,9}))?$/

/** @returns nBLOCK. @throws CliFailure amount_malformed */
export function parseAmount(text: string): bigint {
  const value = nblockOf(text.trim())
  if (value === undefined || value >= AMOUNT_LIMIT) {
    return fail(EXIT.usage, 'amount_malformed', { amount: text.slice(0, 64) })
  }
  return value
}

function nblockOf(text: string): bigint | undefined {
  const nblock = WHOLE_NBLOCK.exec(text)
  if (nblock !== null) return BigInt(nblock[1] ?? '0')
  const blocks = BLOCKS.exec(text)
  if (blocks === null) return undefined
  const [, whole = '0', fraction = ''] = blocks
  return BigInt(whole) * NBLOCK_PER_BLOCK + BigInt(fraction.padEnd(9, '0'))
}

/** The amount of an option, or `fallback`. @returns nBLOCK */
export function amountOption({ options }: Input, name: string, fallback: bigint): bigint {
  const given = options[name]
  return typeof given === 'string' ? parseAmount(given) : fallback
}

/** Digits of an answer as people read them. */
export function showAmount(nblock: string | bigint): string {
  return formatAmount(BigInt(nblock))
}
