/** What a node would let be asked about a small market. */

import { equalBytes } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { JOBS } from '../../../src/ledger/market-records.ts'
import type { Queries } from '../../../src/node/queries.ts'
import { openHistory } from '../../../src/rpc/io/store-history.ts'
import type { Store } from '../../../src/runtime/ports.ts'
import { LiveMarket, MANIFEST, VALIDATORS } from '../ledger/market/live-market.ts'

/** A market in which one job has come to its end: the cheat is slashed, the honest provider paid. */
export function finishedMarket(): LiveMarket {
  const market = new LiveMarket()
  market.open()
  market.offer(1n)
  market.settle()
  return market
}

/** The store port over the chain's map. */
export function storeOver(entries: Map<string, Uint8Array>): Store {
  return {
    write: (_batch, done) => queueMicrotask(done),
    get: (key, done) => queueMicrotask(() => done(entries.get(key))),
    range: (from, to, countMax, done) => {
      const keys = [...entries.keys()].filter((key) => key >= from && key < to).sort()
      const found = keys
        .slice(0, countMax)
        .map((key) => [key, entries.get(key) as Uint8Array] as const)
      queueMicrotask(() => done(found))
    },
  }
}

export async function queriesOf({ chain }: LiveMarket): Promise<Queries> {
  const { ledger, pool } = chain
  return {
    ledger,
    pool,
    history: await openHistory(storeOver(chain.store), ledger.head.height),
    blobs: {
      get: async (digest) => (equalBytes(digest, blake3(MANIFEST)) ? MANIFEST : undefined),
    },
    info: () => ({
      version: '0.1.0',
      peerId: '12D3KooW',
      account: VALIDATORS[0]?.id,
      http: '',
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      roles: ['validator'],
      bootstrap: [],
    }),
    peers: () => [],
    peersReason: () => '0 peers because nobody was dialled',
    consensus: () => ({ height: ledger.head.height + 1n, round: 0, step: 'propose' }),
    sync: () => ({ syncing: false, targetHeight: ledger.head.height }),
  }
}

export function jobIds({ chain }: LiveMarket): string[] {
  return chain.ledger.state.entries(JOBS).map(([id]) => id)
}
