/** Functions of tensors as jobs of the market: traced, offered, run, verified, settled. */

import { strict as check } from 'node:assert'

import { fromHex, toHex } from '../../src/base/bytes.ts'
import { JOB, jobOf, RECEIPTS } from '../../src/ledger/market-records.ts'
import { audit } from '../../src/ledger/supply.ts'
import { outputDigest } from '../../src/program/digest.ts'
import { bytesOver } from '../../src/tensor/dtype.ts'
import { trace } from '../../src/tensor/trace.ts'
import { eagerDigests } from '../unit/tensor/devices.ts'
import { SCENARIOS, type Scenario } from '../unit/tensor/scenarios.ts'
import { CALM, cluster, events, Market, validators } from './support.ts'

/** Writing through a view, gradients, and a step of training. */
const NAMES: readonly string[] = [
  'what is written through a view and through a slice is seen by all',
  'a convolution, its pool and the gradients of both',
  'a step of training by hand',
]
const REPLAY = 2

describe('functions of tensors as jobs', () => {
  it('settle, with the digests that they give at once', () => {
    const scenarios = NAMES.map((name) => SCENARIOS.find((each) => each.name === name) as Scenario)
    const chain = cluster(21, CALM, [...validators(4), { name: 'p0', role: 'provider' }], ['alice'])
    chain.startAll()
    chain.runUntil(() => chain.nodes.length === 5, 100_000)
    const market = new Market(chain)
    const traced = scenarios.map(({ run, inputs }) =>
      trace(
        run,
        inputs.map(({ dims }) => ({ dims })),
      ),
    )
    for (const named of traced) market.registerProgram('alice', named)
    market.registerProvider('p0', 20_000n)
    const state = () => chain.node('v0').ledger.state
    const areReady = (): boolean =>
      events(chain, 'v0', 'program-available').length === traced.length
    check.ok(chain.runUntil(areReady, 800_000), 'the programs become available')
    const jobs = traced.map((named, at) => {
      const { inputs } = scenarios[at] as Scenario
      const given = inputs.map(({ values }) => bytesOver(Float32Array.from(values)))
      return market.offerOf('alice', REPLAY, named, given)
    })
    const areSettled = (): boolean =>
      jobs.every((job) => jobOf(state(), job)?.state === JOB.settled)
    check.ok(chain.runUntil(areSettled, 4_000_000), 'the jobs settle')
    const receipts = state().entries(RECEIPTS)
    jobs.forEach((job, at) => {
      const anchored = receipts.find(([, { receipt }]) => toHex(receipt.job) === job)
      const digests = eagerDigests(scenarios[at] as Scenario)
      const wanted = outputDigest(
        (traced[at]?.outputNames ?? []).map((name) => fromHex(digests[name] as string)),
      )
      check.ok(anchored !== undefined, 'a settled job has a receipt')
      check.equal(toHex(anchored[1].receipt.outputDigest), toHex(wanted))
    })
    for (const { ledger } of chain.nodes) check.ok(audit(ledger.state).conserved)
  })
})
