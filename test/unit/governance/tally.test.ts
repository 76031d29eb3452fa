/** Votes are counted by stake, phases follow from what stands. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { defaultParams } from '../../../src/governance/params.ts'
import { nextEdge, type OpenPhase, type Standing } from '../../../src/governance/proposal.ts'
import {
  isComplete,
  judgeTally,
  OPTIONS,
  type Tally,
  tallyVotes,
  votedPower,
} from '../../../src/governance/tally.ts'

const params = defaultParams()

function outcomeOf(yes: number, no: number, abstain: number, veto: number, total = 1000): string {
  const numbers = { yes, no, abstain, veto, total }
  const entries = Object.entries(numbers).map(([key, value]) => [key, BigInt(value)])
  const outcome = judgeTally(Object.fromEntries(entries) as Tally, params)
  return outcome.kind === 'passed' ? 'passed' : outcome.reason
}

const anyVotes = fc.array(
  fc.record({
    option: fc.constantFrom(...OPTIONS),
    power: fc.bigInt({ min: 1n, max: 1n << 40n }),
  }),
  { maxLength: 40 },
)

describe('tally', () => {
  it('needs a third of the power to vote', () => {
    check.equal(outcomeOf(333, 0, 0, 0), 'quorum_missed')
    check.equal(outcomeOf(334, 0, 0, 0), 'passed')
    check.equal(outcomeOf(0, 0, 0, 0), 'quorum_missed')
  })

  it('needs more than half of those who did not abstain', () => {
    check.equal(outcomeOf(200, 200, 0, 0), 'threshold_missed')
    check.equal(outcomeOf(201, 200, 0, 0), 'passed')
    check.equal(outcomeOf(1, 0, 400, 0), 'passed')
    check.equal(outcomeOf(0, 0, 400, 0), 'threshold_missed')
  })

  it('is vetoed by a third of the votes, abstentions counted', () => {
    check.equal(outcomeOf(666, 0, 0, 334), 'vetoed')
    check.equal(outcomeOf(667, 0, 0, 333), 'passed')
    check.equal(outcomeOf(0, 0, 667, 333), 'threshold_missed')
  })

  it('sums every vote once, in any order', () => {
    fc.assert(
      fc.property(anyVotes, (votes) => {
        const total = votes.reduce((sum, { power }) => sum + power, 0n)
        const tally = tallyVotes(votes, total)
        check.equal(votedPower(tally), total)
        check.equal(isComplete(tally), true)
        check.deepEqual(tallyVotes([...votes].reverse(), total), tally)
      }),
    )
  })

  it('never passes what a further yes would not, and never turns a pass by a yes', () => {
    fc.assert(
      fc.property(anyVotes, fc.bigInt({ min: 1n, max: 1n << 40n }), (votes, more) => {
        const total = 2n * votes.reduce((sum, { power }) => sum + power, more)
        const before = judgeTally(tallyVotes(votes, total), params)
        const after = judgeTally(
          tallyVotes([...votes, { option: 'yes', power: more }], total),
          params,
        )
        if (before.kind === 'passed') check.equal(after.kind, 'passed')
      }),
    )
  })
})

describe('phases', () => {
  const tally: Tally = { yes: 4n, no: 0n, abstain: 0n, veto: 0n, total: 4n }
  const standing = (phase: OpenPhase, more: Partial<Standing> = {}): Standing => ({
    phase,
    isOver: false,
    isRollback: false,
    tally: () => tally,
    fault: () => undefined,
    recall: () => ({ power: 0n, total: 4n }),
    ...more,
  })
  const edge = (phase: OpenPhase, more: Partial<Standing> = {}): string => {
    const next = nextEdge(standing(phase, more), params)
    return next === undefined ? 'stays' : `${next.to}: ${next.reason}`
  }

  it('follow the picture, each at its end', () => {
    check.equal(edge('deposit'), 'stays')
    check.equal(edge('deposit', { isOver: true }), 'expired: deposit_missed')
    check.equal(edge('timelock'), 'stays')
    check.equal(edge('timelock', { isOver: true }), 'shadow: timelock_over')
    check.equal(edge('shadow'), 'stays')
    check.equal(edge('shadow', { isOver: true }), 'applied: shadow_over')
    check.equal(edge('applied'), 'stays')
    check.equal(edge('applied', { isOver: true }), 'final: watch_over')
  })

  it('close a vote at its end, or once everyone with power has voted', () => {
    check.equal(edge('voting'), 'timelock: vote_passed')
    const partly = { tally: () => ({ ...tally, yes: 3n }) }
    check.equal(edge('voting', partly), 'stays')
    check.equal(edge('voting', { ...partly, isOver: true }), 'timelock: vote_passed')
    const none = { tally: () => ({ ...tally, yes: 0n }), isOver: true }
    check.equal(edge('voting', none), 'rejected: quorum_missed')
  })

  it('reject in shadow what no longer fits, before its end too', () => {
    const fault = () => 'param_invariant_broken'
    check.equal(edge('shadow', { fault }), 'rejected: param_invariant_broken')
    check.equal(edge('shadow', { fault, isOver: true }), 'rejected: param_invariant_broken')
  })

  it('do not watch a rollback: it is final when it is applied', () => {
    check.equal(edge('shadow', { isOver: true, isRollback: true }), 'final: shadow_over')
  })

  it('roll back while watched when a third of the power recalls it', () => {
    const recall = (power: bigint) => ({ recall: () => ({ power, total: 1000n }) })
    check.equal(edge('applied', recall(333n)), 'stays')
    check.equal(edge('applied', recall(334n)), 'rolled-back: recalled')
  })
})
