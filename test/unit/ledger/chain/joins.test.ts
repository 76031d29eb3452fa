/** A chain that idles makes blocks for a newcomer until it is in the set. */

import { strict as check } from 'node:assert'

import { windowsOpen } from '../../../../src/ledger/duties.ts'
import { validatorsAt } from '../../../../src/ledger/validators.ts'
import { actor, actors, BLOCK, bond, Chain, genesisOf } from './chain.ts'

describe('an idle chain that somebody joins', () => {
  it('owes a block each interval until the newcomer is in the set, then rests', () => {
    const validators = actors('validator', 4)
    const newcomer = actor('newcomer')
    const chain = new Chain(genesisOf(validators, [newcomer]), [...validators, newcomer])
    const { ledger } = chain
    const isBusy = (): boolean => windowsOpen(ledger.state, ledger.head.height + 1n)
    chain.advance(2)
    check.equal(isBusy(), false)
    check.equal(chain.submit(newcomer, bond(ledger.genesisHash, newcomer, 1_500n * BLOCK)), '')
    chain.advance()
    let blocks = 0
    for (; isBusy(); blocks++) chain.advance()
    check.equal(validatorsAt(ledger.state, ledger.head.height).length, 4)
    check.equal(validatorsAt(ledger.state, ledger.head.height + 1n).length, 5)
    // Two epochs of four blocks.
    check.equal(blocks, 7)
  })
})
