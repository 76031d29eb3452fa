/**
 * Money: whole nBLOCK (10^-9 BLOCK), bounded by 2^128, and the integer rules it is divided by.
 *
 * Rates are basis points; division floors; what flooring leaves over is given
 * out by the largest-remainder rule, so that a split conserves its amount exactly.
 */

import { assert } from './assert.ts'
import type { Brand } from './brand.ts'

/** nBLOCK, in [0, 2^128). */
export type Amount = Brand<bigint, 'Amount'>

export const AMOUNT_LIMIT: bigint = 1n << 128n
export const BPS: bigint = 10_000n
export const NBLOCK_PER_BLOCK: bigint = 1_000_000_000n

export function amount(value: bigint): Amount {
  assert(value >= 0n && value < AMOUNT_LIMIT, 'an amount is not negative and fits 128 bits')
  return value as Amount
}

/** floor(value * bps / 10^4). */
export function basisPoints(value: Amount, bps: bigint): Amount {
  return amount((value * bps) / BPS)
}

/**
 * Splits `whole` in proportion to `weights`. Shares are floored; the units left over go one each
 * to the largest remainders, ties to the earlier index. The shares sum to `whole` exactly.
 * Precondition: the weights are not negative and not all zero.
 */
export function split(whole: Amount, weights: readonly bigint[]): Amount[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n)
  assert(total > 0n, 'an amount is split over some weight')
  const shares = weights.map((weight) => (whole * weight) / total)
  const remainders = weights.map((weight) => (whole * weight) % total)
  let left = whole - shares.reduce((sum, share) => sum + share, 0n)
  const order = weights.map((_, index) => index)
  order.sort((a, b) => {
    const difference = (remainders[b] as bigint) - (remainders[a] as bigint)
    return difference > 0n ? 1 : difference < 0n ? -1 : a - b
  })
  for (const index of order) {
    if (left === 0n) break
    shares[index] = (shares[index] as bigint) + 1n
    left -= 1n
  }
  assert(left === 0n, 'a split gives out every unit')
  return shares.map(amount)
}

/** `12.5 BLOCK`, for people. */
export function formatAmount(value: bigint): string {
  const whole = value / NBLOCK_PER_BLOCK
  const fraction = (value % NBLOCK_PER_BLOCK).toString().padStart(9, '0').replace(/0+$/, '')
  return `${whole}${fraction === '' ? '' : `.${fraction}`} BLOCK`
}
