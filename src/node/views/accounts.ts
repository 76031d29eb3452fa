/** Accounts and the roles they hold; validators, providers, and the supply they add up to. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { accountOf, POT_NAMES } from '../../ledger/accounts.ts'
import { PROVIDER, PROVIDERS, type ProviderRecord, stateName } from '../../ledger/market-records.ts'
import { freeBond } from '../../ledger/providers-bonds.ts'
import type { Reader } from '../../ledger/state.ts'
import { audit } from '../../ledger/supply.ts'
import {
  memberOf,
  VALIDATORS,
  type ValidatorRecord,
  validatorOf,
  validatorsAt,
} from '../../ledger/validators.ts'
import type { Queries } from '../queries.ts'
import {
  Amount,
  Count,
  Height,
  Id,
  type ListQuery,
  listOf,
  type Page,
  pageOf,
  textOf,
} from './json.ts'

export const ValidatorView = z.object({
  id: Id,
  state: z.enum(['active', 'joining', 'jailed', 'tombstoned', 'inactive']),
  power: z.string(),
  index: Count.nullable(),
  bond: Amount,
  consensusKey: Id,
  vrfKey: Id,
  /** First height at which its VRF key may be used. */
  vrfFrom: Height,
  jailedUntil: Height.nullable(),
  missedCount: Count,
})
export type ValidatorView = z.infer<typeof ValidatorView>
export const ValidatorList = listOf(ValidatorView)

export function validatorsView({ ledger }: Queries, page: ListQuery): Page<ValidatorView> {
  return pageOf(
    ledger.state.entries(VALIDATORS),
    ([id]) => id,
    ([id, record]) => validatorView(ledger, id, record),
    page,
  )
}

function validatorView(
  { state, head }: Queries['ledger'],
  id: string,
  record: ValidatorRecord,
): ValidatorView {
  const members = validatorsAt(state, head.height + 1n)
  const index = members.findIndex((member) => toHex(member.id) === id)
  return {
    id,
    state: standingOf(record, index >= 0, head.height),
    power: String(memberOf(members, id)?.power ?? 0n),
    index: index < 0 ? null : index,
    bond: String(record.bond),
    consensusKey: toHex(record.consensusKey),
    vrfKey: toHex(record.vrfKey),
    vrfFrom: Number(record.vrfFrom),
    jailedUntil: record.jailedUntil === 0n ? null : Number(record.jailedUntil),
    missedCount: record.missedCount,
  }
}

function standingOf(
  { tombstoned, jailedUntil, vrfFrom, bond }: ValidatorRecord,
  isIn: boolean,
  height: bigint,
): ValidatorView['state'] {
  if (tombstoned) return 'tombstoned'
  if (jailedUntil > 0n) return 'jailed'
  if (isIn) return 'active'
  return bond > 0n && vrfFrom > height ? 'joining' : 'inactive'
}

export const ProviderView = z.object({
  id: Id,
  state: z.enum(['active', 'suspended', 'retired']),
  fabric: z.string(),
  kernelDigest: Id,
  bond: Amount,
  free: Amount,
  locked: Amount,
  reputationPpm: Count,
  suspendedUntil: Height.nullable(),
  openAsks: Count,
  openAttempts: Count,
  settledCount: Count,
  faultCount: Count,
  registeredHeight: Height,
})
export type ProviderView = z.infer<typeof ProviderView>
export const ProviderList = listOf(ProviderView)

export function providersView({ ledger }: Queries, page: ListQuery): Page<ProviderView> {
  return pageOf(
    ledger.state.entries(PROVIDERS),
    ([id]) => id,
    ([id, record]) => providerView(id, record, ledger.head.height),
    page,
  )
}

export function providerView(id: string, record: ProviderRecord, height: bigint): ProviderView {
  const isSuspended = record.suspendedUntil > height
  const state = stateName(PROVIDER, record.state)
  return {
    id,
    state: state === 'active' && isSuspended ? 'suspended' : state,
    fabric: textOf(record.fabric),
    kernelDigest: toHex(record.kernelDigest),
    bond: String(record.bond),
    free: String(freeBond(record)),
    locked: String(record.locked),
    reputationPpm: record.reputationPpm,
    suspendedUntil: isSuspended ? Number(record.suspendedUntil) : null,
    openAsks: record.openAsks,
    openAttempts: record.openAttempts,
    settledCount: Number(record.settledCount),
    faultCount: Number(record.faultCount),
    registeredHeight: Number(record.registeredHeight),
  }
}

export const AccountView = z.object({
  id: Id,
  balance: Amount,
  nonce: Count,
  validator: ValidatorView.nullable(),
  provider: ProviderView.nullable(),
})

/** An account nobody has paid has a balance of zero: every key is an account. */
export function accountView({ ledger }: Queries, id: string): z.infer<typeof AccountView> {
  const { balance, nonce } = accountOf(ledger.state, id)
  const validator = validatorOf(ledger.state, id)
  const provider = ledger.state.get(PROVIDERS, id)
  return {
    id,
    balance: String(balance),
    nonce: Number(nonce),
    validator: validator === undefined ? null : validatorView(ledger, id, validator),
    provider: provider === undefined ? null : providerView(id, provider, ledger.head.height),
  }
}

export const SupplyView = z.object({
  classes: z.record(z.enum(['accounts', ...POT_NAMES]), Amount),
  supply: Amount,
  conserved: z.boolean(),
})

/** Sums everything there is: what each class holds, and whether it is the supply of genesis. */
export function supplyView(reader: Reader): z.infer<typeof SupplyView> {
  const { balances, pots, supply, conserved } = audit(reader)
  const classes = {
    accounts: String(balances),
    ...Object.fromEntries(POT_NAMES.map((name) => [name, String(pots[name])])),
  } as z.infer<typeof SupplyView>['classes']
  return { classes, supply: String(supply), conserved }
}
