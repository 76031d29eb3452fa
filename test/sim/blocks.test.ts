/** Agreement in a calm world: blocks are made, transfers are in them, every node has the same state. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { balanceOf } from '../../src/ledger/accounts.ts'
import { audit } from '../../src/ledger/supply.ts'
import { CALM, cluster, idOf, KEYS, transaction, validators } from './support.ts'

describe('a chain of four validators', () => {
  it('puts a transfer into a block on every node', () => {
    const chain = cluster(7, CALM, validators(4), ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 4, 100_000)
    const to = KEYS.signer('bob').publicKey
    const bytes = transaction(chain.genesis, 'alice', 0n, { name: 'transfer', payload: { to, value: 5n } })
    let outcome: unknown
    chain.node('v1').driver.submit(bytes, (told) => {
      outcome = told
    })
    const done = chain.runUntil(
      () => chain.nodes.every(({ ledger }) => balanceOf(ledger.state, idOf('bob')) === 5n),
      200_000,
    )
    if (!done) {
      console.log(outcome, chain.world.nowMs, chain.nodes.map(({ ledger, engine }) => [ledger.head.height, engine.node.pool.size, engine.node.consensus.phase]))
      console.log(chain.facts.slice(0, 30).map(({ node, fact }) => `${node} ${JSON.stringify(fact, (_, v) => typeof v === 'bigint' ? String(v) : v)}`).join('\n'))
    }
    check.ok(done)
    const roots = new Set(chain.nodes.map(({ ledger }) => toHex(ledger.head.stateRoot)))
    check.equal(roots.size, 1)
    for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
  })
})
