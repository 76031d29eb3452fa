/** The loop in a calm world: offered, matched, run, verified, settled; and a cheat slashed. */

import { strict as check } from 'node:assert'

import { toHex } from '../../src/base/bytes.ts'
import { hostEvents, profileOf } from '../../src/base/tensor-profile.ts'
import { JOB, jobOf, RECEIPTS } from '../../src/ledger/market-records.ts'
import { audit } from '../../src/ledger/supply.ts'
import { opOutputBytes } from '../../src/program/op-table.ts'
import { CALM, CHEAT, cluster, events, idOf, Market, validators } from './support.ts'

describe('the market in a calm world', () => {
  it('settles an honest job and slashes a falsified one', () => {
    const specs = [...validators(4), { name: 'honest', role: 'provider' } as const, CHEAT]
    const chain = cluster(11, CALM, specs, ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 6, 100_000)
    const market = new Market(chain)
    market.registerProgram('alice')
    market.registerProvider('honest', 20_000n)
    market.registerProvider('cheat', 10_000n)
    const state = () => chain.node('v0').ledger.state
    const isReady = (): boolean => events(chain, 'v0', 'program-available').length > 0
    check.ok(chain.runUntil(isReady, 400_000), 'the program becomes available')
    const job = market.offer('alice', 0)
    const isSettled = (): boolean => jobOf(state(), job)?.state === JOB.settled
    check.ok(chain.runUntil(isSettled, 2_000_000), 'the job settles')
    check.deepEqual(
      events(chain, 'v0', 'provider-slashed').map(({ actor }) => actor),
      [idOf('cheat')],
    )
    const isEven = (): boolean =>
      new Set(chain.nodes.map(({ ledger }) => ledger.head.height)).size === 1
    check.ok(chain.runUntil(isEven, 100_000))
    check.equal(new Set(chain.nodes.map(({ ledger }) => toHex(ledger.head.stateRoot))).size, 1)
    for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
  })

  it('tells in each receipt what the run allocated, and names the job of a leak', () => {
    const leaky = { name: 'leaky', role: 'provider', leaks: true } as const
    const chain = cluster(12, CALM, [...validators(4), leaky], ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 5, 100_000)
    const market = new Market(chain)
    market.registerProgram('alice')
    market.registerProvider('leaky', 10_000n)
    const state = () => chain.node('v0').ledger.state
    const isReady = (): boolean => events(chain, 'v0', 'program-available').length > 0
    check.ok(chain.runUntil(isReady, 400_000), 'the program becomes available')
    const job = market.offer('alice', 0)
    const isSettled = (): boolean => jobOf(state(), job)?.state === JOB.settled
    check.ok(chain.runUntil(isSettled, 2_000_000), 'the job settles')
    const [, anchored] = state().entries(RECEIPTS)[0] ?? []
    const profile = anchored?.receipt.tensorProfile ?? check.fail('the receipt has a profile')
    const sizes = opOutputBytes(market.network.program)
    const released = hostEvents(sizes).slice(0, -1)
    check.equal(toHex(profile.epoch), toHex(profileOf(released).epoch))
    check.deepEqual([profile.allocations, profile.releases], [sizes.length, sizes.length - 1])
    check.equal(profile.allocFreeDelta, BigInt(sizes[0] as number))
    const leaks = chain.facts.filter(({ fact }) => fact.kind === 'tensor-leaked')
    check.deepEqual(
      leaks.map(({ fact }) => fact),
      [{ kind: 'tensor-leaked', job, attempt: 1, label: 'op-0', bytes: sizes[0] }],
    )
  })
})
