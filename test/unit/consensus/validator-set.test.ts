/** Whose turn it is, and how turns survive a change of the set. */

import { strict as check } from 'node:assert'

import * as fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import {
  advance,
  indexOf,
  initialPriorities,
  nextPriorities,
  proposer,
  validatorSet,
  validatorsHash,
} from '../../../src/ledger/types/validator-set.ts'
import { validators } from './world.ts'

const powers = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 })

describe('Validator set', () => {
  it('gives each validator exactly its power in turns out of the total', () => {
    fc.assert(
      fc.property(powers, fc.nat(50), (weights, skipped) => {
        const set = validators(weights)
        let priorities = initialPriorities(set)
        for (let at = 0; at < skipped; at++) ({ priorities } = advance(set, priorities))
        const turns = weights.map(() => 0)
        for (let at = 0n; at < set.total; at++) {
          const next = advance(set, priorities)
          priorities = next.priorities
          turns[next.turn] = (turns[next.turn] ?? 0) + 1
        }
        check.deepEqual(turns, weights)
      }),
    )
  })

  it('gives round r of a height the turn after r steps', () => {
    const set = validators([3, 1, 2])
    const start = initialPriorities(set)
    let priorities = start
    for (let round = 0; round < 30; round++) {
      const next = advance(set, priorities)
      check.equal(proposer(set, start, round), next.turn)
      priorities = next.priorities
    }
  })

  it('keeps priorities within two totals and newcomers behind, whatever the changes', () => {
    fc.assert(
      fc.property(fc.array(powers, { minLength: 2, maxLength: 12 }), (sets) => {
        let set = validators(sets[0] ?? [1])
        let priorities = initialPriorities(set)
        for (const weights of sets) {
          const next = validators(weights)
          priorities = nextPriorities(set, priorities, next)
          set = next
          const most = priorities.reduce((a, b) => (a > b ? a : b))
          const least = priorities.reduce((a, b) => (a < b ? a : b))
          // One step may add a power and take a total on top of a spread of two totals.
          check.ok(most - least <= 4n * set.total)
        }
      }),
    )
    const grown = validators([5, 5, 5])
    const carried = nextPriorities(validators([5, 5]), [0n, 0n], grown)
    check.ok((carried[2] as bigint) < (carried[0] as bigint))
    check.ok((carried[2] as bigint) < (carried[1] as bigint))
  })

  it('is ordered by id and refuses to be empty, powerless or to repeat a member', () => {
    const set = validators([1, 2, 3])
    const shuffled = validatorSet([...set.members].reverse())
    check.equal(toHex(validatorsHash(shuffled)), toHex(validatorsHash(set)))
    check.equal(indexOf(shuffled, new Uint8Array(32).fill(2)), 1)
    check.equal(indexOf(set, new Uint8Array(32)), undefined)
    check.throws(() => validatorSet([]))
    check.throws(() => validators([0]))
    check.throws(() => validatorSet([...set.members, ...set.members]))
  })
})
