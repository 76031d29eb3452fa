/**
 * Genesis: everything the first block stands on. Its hash_tree_root is the genesis hash, which
 * every signature and every handshake binds.
 */

import { toHex } from '../../base/bytes.ts'
import {
  byteList,
  bytes32,
  container,
  type Decoded,
  hashTreeRoot,
  list,
  optional,
  u64,
  u128,
} from '../../base/codec.ts'
import { VALIDATORS_MAX } from './block.ts'

export const GENESIS_ACCOUNTS_MAX = 65_536

const GenesisParam = container({ key: byteList(64), value: u64 })
const GenesisValidator = container({
  id: bytes32,
  consensusKey: bytes32,
  vrfKey: bytes32,
  bond: u128,
})
const GenesisAccount = container({ id: bytes32, balance: u128 })

export const GenesisCodec = container({
  /** ASCII, at most 16 bytes: `devnet`. */
  name: byteList(16),
  /** Milliseconds since the Unix epoch. */
  time: u64,
  /** Values that differ from the parameter table's defaults, sorted by key. */
  params: list(GenesisParam, 256),
  /** Sorted by id. */
  validators: list(GenesisValidator, VALIDATORS_MAX),
  /** Sorted by id; balances exclude bonds. */
  accounts: list(GenesisAccount, GENESIS_ACCOUNTS_MAX),
  kernelDigests: list(bytes32, 64),
  /** The account whose key only devnet profiles ship. */
  faucet: optional(bytes32),
})
export type Genesis = Decoded<typeof GenesisCodec>

export function genesisHash(genesis: Genesis): Uint8Array {
  return hashTreeRoot(GenesisCodec, genesis)
}

/** Name and the first 8 hex digits of the genesis hash: for topics and display, never for trust. */
export function chainId(genesis: Genesis): string {
  return `${new TextDecoder().decode(genesis.name)}-${toHex(genesisHash(genesis)).slice(0, 8)}`
}
