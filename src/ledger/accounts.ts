/**
 * Accounts and pots: who holds what, and the one function that moves money.
 *
 *   account <-> bonds | escrow | deposits        locked, given back or taken
 *   account  -> burned | treasury | fees         gone from whoever paid
 *
 * Invariants
 *   - Every change of a balance is one half of a `move`; the other half stands in a pot or another
 *     account. So balances and pots always sum to the genesis supply.
 *   - What a pot holds is recorded in detail by who locked it; `supply.ts` compares the two.
 *
 * Source: protocol.md §1 (Money).
 */

import { AMOUNT_LIMIT } from '../base/amount.ts'
import { assert } from '../base/assert.ts'
import { container, type Decoded, u64, u128 } from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import type { Execution } from './execution.ts'
import { type Reader, table, type View } from './state.ts'

const AccountCodec = container({ balance: u128, nonce: u64 })
export type AccountRecord = Decoded<typeof AccountCodec>
export const ACCOUNTS = table('accounts', AccountCodec)

const PotCodec = container({ value: u128 })
export const POTS = table('pots', PotCodec)

export const POT_NAMES = ['bonds', 'escrow', 'deposits', 'treasury', 'burned'] as const
export type Pot = (typeof POT_NAMES)[number]

export type Holder = { readonly kind: 'account'; readonly id: string } | { readonly kind: Pot }

const EMPTY: AccountRecord = { balance: 0n, nonce: 0n }

export function accountOf(reader: Reader, id: string): AccountRecord {
  return reader.get(ACCOUNTS, id) ?? EMPTY
}

export function balanceOf(reader: Reader, id: string): bigint {
  return accountOf(reader, id).balance
}

export function potOf(reader: Reader, pot: Pot): bigint {
  return reader.get(POTS, pot)?.value ?? 0n
}

export function account(id: string): Holder {
  return { kind: 'account', id }
}

export function pot(kind: Pot): Holder {
  return { kind }
}

/** @throws RefusalError balance_insufficient when an account cannot pay. */
export function move(execution: Execution, from: Holder, to: Holder, value: bigint): void {
  assert(value >= 0n, 'money moves forward')
  if (value === 0n) return
  take(execution.view, from, value)
  give(execution.view, to, value)
}

/** The next nonce of `id` is used. @throws RefusalError nonce_wrong. */
export function useNonce(view: View, id: string, nonce: bigint): void {
  const record = accountOf(view, id)
  if (nonce !== record.nonce) refuse('nonce_wrong', { nonce, expected: record.nonce })
  view.put(ACCOUNTS, id, { ...record, nonce: nonce + 1n })
}

/** Creates money: genesis only. */
export function endow(view: View, to: Holder, value: bigint): void {
  give(view, to, value)
}

function take(view: View, from: Holder, value: bigint): void {
  if (from.kind === 'account') {
    const record = accountOf(view, from.id)
    if (record.balance < value) {
      refuse('balance_insufficient', { account: from.id, balance: record.balance, needed: value })
    }
    view.put(ACCOUNTS, from.id, { ...record, balance: record.balance - value })
    return
  }
  const held = potOf(view, from.kind)
  assert(held >= value, 'a pot gives no more than it holds')
  view.put(POTS, from.kind, { value: held - value })
}

function give(view: View, to: Holder, value: bigint): void {
  if (to.kind === 'account') {
    const record = accountOf(view, to.id)
    assert(record.balance + value < AMOUNT_LIMIT, 'a balance fits 128 bits')
    view.put(ACCOUNTS, to.id, { ...record, balance: record.balance + value })
    return
  }
  view.put(POTS, to.kind, { value: potOf(view, to.kind) + value })
}
