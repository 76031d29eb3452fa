/** Replay: from genesis and blocks alone comes the state that the running nodes have. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { decode } from '../../src/base/codec.ts'
import { JOB, jobOf } from '../../src/ledger/market-records.ts'
import { replay } from '../../src/ledger/replay.ts'
import { unsealed } from '../../src/ledger/store-schema.ts'
import { type StoredBlock, StoredBlockCodec } from '../../src/ledger/types/stored-block.ts'
import type { StoreEntry } from '../../src/runtime/ports.ts'
import type { Cluster } from '../../src/sim/cluster.ts'
import { CALM, cluster, KEYS, Market, validators } from './support.ts'

/** A market in which one provider is honest and the cheaper one falsifies. */
function settledRun(): Cluster {
  const chain = cluster(
    23,
    CALM,
    [
      ...validators(4),
      { name: 'honest', role: 'provider' },
      {
        name: 'cheat',
        role: 'provider',
        tamper: (_program, outputs) => {
          const bytes = outputs[1]
          if (bytes !== undefined) bytes[0] = (bytes[0] ?? 0) ^ 1
        },
      },
    ],
    ['alice'],
  )
  chain.startAll()
  chain.runUntil(() => chain.nodes.length === 6, 100_000)
  const market = new Market(chain)
  market.registerProgram('alice')
  market.registerProvider('honest', 20_000n)
  market.registerProvider('cheat', 10_000n)
  const isAvailable = (): boolean =>
    chain.facts.some(
      ({ fact }) =>
        fact.kind === 'block-committed' &&
        fact.events.some(({ kind }) => kind === 'program-available'),
    )
  check.ok(chain.runUntil(isAvailable, 400_000))
  const job = market.offer('alice', 0)
  const state = () => chain.node('v0').ledger.state
  check.ok(chain.runUntil(() => jobOf(state(), job)?.state === JOB.settled, 2_000_000))
  return chain
}

function storedBlocks(chain: Cluster, name: string): StoredBlock[] {
  let entries: readonly StoreEntry[] | undefined
  chain.world.ports(name).store.range('block/', 'block0', 100_000, (found) => {
    entries = found
  })
  check.ok(chain.runUntil(() => entries !== undefined, 100_000))
  return (entries ?? []).map(([key, value]) => decode(StoredBlockCodec, unsealed(key, value)))
}

describe('replay from genesis', () => {
  let chain: Cluster
  let blocks: readonly StoredBlock[]

  before(() => {
    chain = settledRun()
    blocks = storedBlocks(chain, 'v0')
  })

  it('gives every root of a chain with jobs, verdicts, a slash and settlements', () => {
    const roots = new Map<bigint, string>()
    const ledger = replay(chain.genesis, blocks, {
      check: KEYS.check,
      seen: ({ head }) => roots.set(head.height, toHex(head.stateRoot)),
    })
    check.ok(blocks.length > 20)
    blocks.forEach(({ block }, at) => {
      if (at === 0) return
      check.equal(toHex(block.header.stateRoot), roots.get(block.header.height - 1n))
    })
    const { head } = chain.node('v0').ledger
    if (head.height === ledger.head.height) {
      check.equal(toHex(ledger.head.stateRoot), toHex(head.stateRoot))
      check.equal(toHex(ledger.head.eventsRoot), toHex(head.eventsRoot))
    }
    const kinds = new Set(
      blocks
        .flatMap(({ block }) => Object.entries(block))
        .flatMap(([section, objects]) =>
          Array.isArray(objects) && objects.length > 0 ? [section] : [],
        ),
    )
    check.deepEqual([...kinds].sort(), [
      'attestations',
      'evidence',
      'offers',
      'receipts',
      'transactions',
    ])
  })

  it('names the height of a block that was changed', () => {
    const at = blocks.findIndex(({ block }) => block.transactions.length > 0)
    const bent = blocks.map((each, index) => {
      if (index !== at) return each
      return { ...each, block: { ...each.block, transactions: each.block.transactions.slice(1) } }
    })
    check.throws(() => replay(chain.genesis, bent), new RegExp(`replay_refused.*height=${at + 1}`))
  })
})
