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
})
