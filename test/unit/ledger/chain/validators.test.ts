/** Validators over time: who is in force when, how fast sets change, and what absence costs. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { vrfPublicKey } from '../../../../src/base/ecvrf.ts'
import { signingDigest } from '../../../../src/base/hash.ts'
import { balanceOf } from '../../../../src/ledger/accounts.ts'
import { requiredChecks } from '../../../../src/ledger/ledger.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { type Action, ROLE_VALIDATOR } from '../../../../src/ledger/types/transaction.ts'
import { totalPower, validatorOf, validatorsAt } from '../../../../src/ledger/validators.ts'
import { type Actor, actor, actors, BLOCK, bond, Chain, genesisOf } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const [FIRST] = VALIDATORS as [Actor]
const NEWCOMER = actor('newcomer')
const EVERYONE = [...VALIDATORS, NEWCOMER]

function newChain(): Chain {
  return new Chain(genesisOf(VALIDATORS, [NEWCOMER]), EVERYONE)
}

function unbond(value: bigint): Action {
  return { name: 'unbond', payload: { role: ROLE_VALIDATOR, value } }
}

function rotate(genesisHash: Uint8Array, who: Actor, to: Actor): Action {
  const digest = signingDigest('possession', genesisHash, fromHex(who.id))
  return {
    name: 'rotate-key',
    payload: {
      consensusKey: to.consensus.publicKey,
      vrfKey: vrfPublicKey(to.vrfSeed),
      possession: to.consensus.sign(digest),
    },
  }
}

function idsAt(chain: Chain, height: bigint): string[] {
  return validatorsAt(chain.ledger.state, height).map(({ id }) => toHex(id))
}

/** The next set, as of the head. */
function nextIds(chain: Chain): string[] {
  return idsAt(chain, chain.ledger.head.height + 2n)
}

