/**
 * Genesis as a text that people read and keep: JSON, one form, nothing unknown in it.
 *
 * Amounts and parameters are decimal text, because JSON numbers lose what is above 2^53; keys, ids
 * and digests are lower-case hexadecimal. The genesis hash is that of the SSZ encoding, never of
 * this text, so white space and the order of names do not matter.
 *
 * Source: docs/reference/genesis.md.
 */

import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { attempt, refuse } from '../base/refusal.ts'
import { checkGenesis } from './genesis-check.ts'
import { VALIDATORS_MAX } from './types/block.ts'
import { GENESIS_ACCOUNTS_MAX, type Genesis } from './types/genesis.ts'

const PARAMS_MAX = 256
const KERNEL_DIGESTS_MAX = 64
const U64_LIMIT = 1n << 64n
const U128_LIMIT = 1n << 128n

type Fields = Readonly<Record<string, unknown>>

/**
 * A genesis that a chain can stand on.
 * @throws RefusalError genesis_malformed, genesis_invalid, genesis_faucet_forbidden,
 *   key_inadmissible, param_*
 */
export function genesisFromJson(text: string): Genesis {
  const root = fieldsOf(parse(text), 'genesis', [
    'name',
    'timeMs',
    'params',
    'validators',
    'accounts',
    'kernelDigests',
    'faucet',
  ])
  const genesis: Genesis = {
    name: asciiOf(root['name'], 'name', 16),
    time: whole(root['timeMs'], 'timeMs', U64_LIMIT),
    params: paramsOf(root['params']),
    validators: listOf(root['validators'], 'validators', VALIDATORS_MAX).map(validatorOf),
    accounts: listOf(root['accounts'], 'accounts', GENESIS_ACCOUNTS_MAX).map(accountOf),
    kernelDigests: listOf(root['kernelDigests'], 'kernelDigests', KERNEL_DIGESTS_MAX).map(
      (digest, at) => hexOf(digest, `kernelDigests[${at}]`),
    ),
    faucet: root['faucet'] === null ? null : hexOf(root['faucet'], 'faucet'),
  }
  const fault = checkGenesis(genesis)
  if (fault !== undefined) refuse(fault.code, fault.facts)
  return genesis
}

/** Indented by two, with a last line break. */
export function genesisToJson(genesis: Genesis): string {
  const { name, time, params, validators, accounts, kernelDigests, faucet } = genesis
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
  const shown = {
    name: text(name),
    timeMs: String(time),
    params: Object.fromEntries(params.map(({ key, value }) => [text(key), String(value)])),
    validators: validators.map(({ id, consensusKey, vrfKey, bond }) => ({
      id: toHex(id),
      consensusKey: toHex(consensusKey),
      vrfKey: toHex(vrfKey),
      bond: String(bond),
    })),
    accounts: accounts.map(({ id, balance }) => ({ id: toHex(id), balance: String(balance) })),
    kernelDigests: kernelDigests.map(toHex),
    faucet: faucet === null ? null : toHex(faucet),
  }
  return `${JSON.stringify(shown, undefined, 2)}\n`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return malformed('genesis', String((error as Error).message).slice(0, 120))
  }
}

function paramsOf(value: unknown): Genesis['params'] {
  const entries = Object.entries(objectOf(value, 'params'))
  if (entries.length > PARAMS_MAX) malformed('params', `at most ${PARAMS_MAX} of them`)
  return entries
    .map(([key, each]) => ({
      key: asciiOf(key, 'params', 64),
      value: whole(each, `params.${key}`, U64_LIMIT),
      text: key,
    }))
    .sort((left, right) => (left.text < right.text ? -1 : 1))
    .map(({ key, value: each }) => ({ key, value: each }))
}

function validatorOf(value: unknown, at: number): Genesis['validators'][number] {
  const path = `validators[${at}]`
  const fields = fieldsOf(value, path, ['id', 'consensusKey', 'vrfKey', 'bond'])
  return {
    id: hexOf(fields['id'], `${path}.id`),
    consensusKey: hexOf(fields['consensusKey'], `${path}.consensusKey`),
    vrfKey: hexOf(fields['vrfKey'], `${path}.vrfKey`),
    bond: whole(fields['bond'], `${path}.bond`, U128_LIMIT),
  }
}

function accountOf(value: unknown, at: number): Genesis['accounts'][number] {
  const path = `accounts[${at}]`
  const fields = fieldsOf(value, path, ['id', 'balance'])
  return {
    id: hexOf(fields['id'], `${path}.id`),
    balance: whole(fields['balance'], `${path}.balance`, U128_LIMIT),
  }
}

function objectOf(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return malformed(field, 'is an object')
  }
  return value as Fields
}

/** Exactly the fields that are named: a misspelt one must not be taken for an absent one. */
function fieldsOf(value: unknown, field: string, names: readonly string[]): Fields {
  const fields = objectOf(value, field)
  const unknown = Object.keys(fields).find((name) => !names.includes(name))
  if (unknown !== undefined) malformed(field, `has no field ${unknown.slice(0, 32)}`)
  const missing = names.find((name) => !Object.hasOwn(fields, name))
  if (missing !== undefined) malformed(field, `needs a field ${missing}`)
  return fields
}

function listOf(value: unknown, field: string, countMax: number): readonly unknown[] {
  if (!Array.isArray(value)) return malformed(field, 'is a list')
  if (value.length > countMax) malformed(field, `at most ${countMax} of them`)
  return value
}

function whole(value: unknown, field: string, limit: bigint): bigint {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,38})$/.test(value)) {
    return malformed(field, 'is a whole number as text, without sign or leading zero')
  }
  const number = BigInt(value)
  return number < limit ? number : malformed(field, 'is too large')
}

function hexOf(value: unknown, field: string): Uint8Array {
  const bytes = typeof value === 'string' ? attempt(() => fromHex(value, 32)) : undefined
  if (bytes === undefined || 'refused' in bytes) {
    return malformed(field, 'is 64 lower-case hexadecimal digits')
  }
  return bytes.value
}

function asciiOf(value: unknown, field: string, lengthMax: number): Uint8Array {
  if (typeof value !== 'string' || value.length > lengthMax || !/^[\x20-\x7e]*$/.test(value)) {
    return malformed(field, `is at most ${lengthMax} ASCII characters`)
  }
  return utf8(value)
}

function malformed(field: string, reason: string): never {
  return refuse('genesis_malformed', { field, reason })
}
