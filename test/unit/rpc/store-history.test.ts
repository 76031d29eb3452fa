/** History over the store: what is indexed at start, kept up by notes, and read back after a gap. */

import { strict as check } from 'node:assert'

import { toHex } from '../../../src/base/bytes.ts'
import { RefusalError } from '../../../src/base/refusal.ts'
import { blockKey } from '../../../src/ledger/store-schema.ts'
import { blockId } from '../../../src/ledger/types/block.ts'
import { openHistory } from '../../../src/rpc/io/store-history.ts'
import type { LiveMarket } from '../ledger/market/live-market.ts'
import { finishedMarket, jobIds, storeOver } from './market.ts'

describe('history over the store', () => {
  let market: LiveMarket
  let chain: LiveMarket['chain']
  before(() => {
    market = finishedMarket()
    chain = market.chain
  })

  it('is the same whether indexed at start or noted block by block', async () => {
    const store = storeOver(chain.store)
    const whole = await openHistory(store, market.height)
    const grown = await openHistory(store, 0n)
    for (let height = 1n; height <= market.height; height++) {
      grown.note(height, (await whole.readEvents(height))?.events ?? [])
    }
    const [job] = jobIds(market)
    check.deepEqual(grown.heightsOf(job ?? ''), whole.heightsOf(job ?? ''))
    check.deepEqual(grown.slashes(), whole.slashes())
    check.equal(whole.slashes().length, 1)
  })

  it('reads back what was committed while nobody listened', async () => {
    const store = storeOver(chain.store)
    const whole = await openHistory(store, market.height)
    const late = await openHistory(store, 2n)
    late.note(market.height, [])
    for (let turns = 0; turns < 1_000 && late.slashes().length === 0; turns++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    check.deepEqual(late.slashes(), whole.slashes())
  })

  it('finds blocks by id and receipts by theirs', async () => {
    const history = await openHistory(storeOver(chain.store), market.height)
    const block = chain.blocks[3]?.block
    check.ok(block !== undefined)
    const id = toHex(blockId(block.header))
    check.equal(await history.heightOf(id), 4n)
    check.equal(await history.heightOf('00'.repeat(32)), undefined)
    check.equal(await history.readBlock(market.height + 1n), undefined)
    const stored = await history.readBlock(4n)
    check.equal(stored === undefined ? '' : toHex(blockId(stored.block.header)), id)
  })

  it('refuses a block whose bytes have rotted', async () => {
    const entries = new Map(chain.store)
    const value = Uint8Array.from(entries.get(blockKey(2n)) ?? [])
    value[9] = (value[9] ?? 0) ^ 1
    entries.set(blockKey(2n), value)
    const history = await openHistory(storeOver(entries), market.height)
    await check.rejects(history.readBlock(2n), (error: unknown) => {
      check.ok(error instanceof RefusalError)
      return error.refusal.code === 'store_corrupt'
    })
  })
})
