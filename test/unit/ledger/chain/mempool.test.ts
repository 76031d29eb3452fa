/** The pool: bounded by sender and by what is paid, and never trusting a signature it did not see. */

import { strict as check } from 'node:assert'

import { accountOf } from '../../../../src/ledger/accounts.ts'
import { requiredChecks } from '../../../../src/ledger/ledger.ts'
import { Mempool, SENDER_MAX } from '../../../../src/ledger/mempool.ts'
import { type Actor, actors, BLOCK, Chain, genesisOf, transaction, transfer } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const PEOPLE = actors('person', 2)
const [ALICE, BOB] = PEOPLE as [Actor, Actor]

function newChain(): Chain {
  return new Chain(genesisOf(VALIDATORS, PEOPLE), [...VALIDATORS, ...PEOPLE])
}

describe('mempool', () => {
  it('holds at most so many objects of a sender, and those of one block in nonce order', () => {
    const chain = newChain()
    for (let at = 0; at < SENDER_MAX; at++) check.equal(chain.submit(ALICE, transfer(BOB, 1n)), '')
    check.equal(chain.submit(ALICE, transfer(BOB, 1n)), 'pool_sender_full')
    check.equal(chain.submit(BOB, transfer(ALICE, 1n)), '')
    check.equal(chain.build().transactions.length, SENDER_MAX + 1)
    chain.advance()
    check.equal(chain.pool.size, 0)
    check.equal(accountOf(chain.ledger.state, ALICE.id).nonce, BigInt(SENDER_MAX))
  })

  it('sorts what came out of order', () => {
    const chain = newChain()
    const { ledger, pool } = chain
    for (const [from, nonce] of [
      [ALICE, 2n],
      [BOB, 1n],
      [ALICE, 0n],
      [BOB, 0n],
      [ALICE, 1n],
    ] as const) {
      const to = from === ALICE ? BOB : ALICE
      const signed = transaction(ledger.genesisHash, from, nonce, transfer(to, 1n))
      check.equal(pool.add(ledger, signed, false), undefined)
    }
    check.equal(chain.build().transactions.length, 5)
  })

  it('takes together only what the balance covers together', () => {
    const chain = newChain()
    check.equal(chain.submit(ALICE, transfer(BOB, 6_000n * BLOCK)), '')
    check.equal(chain.submit(ALICE, transfer(BOB, 6_000n * BLOCK)), 'balance_insufficient')
    check.equal(chain.submit(ALICE, transfer(BOB, 3_000n * BLOCK)), '')
  })

  it('replaces a nonce only for an eighth more', () => {
    const chain = newChain()
    const { ledger, pool } = chain
    const offer = (tip: bigint): string => {
      const signed = transaction(ledger.genesisHash, ALICE, 0n, transfer(BOB, 1n), tip)
      return pool.add(ledger, signed, false)?.code ?? ''
    }
    check.equal(offer(8n * BLOCK), '')
    check.equal(offer(8n * BLOCK + 1n), 'pool_replacement_underpriced')
    check.equal(offer(9n * BLOCK - 1n), 'pool_replacement_underpriced')
    check.equal(offer(10n * BLOCK), '')
    check.equal(pool.size, 1)
    check.equal(chain.build().transactions.length, 1)
    check.equal(offer(20_000n * BLOCK), 'balance_insufficient')
    check.equal(pool.size, 1)
  })

  it('does not take another signature for the one that was checked', () => {
    const chain = newChain()
    chain.submit(ALICE, transfer(BOB, 1n))
    const block = chain.build()
    const [object] = requiredChecks(chain.ledger, block)
    check.ok(object !== undefined)
    check.ok(chain.pool.isChecked(object.id, object.checks))
    const [envelope] = block.transactions
    check.ok(envelope !== undefined)
    const forged = { ...block, transactions: [{ ...envelope, signature: new Uint8Array(64) }] }
    const [same] = requiredChecks(chain.ledger, forged)
    check.equal(same?.id, object.id)
    check.ok(!chain.pool.isChecked(object.id, same?.checks ?? []))
    check.ok(!new Mempool().isChecked(object.id, object.checks))
  })
})
