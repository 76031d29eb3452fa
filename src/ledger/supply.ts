/**
 * Conservation: balances and pots are the genesis supply, and pots hold what their owners recorded.
 *
 * The sum over balances is kept as a running difference by construction of `move`; `audit` walks
 * everything and is what tests, the simulator and `test:replay` call.
 *
 * Source: protocol.md §1 (Money).
 */

import { assert } from '../base/assert.ts'
import { container, u128 } from '../base/codec.ts'
import { ACCOUNTS, POT_NAMES, type Pot, potOf } from './accounts.ts'
import { depositedByJobs, escrowedByJobs } from './jobs.ts'
import { depositedByPrograms } from './programs.ts'
import { depositedByProposals } from './proposals.ts'
import { bondedByProviders } from './providers.ts'
import { type Reader, table, type View } from './state.ts'
import { bondedByValidators } from './validators.ts'

const SupplyCodec = container({ total: u128 })
const SUPPLY = table('supply', SupplyCodec)

export interface Audit {
  readonly conserved: boolean
  readonly supply: bigint
  readonly balances: bigint
  readonly pots: Readonly<Record<Pot, bigint>>
  /** What the owners of each pot recorded; undefined where a pot has no owners. */
  readonly recorded: Readonly<Partial<Record<Pot, bigint>>>
}

export function installSupply(view: View, total: bigint): void {
  view.put(SUPPLY, 'genesis', { total })
}

export function supplyOf(reader: Reader): bigint {
  return reader.get(SUPPLY, 'genesis')?.total ?? 0n
}

/** Sums everything there is. */
export function audit(reader: Reader): Audit {
  const balances = reader.entries(ACCOUNTS).reduce((sum, [, { balance }]) => sum + balance, 0n)
  const pots = Object.fromEntries(POT_NAMES.map((name) => [name, potOf(reader, name)])) as Record<
    Pot,
    bigint
  >
  const recorded = {
    bonds: bondedByValidators(reader) + bondedByProviders(reader),
    escrow: escrowedByJobs(reader),
    deposits: depositedByPrograms(reader) + depositedByJobs(reader) + depositedByProposals(reader),
  }
  const supply = supplyOf(reader)
  const whole = POT_NAMES.reduce((sum, name) => sum + pots[name], balances)
  const kept = (Object.entries(recorded) as [Pot, bigint][]).every(
    ([name, value]) => pots[name] === value,
  )
  return { conserved: whole === supply && kept, supply, balances, pots, recorded }
}

/**
 * Asserted at the end of each block, over what the block changed: what accounts and pots lost is
 * what accounts and pots gained.
 */
export function assertConserved(before: Reader, after: Reader, touched: readonly string[]): void {
  let difference = 0n
  for (const id of touched) {
    difference += after.get(ACCOUNTS, id)?.balance ?? 0n
    difference -= before.get(ACCOUNTS, id)?.balance ?? 0n
  }
  for (const name of POT_NAMES) difference += potOf(after, name) - potOf(before, name)
  assert(difference === 0n, 'a block makes no money of its own')
}
