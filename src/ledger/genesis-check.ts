/**
 * What a genesis must satisfy besides its encoding: order, keys, sums, and the parameter table.
 *
 * Source: protocol.md §1, §8; docs/reference/genesis.md.
 */

import { NBLOCK_PER_BLOCK } from '../base/amount.ts'
import { compareBytes, toHex } from '../base/bytes.ts'
import { isAdmissibleKey } from '../base/ed25519-keys.ts'
import { byText } from '../base/ordered.ts'
import { attempt, type Refusal, refusal, refuse } from '../base/refusal.ts'
import {
  checkBounds,
  checkInvariants,
  defaultParams,
  isParamKey,
  type Params,
  withParams,
} from '../governance/params.ts'
import type { Genesis } from './types/genesis.ts'

/** Names of chains whose genesis may hold a faucet account. */
export const FAUCET_CHAINS: readonly string[] = ['devnet', 'sim']
/** Whole BLOCK; keeps powers and proposer priorities within 64 bits whatever is bonded. */
export const SUPPLY_BLOCKS_MAX: bigint = 1n << 60n

/** Nothing when a chain can stand on this genesis. */
export function checkGenesis(genesis: Genesis): Refusal | undefined {
  return (
    checkName(genesis) ??
    checkOrder(genesis) ??
    checkValidators(genesis) ??
    checkSupply(genesis) ??
    checkParams(genesis)
  )
}

/** The table's defaults with the values of the genesis. @throws RefusalError genesis_invalid. */
export function genesisParams({ params }: Genesis): Params {
  const changes: Record<string, bigint> = {}
  for (const { key, value } of params) {
    const text = new TextDecoder().decode(key)
    if (!isParamKey(text)) refuse('genesis_invalid', { reason: 'unknown parameter', key: text })
    changes[text] = value
  }
  return withParams(defaultParams(), changes)
}

function checkName({ name, faucet }: Genesis): Refusal | undefined {
  const text = new TextDecoder().decode(name)
  if (!/^[a-z][a-z0-9-]{0,15}$/.test(text)) {
    return refusal('genesis_invalid', { reason: 'the name is plain lower-case text', name: text })
  }
  if (faucet === null || FAUCET_CHAINS.includes(text)) return undefined
  return refusal('genesis_faucet_forbidden', { name: text })
}

function checkOrder({ validators, accounts, kernelDigests, params }: Genesis): Refusal | undefined {
  const lists: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['validators', validators.map(({ id }) => id)],
    ['accounts', accounts.map(({ id }) => id)],
    ['kernelDigests', kernelDigests],
  ]
  const unsorted = lists.find(
    ([, ids]) =>
      !ids.every((id, at) => at === 0 || compareBytes(ids[at - 1] as Uint8Array, id) < 0),
  )
  if (unsorted !== undefined) {
    return refusal('genesis_invalid', { reason: 'each id once and in order', list: unsorted[0] })
  }
  const keys = params.map(({ key }) => new TextDecoder().decode(key))
  const ordered = keys.every((key, at) => at === 0 || byText(keys[at - 1] as string, key) < 0)
  if (ordered) return undefined
  return refusal('genesis_invalid', { reason: 'each key once and in order', list: 'params' })
}

function checkValidators({ validators }: Genesis): Refusal | undefined {
  if (validators.length === 0) return refusal('genesis_invalid', { reason: 'no validators' })
  const keys = new Set(validators.map(({ consensusKey }) => toHex(consensusKey)))
  if (keys.size !== validators.length) {
    return refusal('genesis_invalid', { reason: 'two validators have one consensus key' })
  }
  const bad = validators.find(
    ({ consensusKey, vrfKey }) => !isAdmissibleKey(consensusKey) || !isAdmissibleKey(vrfKey),
  )
  if (bad === undefined) return undefined
  return refusal('key_inadmissible', { validator: toHex(bad.id) })
}

function checkSupply({ validators, accounts }: Genesis): Refusal | undefined {
  const bonds = validators.reduce((sum, { bond }) => sum + bond, 0n)
  const supply = accounts.reduce((sum, { balance }) => sum + balance, bonds)
  const supplyMax = SUPPLY_BLOCKS_MAX * NBLOCK_PER_BLOCK
  if (supply <= supplyMax) return undefined
  return refusal('genesis_invalid', { reason: 'the supply is too large', supply, supplyMax })
}

function checkParams(genesis: Genesis): Refusal | undefined {
  const outcome = attempt(() => genesisParams(genesis))
  if ('refused' in outcome) return outcome.refused
  const params = outcome.value
  const fault = checkBounds(params) ?? checkInvariants(params, genesis.validators.length)
  if (fault !== undefined) return fault
  const least = params.validator_min_bond
  const poor = genesis.validators.find(({ bond }) => bond < least)
  if (poor === undefined) return undefined
  const validator = toHex(poor.id)
  return refusal('genesis_invalid', { reason: 'bond below validator_min_bond', validator, least })
}
