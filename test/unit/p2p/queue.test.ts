/** What waits to be judged: order, bounds, shares, expiry, parking, memory of the seen. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { PARKED_MAX, PARKED_PER_PEER_MAX, Parking } from '../../../src/p2p/parking.ts'
import { SeenSet } from '../../../src/p2p/seen-set.ts'
import { TOPICS } from '../../../src/p2p/topics.ts'
import {
  QUEUE_BOUNDS,
  type QueueEntry,
  ValidationQueue,
} from '../../../src/p2p/validation-queue.ts'
import type { Topic } from '../../../src/runtime/ports.ts'

let tokens = 0
function entry(topic: Topic, from = 'a'): QueueEntry {
  tokens++
  return { topic, from, bytes: Uint8Array.of(1), token: tokens }
}

describe('the validation queue', () => {
  it('gives consensus first, then evidence, receipts with attestations, transactions, offers', () => {
    const queue = new ValidationQueue()
    for (const topic of [...TOPICS].reverse()) queue.push(entry(topic))
    check.deepEqual(
      queue.take(100).map(({ topic }) => topic),
      [
        'consensus-votes',
        'consensus-proposals',
        'slashing-evidence',
        'receipts',
        'attestations',
        'transactions',
        'job-offers',
      ],
    )
  })

  it('keeps a tenth of the places for evidence while consensus floods', () => {
    for (const budget of [1, 3, 10, 64]) {
      const queue = new ValidationQueue()
      for (let index = 0; index < 16; index++) queue.push(entry('slashing-evidence'))
      const taken: Topic[] = []
      while (taken.length < 160) {
        while (queue.sizeOf('consensus-votes') < 200) queue.push(entry('consensus-votes'))
        taken.push(...queue.take(budget).map(({ topic }) => topic))
      }
      const evidence = taken.filter((topic) => topic === 'slashing-evidence').length
      check.ok(evidence >= 14, `${evidence} of ${taken.length} with budget ${budget}`)
      check.ok(evidence < taken.length / 2, 'consensus still comes first')
    }
  })

  it('takes the newest offer first and lets the oldest make room', () => {
    const queue = new ValidationQueue()
    const { countMax } = QUEUE_BOUNDS['job-offers']
    const first = entry('job-offers', 'p0')
    queue.push(first)
    for (let index = 1; index < countMax; index++) queue.push(entry('job-offers', `p${index % 9}`))
    const newest = entry('job-offers', 'late')
    const dropped = queue.push(newest)
    check.equal(dropped?.entry, first)
    check.equal(dropped?.refusal.code, 'gossip_queue_full')
    check.equal(queue.take(1)[0], newest)
  })

  it('refuses what one peer has too much of, and what comes when full', () => {
    const queue = new ValidationQueue()
    const { countMax, perPeerMax } = QUEUE_BOUNDS['slashing-evidence']
    for (let index = 0; index < perPeerMax; index++) queue.push(entry('slashing-evidence'))
    check.equal(queue.push(entry('slashing-evidence'))?.refusal.code, 'gossip_peer_quota')
    for (let index = perPeerMax; index < countMax; index++) {
      check.equal(queue.push(entry('slashing-evidence', `p${index}`)), undefined)
    }
    const late = entry('slashing-evidence', 'z')
    check.equal(queue.push(late)?.entry, late)
    check.equal(queue.push(entry('receipts')), undefined, 'another topic has its own room')
  })

  it('loses nothing, repeats nothing and stays within its bounds', () => {
    const push = fc.record({ topic: fc.constantFrom(...TOPICS), from: fc.nat(3) })
    const step = fc.oneof(push, fc.record({ take: fc.nat(8) }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const queue = new ValidationQueue()
        const inside = new Set<number>()
        for (const one of steps) {
          if ('take' in one) {
            for (const { token } of queue.take(one.take)) check.ok(inside.delete(token))
          } else {
            const pushed = entry(one.topic, `p${one.from}`)
            inside.add(pushed.token)
            const dropped = queue.push(pushed)
            if (dropped !== undefined) check.ok(inside.delete(dropped.entry.token))
          }
          check.equal(queue.size, inside.size)
        }
        for (const { token } of queue.take(10_000)) check.ok(inside.delete(token))
        check.equal(inside.size, 0)
      }),
    )
  })
})

describe('the waiting room', () => {
  it('gives an object three commits and then refuses it', () => {
    const room = new Parking()
    const early = entry('receipts')
    check.equal(room.park(early, 10n), undefined)
    for (const height of [11n, 12n]) {
      const { again } = room.release(height)
      check.deepEqual(again, [{ entry: early, sinceHeight: 10n }])
      check.equal(room.park(early, height, 10n), undefined)
    }
    check.equal(room.release(13n).again.length, 1)
    check.equal(room.park(early, 13n, 10n)?.code, 'gossip_parking_expired')
    check.equal(room.size, 0)
  })

  it('answers those that waited while heights were skipped', () => {
    const room = new Parking()
    room.park(entry('receipts'), 10n)
    const { again, expired } = room.release(20n)
    check.equal(again.length, 0)
    check.equal(expired[0]?.refusal.code, 'gossip_parking_expired')
  })

  it('is bounded in all and for each peer', () => {
    const room = new Parking()
    for (let index = 0; index < PARKED_PER_PEER_MAX; index++) room.park(entry('receipts'), 1n)
    check.equal(room.park(entry('receipts'), 1n)?.code, 'gossip_parking_full')
    for (let index = PARKED_PER_PEER_MAX; index < PARKED_MAX; index++) {
      check.equal(room.park(entry('receipts', `p${index}`), 1n), undefined)
    }
    check.equal(room.park(entry('receipts', 'z'), 1n)?.code, 'gossip_parking_full')
  })
})

describe('the set of those seen', () => {
  it('remembers at least one generation and never more than two', () => {
    const seen = new SeenSet(100)
    for (let index = 0; index < 1_000; index++) {
      seen.add(`id${index}`)
      check.ok(seen.size <= 200)
      check.ok(seen.has(`id${Math.max(0, index - 99)}`))
    }
    check.ok(!seen.has('id0'))
  })
})
