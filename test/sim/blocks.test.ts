/** Agreement in a calm world: blocks are made, transfers are in them, every node has the same state. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { balanceOf } from '../../src/ledger/accounts.ts'
import { SENDER_MAX } from '../../src/ledger/mempool.ts'
import { audit } from '../../src/ledger/supply.ts'
import type { SubmitOutcome } from '../../src/node/events.ts'
import { CALM, cluster, idOf, KEYS, transaction, validators } from './support.ts'

describe('a chain of four validators', () => {
  it('puts a transfer into a block on every node', () => {
    const chain = cluster(7, CALM, validators(4), ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 4, 100_000)
    const to = KEYS.signer('bob').publicKey
    const action = { name: 'transfer', payload: { to, value: 5n } } as const
    chain.node('v1').driver.submit(transaction(chain.genesis, 'alice', 0n, action), () => {})
    const done = chain.runUntil(
      () => chain.nodes.every(({ ledger }) => balanceOf(ledger.state, idOf('bob')) === 5n),
      200_000,
    )
    check.ok(done)
    const roots = new Set(chain.nodes.map(({ ledger }) => toHex(ledger.head.stateRoot)))
    check.equal(roots.size, 1)
    for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
  })

  it('takes an object again that the pool had no room for', () => {
    const chain = cluster(8, CALM, validators(4), ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 4, 100_000)
    const { driver, ledger } = chain.node('v0')
    const action = {
      name: 'transfer',
      payload: { to: KEYS.signer('bob').publicKey, value: 1n },
    } as const
    const outcomes: SubmitOutcome[] = []
    const submit = (nonce: number): void => {
      const bytes = transaction(chain.genesis, 'alice', BigInt(nonce), action)
      driver.submit(bytes, (outcome) => outcomes.push(outcome))
    }
    for (let nonce = 0; nonce <= SENDER_MAX; nonce++) submit(nonce)
    chain.runUntil(() => outcomes.length > SENDER_MAX, 100_000)
    const last = outcomes[SENDER_MAX]
    check.ok(last !== undefined && 'refusal' in last)
    check.equal(last.refusal.code, 'pool_sender_full')
    const paid = (): bigint => balanceOf(ledger.state, idOf('bob'))
    check.ok(chain.runUntil(() => paid() === BigInt(SENDER_MAX), 400_000))
    submit(SENDER_MAX)
    check.ok(chain.runUntil(() => paid() === BigInt(SENDER_MAX + 1), 400_000))
  })
})
