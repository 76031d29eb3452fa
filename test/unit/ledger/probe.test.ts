/** The matcher's stopwatch is told of each run with its lanes, and changes nothing. */

import { strict as check } from 'node:assert'

import { installMatchProbe, matchProbe } from '../../../src/ledger/probe.ts'
import { LANES } from '../../../src/ledger/types/market.ts'
import { attest, availableProgram, offerJob, World } from './market/world.ts'

describe('match probe', () => {
  const idle = matchProbe()
  after(() => installMatchProbe(idle))

  it('is not started while no offer waits', () => {
    const told: string[] = []
    installMatchProbe({ start: () => told.push('start'), stop: () => told.push('stop') })
    new World().skip(3)
    check.deepEqual(told, [])
  })

  it('is told of every run over waiting offers, with the lanes they wait in', () => {
    const told: string[] = []
    installMatchProbe({
      start: () => told.push('start'),
      stop: (lanes) => told.push(...lanes),
    })
    const world = new World()
    availableProgram(world)
    const job = offerJob(world)
    world.block((execution) => attest(execution, job, 'available'))
    world.skip(2)
    check.ok(told.includes('start'))
    check.ok(told.includes(LANES[0]))
    check.equal(told.includes(LANES[1]), false)
  })
})
