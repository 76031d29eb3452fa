/**
 * The provider's record: its bond, what of it is locked, its reputation and its suspension.
 *
 * Invariants
 *   - `locked` is the sum of the collateral of the provider's attempts that are not final.
 *   - Only the free bond, bond less locked, can be locked again or asked back.
 *
 * Source: protocol.md §5 (collateral, reputation).
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { type Execution, emit } from './execution.ts'
import { PROVIDER, PROVIDERS, type ProviderRecord } from './market-records.ts'
import { type Conduct, reputationAfter } from './reputation.ts'
import type { Reader } from './state.ts'

export function providerOf(reader: Reader, id: string): ProviderRecord | undefined {
  return reader.get(PROVIDERS, id)
}

/** Bond that no attempt has locked. */
export function freeBond({ bond, locked }: ProviderRecord): bigint {
  return bond > locked ? bond - locked : 0n
}

/** Neither retired nor suspended at `height`. */
export function isServing(record: ProviderRecord, height: bigint): boolean {
  return record.state === PROVIDER.active && record.suspendedUntil < height
}

/** @throws RefusalError provider_unknown. */
export function requireProvider(reader: Reader, id: string): ProviderRecord {
  const record = providerOf(reader, id)
  if (record === undefined || record.state === PROVIDER.retired) {
    return refuse('provider_unknown', { provider: id })
  }
  return record
}

/** Changes the record of a provider that is known to exist, retired ones included. */
export function updateProvider(
  { view }: Execution,
  id: string,
  change: (record: ProviderRecord) => Partial<ProviderRecord>,
): void {
  const record = providerOf(view, id)
  assert(record !== undefined, 'a provider that was matched is never forgotten')
  view.put(PROVIDERS, id, { ...record, ...change(record) })
}

export function lockCollateral(execution: Execution, id: string, value: bigint): void {
  updateProvider(execution, id, (record) => {
    assert(freeBond(record) >= value, 'collateral is locked out of the free bond')
    return { locked: record.locked + value, openAttempts: record.openAttempts + 1 }
  })
}

export function unlockCollateral(execution: Execution, id: string, value: bigint): void {
  updateProvider(execution, id, (record) => ({
    locked: record.locked - value,
    openAttempts: record.openAttempts - 1,
  }))
}

export function noteConduct(execution: Execution, id: string, conduct: Conduct): void {
  updateProvider(execution, id, (record) => {
    const fault = conduct !== 'settled' && conduct !== 'latency'
    return {
      reputationPpm: reputationAfter(record.reputationPpm, conduct),
      settledCount: record.settledCount + (fault ? 0n : 1n),
      faultCount: record.faultCount + (fault ? 1n : 0n),
    }
  })
}

/** No ask of this provider matches until `suspension_blocks` have gone by. */
export function suspendProvider(execution: Execution, id: string, reason: string): void {
  const until = execution.block.height + execution.block.params.suspension_blocks
  updateProvider(execution, id, () => ({ suspendedUntil: until }))
  emit(execution, { kind: 'provider-suspended', subject: id, actor: id, count: until, reason })
}
