/** Proposals on the ledger: every edge, what is refused, and what no sequence of them can do. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { attempt } from '../../../src/base/refusal.ts'
import { PARAM_KEYS, paramLine } from '../../../src/governance/params.ts'
import { balanceOf, potOf } from '../../../src/ledger/accounts.ts'
import { emit } from '../../../src/ledger/execution.ts'
import { activeParams, paramsHeight } from '../../../src/ledger/parameters.ts'
import {
  applyDeposit,
  applyPropose,
  applyVote,
  itemsOf,
  phaseOf,
  proposalOf,
  proposalsOf,
  tallyOf,
} from '../../../src/ledger/proposals.ts'
import {
  CLOSED_KEPT,
  OPEN_PROPOSALS_MAX,
  openProposals,
  votesOf,
} from '../../../src/ledger/proposals-records.ts'
import { shadowEpochsOf } from '../../../src/ledger/shadow.ts'
import { slashValidator } from '../../../src/ledger/validators.ts'
import {
  ABSTAIN,
  ALICE,
  BLOCK,
  BOB,
  ballot,
  change,
  DEPOSIT,
  id,
  more,
  NO,
  undo,
  VALIDATORS,
  VETO,
  World,
  YES,
} from './world.ts'

const BUDGET = { proof_verification_budget_ms: 50n }

function standing(world: World, proposal: string): string {
  const record = proposalOf(world.state, proposal)
  if (record === undefined) return 'forgotten'
  return `${phaseOf(record)}: ${new TextDecoder().decode(record.reason)}`
}

describe('a proposal', () => {
  it('goes from deposit over vote, timelock and shadow into force, at one height', () => {
    const world = new World()
    const proposal = world.propose(BUDGET)
    check.equal(standing(world, proposal), 'voting: deposit_reached')
    world.vote(proposal, YES)
    check.equal(standing(world, proposal), 'timelock: vote_passed')
    world.skip(2)
    check.equal(standing(world, proposal), 'shadow: timelock_over')
    world.skip(2)
    check.equal(world.params.proof_verification_budget_ms, 100n)
    world.block()
    check.equal(standing(world, proposal), 'applied: shadow_over')
    check.equal(world.params.proof_verification_budget_ms, 50n)
    const { version } = activeParams(world.state)
    check.equal(paramsHeight(world.state, version), world.height + 1n)
    check.equal(proposalOf(world.state, proposal)?.appliedHeight, world.height + 1n)
    const told = world.story.filter(({ kind }) => kind === 'parameter-changed')
    check.deepEqual(
      told.map(({ subject, reason, value, count }) => ({ subject, reason, value, count })),
      [
        {
          subject: proposal,
          reason: 'proof_verification_budget_ms',
          value: 50n,
          count: world.height + 1n,
        },
      ],
    )
    world.skip(4)
    check.equal(standing(world, proposal), 'final: watch_over')
    check.deepEqual(openProposals(world.state), [])
  })

  it('is applied at the same height with the same events by whoever replays the blocks', () => {
    const run = (): World => {
      const world = new World()
      world.pass(BUDGET)
      world.skip(6)
      return world
    }
    const [first, second] = [run(), run()]
    check.deepEqual(first.story, second.story)
    check.deepEqual(proposalsOf(first.state), proposalsOf(second.state))
  })

  it('gives deposits back when the vote closes, burns them on a veto', () => {
    const world = new World()
    const before = balanceOf(world.state, ALICE)
    const rejected = world.propose(BUDGET)
    check.equal(balanceOf(world.state, ALICE), before - DEPOSIT)
    world.vote(rejected, NO)
    check.equal(standing(world, rejected), 'rejected: threshold_missed')
    check.equal(balanceOf(world.state, ALICE), before)
    const vetoed = world.propose(BUDGET)
    const burned = potOf(world.state, 'burned')
    world.vote(vetoed, VETO)
    check.equal(standing(world, vetoed), 'rejected: vetoed')
    check.equal(balanceOf(world.state, ALICE), before - DEPOSIT)
    check.equal(potOf(world.state, 'burned'), burned + DEPOSIT)
  })

  it('collects its deposit from many, and expires if it does not come together', () => {
    const world = new World()
    const before = balanceOf(world.state, ALICE)
    const proposal = world.propose(BUDGET, DEPOSIT / 10n)
    check.equal(standing(world, proposal), 'deposit: awaiting_deposit')
    world.block((execution) => applyDeposit(execution, BOB, '', more(proposal, DEPOSIT)))
    check.equal(standing(world, proposal), 'voting: deposit_reached')
    const alone = world.propose({ treasury_bps: 1n }, DEPOSIT / 10n)
    world.skip(6)
    check.equal(standing(world, alone), 'expired: deposit_missed')
    check.equal(balanceOf(world.state, ALICE), before - DEPOSIT / 10n)
  })

  it('gives its place, when all are taken, to one with a higher deposit', () => {
    const world = new World({ gov_deposit_blocks: 1_000n })
    const first = world.propose(BUDGET, DEPOSIT / 10n)
    for (let count = 1; count < OPEN_PROPOSALS_MAX; count++) {
      world.propose(BUDGET, DEPOSIT / 10n + 1n)
    }
    const same = change(BUDGET, DEPOSIT / 10n)
    const refused = world.refusal((x) => applyPropose(x, BOB, world.nextId(), same))
    check.equal(refused.code, 'proposal_limit')
    world.propose(BUDGET, DEPOSIT / 10n + 2n, BOB)
    check.equal(standing(world, first), 'expired: displaced')
  })

  it('closes its vote at the end of the window when not everyone has voted', () => {
    const world = new World()
    const proposal = world.propose(BUDGET)
    world.vote(proposal, YES, VALIDATORS.slice(0, 2))
    world.skip(6)
    check.equal(standing(world, proposal), 'voting: deposit_reached')
    world.block()
    check.equal(standing(world, proposal), 'timelock: vote_passed')
    const silent = world.propose({ treasury_bps: 7n })
    world.vote(silent, YES, VALIDATORS.slice(0, 1))
    world.skip(7)
    check.equal(standing(world, silent), 'rejected: quorum_missed')
  })

  it('counts the last vote of a validator, with the power frozen when voting opened', () => {
    const world = new World({}, [4n, 3n, 2n, 1n])
    const proposal = world.propose(BUDGET)
    world.vote(proposal, NO, VALIDATORS.slice(0, 2))
    world.block((execution) => {
      slashValidator(execution, VALIDATORS[0] as string, 500_000n, 'duplicate_vote')
      applyVote(execution, VALIDATORS[0] as string, '', ballot(proposal, YES))
    })
    const record = proposalOf(world.state, proposal)
    check.ok(record)
    const tally = tallyOf(world.state, proposal, record)
    check.deepEqual(tally, { yes: 4n, no: 3n, abstain: 0n, veto: 0n, total: 10n })
    check.equal(votesOf(world.state, proposal).length, 2)
    world.vote(proposal, ABSTAIN, VALIDATORS.slice(2))
    check.equal(standing(world, proposal), 'timelock: vote_passed')
    check.equal(proposalOf(world.state, proposal)?.tally.abstain, 3n)
  })

  it('is refused when it is not sound', () => {
    const world = new World()
    const code = (items: Readonly<Record<string, bigint>>, deposit = DEPOSIT): string =>
      world.refusal((x) => applyPropose(x, ALICE, world.nextId(), change(items, deposit))).code
    check.equal(code({}), 'proposal_empty')
    check.equal(code({ treasury_bps: world.params.treasury_bps }), 'proposal_empty')
    check.equal(code({ no_such_key: 1n }), 'param_unknown')
    check.equal(code({ treasury_bps: 9_999n }), 'param_out_of_bounds')
    check.equal(code({ challenge_blocks: 8n }), 'param_invariant_broken')
    check.equal(code({ base_fee_offer: 201n }), 'param_step_too_large')
    check.equal(code(BUDGET, DEPOSIT / 10n - 1n), 'proposal_deposit_too_small')
    check.equal(code(BUDGET, 20_000n * BLOCK), 'balance_insufficient')
    const odd = { ...change(BUDGET, DEPOSIT), kind: 3 }
    const refused = world.refusal((x) => applyPropose(x, ALICE, world.nextId(), odd))
    check.equal(refused.code, 'proposal_kind_unknown')
  })

  it('takes no vote of strangers, of unknown kinds, or out of its time', () => {
    const world = new World()
    const proposal = world.propose(BUDGET)
    const code = (voter: string, option: number, of = proposal): string =>
      world.refusal((x) => applyVote(x, voter, '', ballot(of, option))).code
    const member = VALIDATORS[0] as string
    check.equal(code(ALICE, YES), 'vote_without_power')
    check.equal(code(member, 0), 'vote_option_unknown')
    check.equal(code(member, 5), 'vote_option_unknown')
    check.equal(code(member, YES, id('00', 9)), 'proposal_unknown')
    world.vote(proposal, YES)
    check.equal(code(member, YES), 'proposal_closed')
    const late = world.refusal((x) => applyDeposit(x, ALICE, '', more(proposal, 1n)))
    check.equal(late.code, 'proposal_closed')
  })

  it('is rejected, and changes nothing, when others have made it unfit since', () => {
    const world = new World()
    const first = world.propose({ challenge_blocks: 40n, verdict_window_blocks: 30n })
    const second = world.propose({ challenge_blocks: 25n })
    world.block((execution) => {
      for (const voter of VALIDATORS) {
        applyVote(execution, voter, '', ballot(first, YES))
        applyVote(execution, voter, '', ballot(second, YES))
      }
    })
    world.skip(5)
    // Who comes first in order of ids is applied; the other no longer fits what it made.
    const ends = [standing(world, first), standing(world, second)]
    const isFirst = ends[0] === 'applied: shadow_over'
    check.deepEqual([...ends].sort(), ['applied: shadow_over', 'rejected: param_invariant_broken'])
    check.equal(world.params.challenge_blocks, isFirst ? 40n : 25n)
    check.equal(world.params.verdict_window_blocks, isFirst ? 30n : 20n)
  })
})

describe('rolling back', () => {
  it('restores what the keys of the proposal had before, and nothing else', () => {
    const world = new World()
    const first = world.pass({ ...BUDGET, treasury_bps: 500n })
    world.pass({ match_per_block: 9n })
    const rollback = world.rollback(first)
    world.vote(rollback, YES)
    world.skip(5)
    check.equal(standing(world, rollback), 'final: shadow_over')
    check.equal(standing(world, first), 'rolled-back: rolled_back')
    check.equal(world.params.proof_verification_budget_ms, 100n)
    check.equal(world.params.treasury_bps, 200n)
    check.equal(world.params.match_per_block, 9n)
  })

  it('is refused for what was never applied, is rolled back already, or was changed since', () => {
    const world = new World()
    const open = world.propose(BUDGET)
    const code = (target: string): string =>
      world.refusal((x) => applyPropose(x, ALICE, world.nextId(), undo(target))).code
    check.equal(code(open), 'proposal_not_applied')
    check.equal(code(id('00', 1)), 'proposal_unknown')
    const first = world.pass({ treasury_bps: 500n })
    const second = world.pass({ treasury_bps: 600n })
    check.equal(code(first), 'proposal_superseded')
    const rollback = world.rollback(second)
    world.vote(rollback, YES)
    world.skip(5)
    check.equal(world.params.treasury_bps, 500n)
    check.equal(code(second), 'proposal_not_applied')
    check.equal(code(rollback), 'proposal_not_applied')
  })

  it('lets one of two rollbacks of the same change through', () => {
    const world = new World()
    const target = world.pass({ treasury_bps: 500n })
    const [left, right] = [world.rollback(target), world.rollback(target)]
    world.block((execution) => {
      for (const voter of VALIDATORS) {
        applyVote(execution, voter, '', ballot(left, YES))
        applyVote(execution, voter, '', ballot(right, YES))
      }
    })
    world.skip(5)
    const ends = [standing(world, left), standing(world, right)].sort()
    check.deepEqual(ends, ['final: shadow_over', 'rejected: proposal_not_applied'])
    check.equal(world.params.treasury_bps, 200n)
  })

  it('happens at once when a third of the power recalls a watched change', () => {
    const world = new World()
    const proposal = world.pass(BUDGET)
    world.vote(proposal, VETO, VALIDATORS.slice(0, 1))
    check.equal(standing(world, proposal), 'applied: shadow_over')
    world.vote(proposal, VETO, VALIDATORS.slice(1, 2))
    check.equal(standing(world, proposal), 'rolled-back: recalled')
    check.equal(world.params.proof_verification_budget_ms, 100n)
    check.deepEqual(openProposals(world.state), [])
  })

  it('is not done by recall once it is over, nor by other votes', () => {
    const world = new World()
    const proposal = world.pass(BUDGET)
    const member = VALIDATORS[0] as string
    const code = (option: number, voter = member): string =>
      world.refusal((x) => applyVote(x, voter, '', ballot(proposal, option))).code
    check.equal(code(NO), 'proposal_closed')
    check.equal(code(VETO, ALICE), 'vote_without_power')
    world.skip(4)
    check.equal(code(VETO), 'proposal_closed')
  })
})

describe('a proposal in shadow', () => {
  it('counts what would have come out otherwise, per epoch, and changes nothing', () => {
    const world = new World()
    const proposal = world.propose({ base_fee_offer: 150n })
    world.vote(proposal, YES)
    world.skip(2)
    const money = potOf(world.state, 'burned')
    const fee = { kind: 'fee-burned', actor: ALICE, value: 0n } as const
    const events = world.block((execution) => {
      emit(execution, { ...fee, count: 10n, reason: 'offer' })
      emit(execution, { ...fee, count: 99n, reason: 'transaction' })
    })
    const told = events.filter(({ kind }) => kind === 'shadow-diff')
    check.deepEqual(
      told.map(({ subject, value, count, reason }) => ({ subject, value, count, reason })),
      [{ subject: proposal, value: 500n, count: 1n, reason: 'fee' }],
    )
    check.equal(proposalOf(world.state, proposal)?.shadowDiffs, 1n)
    check.deepEqual(shadowEpochsOf(world.state, proposal), [
      {
        epoch: world.height / 10n,
        counts: [
          { judgement: 'fee', seen: 2n, differing: 1n, current: 10_900n, proposed: 11_400n },
        ],
      },
    ])
    check.equal(world.params.base_fee_offer, 100n)
    check.equal(potOf(world.state, 'burned'), money)
  })
})

describe('no sequence of proposals', () => {
  const anyItems = fc
    .array(
      fc
        .constantFrom(...PARAM_KEYS.filter((key) => !key.startsWith('gov_')))
        .chain((key) =>
          fc.tuple(
            fc.constant(key as string),
            fc.bigInt({ min: paramLine(key).min, max: paramLine(key).max }),
          ),
        ),
      { minLength: 1, maxLength: 3 },
    )
    .map((entries) => Object.fromEntries(entries))
  const anyAct = fc.oneof(
    fc.record({ kind: fc.constant('propose' as const), items: anyItems }),
    fc.record({ kind: fc.constant('rollback' as const), of: fc.nat(30) }),
    fc.record({
      kind: fc.constant('vote' as const),
      of: fc.nat(30),
      option: fc.integer({ min: 1, max: 4 }),
      voter: fc.nat(3),
    }),
    fc.record({ kind: fc.constant('agree' as const), of: fc.nat(30) }),
    fc.record({ kind: fc.constant('wait' as const), blocks: fc.integer({ min: 1, max: 6 }) }),
  )

  it('leaves bounds, breaks an invariant, loses money, or moves a key nobody named', () => {
    // The world checks bounds, invariants and the books after every block.
    fc.assert(
      fc.property(fc.array(anyAct, { maxLength: 40 }), (acts) => {
        const world = new World()
        const genesis = world.params
        const known: string[] = []
        const pick = (at: number): string => known[at % Math.max(1, known.length)] ?? id('00', 1)
        for (const act of acts) {
          if (act.kind === 'wait') {
            world.skip(act.blocks)
            continue
          }
          const fresh = world.nextId()
          const outcome = attempt(() =>
            world.block((execution) => {
              if (act.kind === 'propose') {
                applyPropose(execution, ALICE, fresh, change(act.items, DEPOSIT))
              } else if (act.kind === 'rollback') {
                applyPropose(execution, ALICE, fresh, undo(pick(act.of)))
              } else if (act.kind === 'vote') {
                const voter = VALIDATORS[act.voter] as string
                applyVote(execution, voter, '', ballot(pick(act.of), act.option))
              } else {
                for (const voter of VALIDATORS) {
                  applyVote(execution, voter, '', ballot(pick(act.of), YES))
                }
              }
            }),
          )
          if ('value' in outcome && act.kind !== 'vote' && act.kind !== 'agree') known.push(fresh)
        }
        world.skip(20)
        const named = new Set(
          proposalsOf(world.state).flatMap(([, record]) => itemsOf(record).map(({ key }) => key)),
        )
        for (const key of PARAM_KEYS) {
          if (!named.has(key)) check.equal(world.params[key], genesis[key])
        }
      }),
      { numRuns: 60 },
    )
  })

  it('grows the state without bound: old closed proposals are forgotten', () => {
    const world = new World({ gov_deposit: 0n })
    const first = world.propose(BUDGET, 0n)
    world.vote(first, NO)
    for (let count = 0; count < CLOSED_KEPT; count++) {
      const proposal = world.nextId()
      world.block((execution) => {
        applyPropose(execution, ALICE, proposal, change(BUDGET, 0n))
        for (const voter of VALIDATORS) applyVote(execution, voter, '', ballot(proposal, NO))
      })
    }
    check.equal(standing(world, first), 'forgotten')
    check.equal(proposalsOf(world.state).length, CLOSED_KEPT)
    check.deepEqual(votesOf(world.state, first), [])
  })
})
