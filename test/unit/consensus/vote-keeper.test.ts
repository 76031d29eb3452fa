/** Quorums, equivocation and certificates, counted. */

import { strict as check } from 'node:assert'

import * as fc from 'fast-check'

import {
  applyCertificate,
  applyVote,
  hasQuorumFor,
  hasQuorumOfAny,
  isQuorum,
  isSkip,
  isUniformQuorum,
  newVoteKeeper,
} from '../../../src/consensus/vote-keeper.ts'
import { A, B, vote, votes } from './make.ts'

const equal = (count: number): bigint[] => Array.from({ length: count }, () => 1n)

describe('Vote keeper', () => {
  it('needs strictly more than two thirds, or one third to skip', () => {
    check.deepEqual(
      [2n, 3n].map((weight) => isQuorum(weight, 3n)),
      [false, true],
    )
    check.deepEqual(
      [4n, 5n].map((weight) => isQuorum(weight, 6n)),
      [false, true],
    )
    check.deepEqual(
      [1n, 2n].map((weight) => isSkip(weight, 3n)),
      [false, true],
    )
    check.equal(isQuorum((2n * (1n << 64n)) / 3n, 1n << 64n), false)
    check.equal(isQuorum((2n * (1n << 64n)) / 3n + 1n, 1n << 64n), true)
  })

  it('counts a validator once and pairs its second vote as conflict', () => {
    const keeper = newVoteKeeper(equal(4), true)
    applyVote(keeper, vote({ validator: 0 }), 0)
    check.deepEqual(applyVote(keeper, vote({ validator: 0 }), 0).conflicts, [])
    const other = vote({ validator: 0, value: B })
    check.deepEqual(applyVote(keeper, other, 0).conflicts, [[vote(), other]])
    applyVote(keeper, vote({ validator: 1, value: B }), 0)
    applyVote(keeper, vote({ validator: 2, value: B }), 0)
    check.equal(hasQuorumFor(keeper, 0, 'prevote', B), false)
    check.equal(hasQuorumOfAny(keeper, 0, 'prevote'), true)
  })

  it('keeps two variants of an equivocator and no tally for more', () => {
    const keeper = newVoteKeeper(equal(4), true)
    for (let round = 0; round < 50; round++) {
      applyVote(keeper, vote({ value: round.toString(16).padStart(64, '0') }), 0)
    }
    check.equal(keeper.rounds.get(0)?.prevotes.tallies.size, 2)
  })

  it('takes a conflicting valid round for equivocation and tallies it apart', () => {
    const keeper = newVoteKeeper(equal(4), true)
    const [early, late] = [vote({ round: 3, validRound: 0 }), vote({ round: 3, validRound: 1 })]
    applyVote(keeper, early, 3)
    check.deepEqual(applyVote(keeper, late, 3).conflicts, [[early, late]])
    applyVote(keeper, vote({ round: 3, validRound: 1, validator: 1 }), 3)
    applyVote(keeper, vote({ round: 3, validRound: 0, validator: 2 }), 3)
    check.equal(
      applyVote(keeper, vote({ round: 3, validRound: 0, validator: 3 }), 3).output.kind,
      'polka-value',
    )
    check.equal(hasQuorumFor(keeper, 3, 'prevote', A, 0), true)
    check.equal(hasQuorumFor(keeper, 3, 'prevote', A, 1), false)
  })

  it('counts a certificate whole though its signers voted otherwise before', () => {
    const keeper = newVoteKeeper(equal(4), true)
    for (const other of votes({ value: B }, [0, 1])) applyVote(keeper, other, 0)
    const { conflicts, output } = applyCertificate(keeper, votes({}, [0, 1, 2]))
    check.equal(output.kind, 'polka-value')
    check.equal(conflicts.length, 2)
    check.equal(hasQuorumFor(keeper, 0, 'prevote', A), true)
    check.equal(hasQuorumFor(keeper, 0, 'prevote', B), false)
  })

  it('says what a recount says, whatever the votes', () => {
    const arbitrary = fc.record({
      validator: fc.nat(6),
      value: fc.constantFrom(A, B, null),
      type: fc.constantFrom('prevote' as const, 'precommit' as const),
      round: fc.nat(2),
    })
    const powers = fc.array(fc.bigInt(1n, 9n), { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 60 }), powers, (cast, weights) => {
        const keeper = newVoteKeeper(weights, true)
        const first = new Map<string, (typeof cast)[number]>()
        for (const each of cast) {
          applyVote(keeper, vote(each), 1)
          const name = `${each.round} ${each.type} ${each.validator}`
          if (!first.has(name)) first.set(name, each)
        }
        const total = weights.reduce((sum, power) => sum + power, 0n)
        for (const round of [0, 1, 2]) {
          for (const type of ['prevote', 'precommit'] as const) {
            const counted = [...first.values()].filter((v) => v.round === round && v.type === type)
            const weigh = (some: typeof counted): bigint =>
              some.reduce((sum, { validator }) => sum + (weights[validator] ?? 0n), 0n)
            check.equal(hasQuorumOfAny(keeper, round, type), isQuorum(weigh(counted), total))
            for (const value of [A, B, null]) {
              const weight = weigh(counted.filter((v) => v.value === value))
              check.equal(hasQuorumFor(keeper, round, type, value), isQuorum(weight, total))
            }
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('takes for a certificate only one claim for a block with distinct voters of power', () => {
    const ok = votes({}, [0, 1, 2])
    const voters = [0, 1, 2]
    check.equal(isUniformQuorum(ok, voters, equal(4)), true)
    check.equal(isUniformQuorum(ok, [0, 1, 1], equal(4)), false)
    check.equal(isUniformQuorum(ok, [0, 1, 9], equal(4)), false)
    check.equal(isUniformQuorum([], [], equal(4)), false)
    check.equal(isUniformQuorum(votes({ value: null }, voters), voters, equal(4)), false)
    const mixed = [...votes({}, [0, 1]), vote({ validator: 2, round: 1 })]
    check.equal(isUniformQuorum(mixed, voters, equal(4)), false)
  })
})
