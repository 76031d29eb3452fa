/**
 * A newcomer's data folder: the chain it belongs to and its keys, made once and then reused.
 *
 *   DIR/genesis.json
 *   DIR/keys/account.json                     owns money and signs transactions
 *   DIR/keys/{consensus,vrf,coins}.json       of validators only
 *   DIR/guard.journal                         written by the node: what the consensus key has signed
 */

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { toHex } from '../base/bytes.ts'
import { readGenesisFile, writeGenesisFile } from '../ledger/io/genesis-file.ts'
import { genesisHash } from '../ledger/types/genesis.ts'
import { type KeyPair, newKeyPair, readKeyFile, writeKeyFile } from '../runtime/io/key-file.ts'
import type { Account, Block, Items } from './answers.ts'
import type { Client } from './client.ts'
import { EXIT, fail } from './failure.ts'
import type { Chain } from './invite.ts'

export type KeyName = 'account' | 'consensus' | 'vrf' | 'coins'
export const PROVIDER_KEYS: readonly KeyName[] = ['account']
export const VALIDATOR_KEYS: readonly KeyName[] = ['account', 'consensus', 'vrf', 'coins']

export interface NodeKey {
  readonly name: KeyName
  readonly path: string
  readonly pair: KeyPair
  /** False when it was there already. */
  readonly isNew: boolean
}

/** @throws CliFailure genesis_other; RefusalError genesis_* */
export async function prepareFolder(dataDir: string, chain: Chain): Promise<string> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'genesis.json')
  if (!existsSync(path)) {
    await writeGenesisFile(path, chain.genesis)
    return path
  }
  const there = toHex(genesisHash(await readGenesisFile(path)))
  if (there !== chain.genesisHash) {
    fail(EXIT.rejected, 'genesis_other', { path, there, wanted: chain.genesisHash })
  }
  return path
}

/** Reads the keys that are there and makes those that are not. @throws RefusalError key_file_* */
export function ensureKeys(dataDir: string, names: readonly KeyName[]): readonly NodeKey[] {
  return names.map((name) => {
    const path = join(dataDir, 'keys', `${name}.json`)
    if (existsSync(path)) return { name, path, pair: readKeyFile(path), isNew: false }
    const pair = newKeyPair()
    writeKeyFile(path, pair)
    return { name, path, pair, isNew: true }
  })
}

/** @throws CliFailure when the key is not among them: the caller asked for it. */
export function keyOf(keys: readonly NodeKey[], name: KeyName): KeyPair {
  const found = keys.find((key) => key.name === name)
  return found?.pair ?? fail(EXIT.failed, 'internal', { reason: `no ${name} key` })
}

/**
 * A validator of the set that has no sign guard here runs somewhere else, or has lost what it must
 * know about its own signatures: a second start could sign twice and be slashed.
 * @throws CliFailure key_active_elsewhere
 */
export async function requireNotElsewhere(
  client: Client,
  dataDir: string,
  account: string,
): Promise<void> {
  if (existsSync(join(dataDir, 'guard.journal'))) return
  const { validator } = await client.get<Account>(`/blocktorch/accounts/${account}`)
  if (validator === null) return
  const { items } = await client.get<Items<Block>>('/blocktorch/blocks?limit=20')
  const signed = items.find(({ signers }) => signers.includes(account))
  if (validator.state !== 'active' && signed === undefined) return
  const lastSigned = signed?.height ?? 0
  fail(EXIT.rejected, 'key_active_elsewhere', { account, lastSigned, dataDir })
}
