/** The loop through the real ledger. */

import { strict as check } from 'node:assert'

import { toHex } from '../../../../src/base/bytes.ts'
import { matchedAttempts, pendingVerdicts } from '../../../../src/ledger/duties.ts'
import { explain } from '../../../../src/ledger/explain.ts'
import { restoreLedger } from '../../../../src/ledger/genesis-state.ts'
import { HEAD_KEY, STATE_PREFIX } from '../../../../src/ledger/store-schema.ts'
import { BLOCK } from '../chain/chain.ts'
import { CHEAT, HONEST, LiveMarket, VALIDATORS } from './live-market.ts'

function opened(): LiveMarket {
  const market = new LiveMarket()
  market.open()
  return market
}

describe('the loop through real blocks', () => {
  it('settles every job with the honest provider and slashes the cheat', () => {
    const market = opened()
    for (const salt of [1n, 2n, 3n]) market.offer(salt)
    market.settle()
    check.equal(market.count('job-offered'), 3)
    const settled = market.events.filter(({ kind }) => kind === 'job-settled')
    check.deepEqual(
      settled.map(({ actor: who }) => who),
      [HONEST.id, HONEST.id, HONEST.id],
    )
    const [slash] = market.events.filter(({ kind }) => kind === 'provider-slashed')
    check.equal(slash?.actor, CHEAT.id)
    check.equal(slash?.value, 500n * BLOCK)
    check.equal(explain(market.chain.ledger.state, slash?.subject ?? '')?.kind, 'evidence')
    check.equal(market.count('provider-slashed'), 1)
    check.equal(market.count('duty-missed'), 0)
  })

  it('goes on from the store as if it had never stopped', () => {
    const market = opened()
    market.offer(9n)
    for (let left = 4; left > 0; left--) market.live()
    const { ledger, store } = market.chain
    const entries = [...store].filter(([key]) => key.startsWith(STATE_PREFIX))
    const head = store.get(HEAD_KEY)
    check.ok(head !== undefined)
    const restored = restoreLedger(ledger.genesis, entries, head, ledger.head.commit)
    check.equal(toHex(restored.head.stateRoot), toHex(ledger.head.stateRoot))
    for (const { id } of [...VALIDATORS, HONEST, CHEAT]) {
      const height = ledger.head.height
      check.deepEqual(
        pendingVerdicts(restored.state, height, id),
        pendingVerdicts(ledger.state, height, id),
      )
      check.deepEqual(matchedAttempts(restored.state, id), matchedAttempts(ledger.state, id))
    }
  })
})
