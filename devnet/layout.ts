/**
 * Who takes part in the devnet, with which keys and how much money, and where each one's data lies.
 *
 * Keys follow from the seed, so that two devnets of one seed are one chain: their jobs have the same
 * outputs and the same payments.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { toHex, utf8 } from '../src/base/bytes.ts'
import { vrfPublicKey } from '../src/base/ecvrf.ts'
import { sha256 } from '../src/base/hash.ts'
import { ownKernelDigest } from '../src/compute/io/kernel-manifest.ts'
import type { Genesis } from '../src/ledger/types/genesis.ts'
import { type KeyPair, keyPairOf, writeKeyFile } from '../src/runtime/io/key-file.ts'

export type Part = 'validator' | 'provider' | 'cheat'

export interface Member {
  readonly name: string
  readonly part: Part
  readonly account: KeyPair
}

export interface Offering {
  readonly provider: string
  /** 0 consumer, 1 industrial. */
  readonly lane: number
  /** nBLOCK per unit. */
  readonly unitPrice: bigint
}

export const VALIDATORS = 4
const BOND = 1_000_000_000_000_000n
const BALANCE = 1_000_000_000_000_000n
const FAUCET_BALANCE = 100_000_000_000_000_000n

/** The cheat asks least, so that the first job of its lane is matched to it. */
export const OFFERINGS: readonly Offering[] = [
  { provider: 'provider-0', lane: 0, unitPrice: 20_000n },
  { provider: 'provider-1', lane: 1, unitPrice: 25_000n },
  { provider: 'cheat', lane: 0, unitPrice: 10_000n },
]

/** A chain that moves: short windows, each longer than eight validators need. */
export const DEVNET_PARAMS: Readonly<Record<string, bigint>> = {
  min_block_interval_ms: 50n,
  heartbeat_ms: 2_000n,
  propose_timeout_ms: 1_000n,
  vote_timeout_ms: 500n,
  verdict_window_blocks: 24n,
  challenge_blocks: 24n,
  proof_window_blocks: 24n,
  availability_window_blocks: 400n,
  evidence_age: 4_000n,
  unbonding_blocks: 4_000n,
  suspension_blocks: 400n,
  gov_deposit: 10_000_000_000n,
  gov_deposit_blocks: 400n,
  gov_voting_blocks: 100n,
  gov_timelock_blocks: 4n,
  gov_shadow_blocks: 8n,
  gov_watch_blocks: 12n,
  downtime_min_signed_bps: 0n,
  epoch_blocks: 20n,
}

/** Blocks a provider has for a job; seconds at the pace of this chain. */
export const DEADLINE_BLOCKS = 400

/** The pair that a name stands for under a seed. */
export function pairNamed(seed: string, name: string): KeyPair {
  return keyPairOf(sha256(utf8(`devnet/${seed}/${name}`)))
}

export function members(seed: string): Member[] {
  const member = (name: string, part: Part): Member => ({
    name,
    part,
    account: pairNamed(seed, name),
  })
  return [
    ...Array.from({ length: VALIDATORS }, (_, index) => member(`validator-${index}`, 'validator')),
    member('provider-0', 'provider'),
    member('provider-1', 'provider'),
    member('cheat', 'cheat'),
  ]
}

export function devnetGenesis(seed: string, timeMs: number): Genesis {
  const everyone = members(seed)
  const validators = everyone.filter(({ part }) => part === 'validator')
  const sorted = <Entry extends { readonly id: Uint8Array }>(entries: Entry[]): Entry[] =>
    entries.sort((left, right) => (toHex(left.id) < toHex(right.id) ? -1 : 1))
  const faucet = pairNamed(seed, 'faucet').publicKey
  return {
    name: utf8('devnet'),
    time: BigInt(timeMs),
    params: Object.entries(DEVNET_PARAMS)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => ({ key: utf8(key), value })),
    validators: sorted(
      validators.map(({ name, account }) => ({
        id: account.publicKey,
        consensusKey: pairNamed(seed, `${name}/consensus`).publicKey,
        vrfKey: vrfPublicKey(pairNamed(seed, `${name}/vrf`).secretKey),
        bond: BOND,
      })),
    ),
    accounts: sorted([
      ...everyone.map(({ account }) => ({ id: account.publicKey, balance: BALANCE })),
      { id: pairNamed(seed, 'buyer').publicKey, balance: BALANCE },
      { id: faucet, balance: FAUCET_BALANCE },
    ]),
    kernelDigests: [ownKernelDigest()],
    faucet,
  }
}

export function folderOf(root: string, name: string): string {
  return join(root, name)
}

/** Writes a member's key files once; an existing folder keeps what it has. */
export function writeKeys(root: string, seed: string, { name, part, account }: Member): void {
  const keys = join(folderOf(root, name), 'keys')
  mkdirSync(keys, { recursive: true, mode: 0o700 })
  writeKeyFile(join(keys, 'account.json'), account)
  if (part !== 'validator') return
  for (const kind of ['consensus', 'vrf', 'coins']) {
    writeKeyFile(join(keys, `${kind}.json`), pairNamed(seed, `${name}/${kind}`))
  }
}
