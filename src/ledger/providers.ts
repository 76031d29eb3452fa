/**
 * Providers: who may post asks, and what stands behind their work.
 *
 *   (none) --register, bond--> active --retire, nothing open--> retired --register--> active
 *
 * Invariants
 *   - `locked` is the sum of the collateral of the provider's attempts that are not final.
 *   - Only the free bond, bond less locked, can be locked again or asked back.
 *   - What is asked back stays punishable for `unbonding_blocks`, as `evidence_age` demands.
 *
 * Source: protocol.md §5 (collateral), §6.
 */

import { refuse } from '../base/refusal.ts'
import { account, move, pot } from './accounts.ts'
import { cancelAsksOf } from './asks.ts'
import { type Execution, emit } from './execution.ts'
import { requireKernelEnabled } from './kernels.ts'
import { PROVIDER, PROVIDERS } from './market-records.ts'
import { freeBond, providerOf, requireProvider } from './providers-bonds.ts'
import { REPUTATION_START_PPM } from './reputation.ts'
import type { Reader } from './state.ts'
import { type ActionPayload, ROLE_PROVIDER } from './types/transaction.ts'
import { startUnbonding } from './validators.ts'

export function applyRegisterProvider(
  execution: Execution,
  sender: string,
  { bond, fabric, kernelDigest }: ActionPayload<'register-provider'>,
): void {
  const { view, block } = execution
  const known = providerOf(view, sender)
  if (known !== undefined && known.state !== PROVIDER.retired) {
    refuse('provider_registered', { provider: sender })
  }
  requireKernelEnabled(view, kernelDigest, block.params)
  requireBond(bond, block.params.provider_min_bond)
  move(execution, account(sender), pot('bonds'), bond)
  view.put(PROVIDERS, sender, {
    fabric,
    kernelDigest,
    bond,
    locked: 0n,
    state: PROVIDER.active,
    registeredHeight: block.height,
    suspendedUntil: known?.suspendedUntil ?? 0n,
    // A name keeps what it has earned and what it has lost.
    reputationPpm: known?.reputationPpm ?? REPUTATION_START_PPM,
    openAsks: 0,
    openAttempts: 0,
    settledCount: known?.settledCount ?? 0n,
    faultCount: known?.faultCount ?? 0n,
  })
  emit(execution, { kind: 'provider-registered', subject: sender, actor: sender, value: bond })
}

/** Cancels the asks and asks the whole bond back. */
export function applyRetireProvider(execution: Execution, sender: string): void {
  const { view } = execution
  const record = requireProvider(view, sender)
  if (record.openAttempts > 0) {
    refuse('provider_busy', { provider: sender, attempts: record.openAttempts })
  }
  cancelAsksOf(execution, sender, 'provider_retired')
  const { bond } = record
  view.put(PROVIDERS, sender, {
    ...record,
    bond: 0n,
    openAsks: 0,
    state: PROVIDER.retired,
  })
  if (bond > 0n) startUnbonding(execution, sender, ROLE_PROVIDER, bond)
  emit(execution, { kind: 'provider-retired', subject: sender, actor: sender, value: bond })
}

export function bondProvider(execution: Execution, sender: string, value: bigint): void {
  const { view } = execution
  const record = requireProvider(view, sender)
  move(execution, account(sender), pot('bonds'), value)
  view.put(PROVIDERS, sender, { ...record, bond: record.bond + value })
}

/** Asks a part of the free bond back; what stays is at least the least bond. */
export function unbondProvider(execution: Execution, sender: string, value: bigint): void {
  const { view, block } = execution
  const record = requireProvider(view, sender)
  const free = freeBond(record)
  if (free < value) refuse('bond_locked', { free, asked: value, locked: record.locked })
  requireBond(record.bond - value, block.params.provider_min_bond)
  view.put(PROVIDERS, sender, { ...record, bond: record.bond - value })
  startUnbonding(execution, sender, ROLE_PROVIDER, value)
}

function requireBond(bond: bigint, least: bigint): void {
  if (bond < least) refuse('bond_too_small', { bond, least })
}

/** All provider bonds, locked parts included; what is unbonding is counted with the validators'. */
export function bondedByProviders(reader: Reader): bigint {
  return reader.entries(PROVIDERS).reduce((sum, [, { bond }]) => sum + bond, 0n)
}
