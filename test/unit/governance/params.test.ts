/** The parameter table, and what a change may make of it. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { type ChangeBase, changedParams, changesNothing } from '../../../src/governance/change.ts'
import { GATES, gateStates, SWITCHES } from '../../../src/governance/gate.ts'
import {
  checkBounds,
  checkInvariants,
  defaultParams,
  PARAM_KEYS,
  PARAMS,
  type ParamKey,
  paramLine,
  paramsFromValues,
  paramsHash,
  paramValues,
  WINDOW_KEYS,
  withParams,
} from '../../../src/governance/params.ts'

const VALIDATORS = 4
const base: ChangeBase = {
  params: defaultParams(),
  epochStart: defaultParams(),
  activeValidators: VALIDATORS,
}

const anyItem = fc.constantFrom(...PARAM_KEYS).chain((key) =>
  fc.record({
    key: fc.constant(key as string),
    value: fc.bigInt({ min: 0n, max: 2n * paramLine(key).max }),
  }),
)

function codeOf(outcome: ReturnType<typeof changedParams>): string {
  return 'refused' in outcome ? outcome.refused.code : 'fits'
}

describe('parameter table', () => {
  it('has defaults within bounds that keep every invariant, up to the most validators', () => {
    check.equal(checkBounds(defaultParams()), undefined)
    check.equal(checkInvariants(defaultParams(), 128), undefined)
  })

  it('names each key once, with its knob, and every value fits the wire', () => {
    check.equal(new Set(PARAM_KEYS).size, PARAMS.length)
    for (const { key, knob, min, max, maxStepBps } of PARAMS) {
      check.equal(knob, `TB_PARAM_${key.toUpperCase()}`)
      check.ok(key.length <= 64 && min <= max && max < 1n << 64n && maxStepBps >= 0n, key)
    }
  })

  it('encodes in table order and back, and hashes names with values', () => {
    const values = paramValues(defaultParams())
    check.deepEqual(paramsFromValues(values), defaultParams())
    const changed = withParams(defaultParams(), { proof_verification_budget_ms: 50n })
    check.notEqual(toHex(paramsHash(changed)), toHex(paramsHash(defaultParams())))
  })

  it('asks of every window to hold a turn of each validator and four blocks', () => {
    for (const key of WINDOW_KEYS) {
      const short = withParams(defaultParams(), { [key]: BigInt(VALIDATORS + 3) })
      check.equal(checkInvariants(short, VALIDATORS)?.code, 'param_window_too_short', key)
    }
  })
})

describe('a change of parameters', () => {
  it('leaves bounds, steps and invariants standing, or is refused whole', () => {
    fc.assert(
      fc.property(fc.array(anyItem, { minLength: 1, maxLength: 6 }), (items) => {
        const outcome = changedParams(base, items)
        if ('refused' in outcome) return
        check.equal(checkBounds(outcome.params), undefined)
        check.equal(checkInvariants(outcome.params, VALIDATORS), undefined)
        for (const { key, value } of items) check.equal(outcome.params[key as ParamKey], value)
        const others = PARAM_KEYS.filter((key) => !items.some((item) => item.key === key))
        for (const key of others) check.equal(outcome.params[key], base.params[key])
      }),
      { numRuns: 500 },
    )
  })

  it('names what is unknown, twice, out of bounds or against an invariant', () => {
    const code = (...items: readonly [string, bigint][]): string =>
      codeOf(
        changedParams(
          base,
          items.map(([key, value]) => ({ key, value })),
        ),
      )
    check.equal(code(['no_such_key', 1n]), 'param_unknown')
    check.equal(code(['__proto__', 1n]), 'param_unknown')
    check.equal(code(['treasury_bps', 1n], ['treasury_bps', 2n]), 'param_twice')
    check.equal(code(['treasury_bps', 2_001n]), 'param_out_of_bounds')
    check.equal(code(['proof_verification_budget_ms', 0n]), 'param_out_of_bounds')
    check.equal(code(['evidence_age', 3_000_000n]), 'param_invariant_broken')
    const together = 3_000_000n
    check.equal(code(['evidence_age', together], ['unbonding_blocks', together]), 'fits')
    check.equal(code(['proof_verification_budget_ms', 50n]), 'fits')
  })

  it('is measured from the start of the epoch, so that two steps do not add up', () => {
    const now = withParams(defaultParams(), { base_fee_transaction: 200n })
    const again = { ...base, params: now }
    const items = [{ key: 'base_fee_transaction', value: 400n }]
    check.equal(codeOf(changedParams(again, items)), 'param_step_too_large')
    check.equal(codeOf(changedParams({ ...again, epochStart: now }, items)), 'fits')
    check.equal(codeOf(changedParams({ ...again, epochStart: undefined }, items)), 'fits')
  })

  it('may always move by one unit, even from zero', () => {
    const zero = withParams(defaultParams(), { base_fee_offer: 0n })
    const from = { ...base, params: zero, epochStart: zero }
    check.equal(codeOf(changedParams(from, [{ key: 'base_fee_offer', value: 1n }])), 'fits')
  })

  it('that sets what is set already changes nothing', () => {
    const { params } = base
    check.equal(changesNothing(params, []), true)
    const same = { key: 'treasury_bps', value: params.treasury_bps }
    check.equal(changesNothing(params, [same]), true)
    check.equal(changesNothing(params, [same, { key: 'treasury_bps', value: 1n }]), false)
    check.equal(changesNothing(params, [{ key: 'no_such_key', value: 1n }]), false)
  })
})

describe('gates', () => {
  it('show their switches as shadow until a proposal applies them', () => {
    const before = gateStates(defaultParams(), []).flatMap(({ switches }) => switches)
    check.deepEqual(
      before.map(({ state }) => state),
      SWITCHES.map(() => 'shadow'),
    )
    const applied = withParams(defaultParams(), { proof_latency_gate: 1n })
    const latency = gateStates(applied, [])
      .flatMap(({ switches }) => switches)
      .find(({ key }) => key === 'proof_latency_gate')
    check.equal(latency?.state, 'apply')
  })

  it('name the proposals in shadow that would move them', () => {
    const states = gateStates(defaultParams(), [
      { id: 'a', keys: ['proof_verification_budget_ms'] },
      { id: 'b', keys: ['heartbeat_ms'] },
    ])
    check.deepEqual(
      states.map(({ gate }) => gate),
      [...GATES],
    )
    check.deepEqual(states.find(({ gate }) => gate === 'receipts')?.shadowing, ['a'])
    check.deepEqual(
      states.flatMap(({ shadowing }) => shadowing),
      ['a'],
    )
  })
})
