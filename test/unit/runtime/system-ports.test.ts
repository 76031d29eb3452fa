/** The clock and the chance of the real machine keep the promises of their ports. */

import { strict as check } from 'node:assert'

import { durationMs } from '../../../src/base/time.ts'
import { createSystemClock } from '../../../src/runtime/io/system-clock.ts'
import { createSystemRng } from '../../../src/runtime/io/system-rng.ts'

describe('system clock', () => {
  it('calls a timer once, after the call and no sooner than asked', async () => {
    const clock = createSystemClock()
    const since = clock.monotonicMs()
    let calls = 0
    await new Promise<void>((done) => {
      clock.setTimer('once', durationMs(5), () => {
        calls++
        done()
      })
      check.equal(calls, 0)
    })
    check.ok(clock.monotonicMs() - since >= 5)
    check.equal(calls, 1)
    clock.stop()
  })

  it('replaces a timer of the same name, and forgets one that is cleared', async () => {
    const clock = createSystemClock()
    const heard: string[] = []
    await new Promise<void>((done) => {
      clock.setTimer('a', durationMs(1), () => heard.push('first'))
      clock.setTimer('a', durationMs(2), () => heard.push('second'))
      clock.setTimer('b', durationMs(1), () => heard.push('cleared'))
      clock.clearTimer('b')
      clock.setTimer('c', durationMs(10), done)
    })
    check.deepEqual(heard, ['second'])
    clock.stop()
  })
})

describe('system rng', () => {
  it('draws within its bounds, and forks draw for themselves', () => {
    const rng = createSystemRng()
    for (let at = 0; at < 200; at++) {
      check.ok(rng.below(3) < 3)
      const word = rng.u32()
      check.ok(Number.isInteger(word) && word >= 0 && word < 0x1_0000_0000)
    }
    check.equal(rng.chance(0, 5), false)
    check.equal(rng.chance(5, 5), true)
    check.equal(rng.bytes(40).length, 40)
    check.notDeepEqual(rng.fork('a').bytes(32), rng.fork('a').bytes(32))
  })
})