describe('validators', () => {
  it('join two epochs after they bond, never sooner', () => {
    const chain = newChain()
    check.equal(
      chain.submit(NEWCOMER, bond(chain.ledger.genesisHash, NEWCOMER, 1_500n * BLOCK)),
      '',
    )
    let joined = 0n
    for (let height = 1n; height <= 14n && joined === 0n; height++) {
      chain.advance()
      if (nextIds(chain).includes(NEWCOMER.id)) joined = height
    }
    check.ok(joined >= 1n + 2n * 4n - 2n, `in the set of height ${joined + 2n}`)
    check.equal(idsAt(chain, chain.ledger.head.height + 1n).includes(NEWCOMER.id), false)
    chain.advance(3)
    check.ok(idsAt(chain, chain.ledger.head.height).includes(NEWCOMER.id))
  })

  it('get their bond back after the unbonding time, and not before', () => {
    const chain = newChain()
    const before = balanceOf(chain.ledger.state, FIRST.id)
    check.equal(chain.submit(FIRST, unbond(2_000n * BLOCK)), '')
    chain.advance()
    const paid = before - balanceOf(chain.ledger.state, FIRST.id)
    check.ok(paid > 0n && paid < BLOCK)
    chain.advance(29)
    check.equal(balanceOf(chain.ledger.state, FIRST.id), before - paid)
    check.equal(nextIds(chain).includes(FIRST.id), false)
    chain.advance()
    check.equal(balanceOf(chain.ledger.state, FIRST.id), before - paid + 2_000n * BLOCK)
    check.ok(audit(chain.ledger.state).conserved)
  })

  it('never all leave: the last one stays', () => {
    const chain = newChain()
    for (const each of VALIDATORS) chain.submit(each, unbond(2_000n * BLOCK))
    chain.advance(12)
    check.equal(nextIds(chain).length, 1)
    chain.advance(40)
    check.equal(nextIds(chain).length, 1)
    check.ok(audit(chain.ledger.state).conserved)
  })

  it('change by at most a third of the power in a block', () => {
    const change = fc.record({
      who: fc.constantFrom(...EVERYONE),
      value: fc.bigInt({ min: 0n, max: 9_000n }),
      leaves: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 10 }), (plan) => {
        const chain = newChain()
        for (const changes of plan) {
          for (const { who, value, leaves } of changes) {
            const { genesisHash } = chain.ledger
            chain.submit(
              who,
              leaves ? unbond(value * BLOCK) : bond(genesisHash, who, value * BLOCK),
            )
          }
          chain.advance()
          const { state, head } = chain.ledger
          const [from, to] = [head.height + 1n, head.height + 2n].map((height) =>
            validatorsAt(state, height),
          ) as [ReturnType<typeof validatorsAt>, ReturnType<typeof validatorsAt>]
          const powers = new Map(from.map(({ id, power }) => [toHex(id), power]))
          let moved = 0n
          for (const { id, power } of to) {
            const was = powers.get(toHex(id)) ?? 0n
            moved += power > was ? power - was : was - power
            powers.delete(toHex(id))
          }
          for (const power of powers.values()) moved += power
          check.ok(3n * moved <= totalPower(from), `${moved} of ${totalPower(from)}`)
        }
      }),
      { numRuns: 8 },
    )
  })

  it('that miss too many signatures are jailed, not slashed, and come back when they ask', () => {
    const chain = newChain()
    const bonded = validatorOf(chain.ledger.state, FIRST.id)?.bond
    let jailedAt = 0n
    for (let at = 0; at < 25 && jailedAt === 0n; at++) {
      const { events } = chain.advance(1, [FIRST.id])
      if (events.some(({ kind }) => kind === 'validator-jailed'))
        jailedAt = chain.ledger.head.height
    }
    check.ok(jailedAt > 0n)
    check.equal(validatorOf(chain.ledger.state, FIRST.id)?.bond, bonded)
    chain.advance(2, [FIRST.id])
    check.equal(nextIds(chain).includes(FIRST.id), false)
    const early: Action = { name: 'unjail', payload: { reserved: 0 } }
    chain.submit(FIRST, early)
    check.equal(chain.build().transactions.length, 0)
    chain.advance(6)
    check.ok(nextIds(chain).includes(FIRST.id))
  })

  it('that are absent now and then stay', () => {
    const chain = newChain()
    for (let at = 0; at < 40; at++) {
      chain.advance(1, at % 3 === 0 ? [FIRST.id] : [])
    }
    check.ok(nextIds(chain).includes(FIRST.id))
  })

  it('prove that they have the key they bond with or rotate to', () => {
    const chain = newChain()
    const { genesisHash } = chain.ledger
    const action = rotate(genesisHash, FIRST, actor('spare'))
    check.equal(chain.submit(FIRST, action), '')
    const checks = requiredChecks(chain.ledger, chain.build()).flatMap((each) => each.checks)
    check.deepEqual(
      checks.map(({ publicKey }) => toHex(publicKey)),
      [FIRST.id, toHex(actor('spare').consensus.publicKey)],
    )
    chain.advance()
    const [member] = validatorsAt(chain.ledger.state, 3n)
    check.deepEqual(member?.consensusKey, actor('spare').consensus.publicKey)
  })

  it('have keys of their own, canonical and without torsion', () => {
    const chain = newChain()
    const { genesisHash } = chain.ledger
    const taken = bond(genesisHash, NEWCOMER, 1_500n * BLOCK)
    check.ok(taken.name === 'bond')
    for (const consensusKey of [FIRST.consensus.publicKey, new Uint8Array(32)]) {
      const chainOfOwn = newChain()
      chainOfOwn.submit(NEWCOMER, { ...taken, payload: { ...taken.payload, consensusKey } })
      check.equal(chainOfOwn.build().transactions.length, 0)
    }
    const chainOfOwn = newChain()
    const weak = Uint8Array.of(1, ...new Uint8Array(31))
    chainOfOwn.submit(NEWCOMER, { ...taken, payload: { ...taken.payload, vrfKey: weak } })
    check.equal(chainOfOwn.build().transactions.length, 0)
  })
})
