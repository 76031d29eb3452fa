/**
 * Four validator processes: how soon is a block final, how many signed transfers go through, and how
 * much memory does a node take?
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeClient, until } from '../devnet/client.ts'
import { finalityMs, quantile } from '../devnet/finality.ts'
import { members, pairNamed } from '../devnet/layout.ts'
import { type Network, startNetwork } from '../devnet/network.ts'
import { toHex } from '../src/base/bytes.ts'
import { signTransaction } from '../src/cli/wallet.ts'
import { genesisHash } from '../src/ledger/types/genesis.ts'
import type { KeyPair } from '../src/runtime/io/key-file.ts'
import type { BenchLine } from './line.ts'

const SEED = 'bench'
const QUIET_MS = 10_000
const LOAD_MS = 20_000
const PAUSE_MS = 150
/** What still waits when the first part ends has its block by then. */
const SETTLE_MS = 2_000

export async function run(): Promise<BenchLine[]> {
  const root = mkdtempSync(join(tmpdir(), 'blocktorch-bench-'))
  const network = await startNetwork(root, SEED, () => {}, ['validator'])
  try {
    const names = network.nodes.map(({ name }) => name)
    const senders = [...members(SEED).map(({ account }) => account), pairNamed(SEED, 'buyer')]
    await trickle(network, senders[0] as KeyPair)
    const quiet = finalityMs(root, names)
    await new Promise((done) => setTimeout(done, SETTLE_MS))
    const sent = await flood(network, senders)
    const facts = { validators: names.length, fsync: 'on' }
    return [
      { name: 'finality/p50', unit: 'ms', value: quantile(quiet, 0.5), facts },
      { name: 'finality/p95', unit: 'ms', value: quantile(quiet, 0.95), facts },
      {
        name: 'transactions',
        unit: '1/s',
        value: sent.perSecond,
        facts: { ...facts, ...sent.facts },
      },
      { name: 'rss', unit: 'MiB', value: largestMib(network), facts },
    ]
  } finally {
    await network.stop()
    rmSync(root, { recursive: true, force: true })
  }
}

/** One transfer at a time, so that every block holds something and nothing queues. */
async function trickle(network: Network, sender: KeyPair): Promise<void> {
  const client = clientOf(network, 0)
  const end = Date.now() + QUIET_MS
  for (let nonce = 0n; Date.now() < end; nonce++) {
    await submit(network, client, sender, nonce)
    await new Promise((done) => setTimeout(done, PAUSE_MS))
  }
}

/** Every sender as fast as the pool takes it, spread over the nodes. */
async function flood(
  network: Network,
  senders: readonly KeyPair[],
): Promise<{ readonly perSecond: number; readonly facts: Record<string, number> }> {
  const before = await nonces(network, senders)
  const start = performance.now()
  const end = start + LOAD_MS
  await Promise.all(
    senders.map(async (sender, index) => {
      const client = clientOf(network, index % network.nodes.length)
      let nonce = before[index] ?? 0n
      while (performance.now() < end) {
        try {
          await submit(network, client, sender, nonce)
          nonce++
        } catch (error) {
          // The pool holds as many of this sender as it may: the next block makes room.
          if (!String(error).includes('pool_sender_full')) throw error
          await new Promise((done) => setTimeout(done, 10))
        }
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const after = await nonces(network, senders)
  const included = after.reduce((sum, nonce, index) => sum + nonce - (before[index] ?? 0n), 0n)
  return { perSecond: Number(included) / seconds, facts: { seconds, senders: senders.length } }
}

async function submit(
  network: Network,
  client: NodeClient,
  sender: KeyPair,
  nonce: bigint,
): Promise<void> {
  const action = { name: 'transfer', payload: { to: sender.publicKey, value: 1n } } as const
  const { bytes } = signTransaction(genesisHash(network.genesis), sender, nonce, 0n, action)
  await client.post('/blocktorch/submit', { envelope: toHex(bytes) })
}

async function nonces(network: Network, senders: readonly KeyPair[]): Promise<bigint[]> {
  const client = clientOf(network, 0)
  return await Promise.all(
    senders.map((sender) =>
      until('an account', 10_000, async () => {
        const path = `/blocktorch/accounts/${toHex(sender.publicKey)}`
        return BigInt((await client.get<{ nonce: number }>(path)).nonce)
      }),
    ),
  )
}

function clientOf(network: Network, index: number): NodeClient {
  const node = network.nodes[index]
  if (node === undefined) throw new Error('a network has nodes')
  return new NodeClient(node.ready.http)
}

function largestMib(network: Network): number {
  const pids = network.nodes.map(({ pid }) => String(pid))
  const text = execFileSync('ps', ['-o', 'rss=', '-p', pids.join(',')], { encoding: 'utf8' })
  return Math.round(Math.max(...text.trim().split(/\s+/).map(Number)) / 1024)
}
