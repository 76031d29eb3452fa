/** Names, sizes, quotas, scores and answers: the pure parts that bound what peers may do. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { utf8 } from '../../../src/base/bytes.ts'
import { decode, encode } from '../../../src/base/codec.ts'
import { attempt, refusal } from '../../../src/base/refusal.ts'
import {
  ANSWER_HEADER_BYTES,
  chunkFrame,
  contextOf,
  parseAnswer,
  refusalFrame,
} from '../../../src/p2p/answers.ts'
import { KNOWN_PEERS_MAX, KnownPeers } from '../../../src/p2p/known-peers.ts'
import {
  BAN_MS,
  HALF_LIFE_MS,
  PeerScores,
  SCORE_MIN,
  SCORED_PEERS_MAX,
} from '../../../src/p2p/peer-score.ts'
import {
  BlocksByRangeBody,
  PushBody,
  protocolName,
  RULES,
  type WireProtocol,
} from '../../../src/p2p/protocols.ts'
import { ByteBudget, QUOTA_KEYS_MAX, QuotaTable } from '../../../src/p2p/quota.ts'
import { messageId, TOPICS, topicName, topicsByName } from '../../../src/p2p/topics.ts'

describe('topics and protocols', () => {
  it('carry the chain in their names', () => {
    check.equal(topicName('dev-00ff00ff', 'receipts'), '/blocktorch/dev-00ff00ff/receipts/1')
    check.equal(protocolName('dev-00ff00ff', 'blob'), '/blocktorch/dev-00ff00ff/blob/1')
    check.equal(topicsByName('a').size, TOPICS.length)
    check.throws(() => topicName('Bad/Name', 'receipts'))
  })

  it('give a message an id of 20 bytes that depends on topic and payload', () => {
    const name = topicName('a', 'receipts')
    const id = messageId(name, utf8('x'))
    check.equal(id.length, 20)
    check.deepEqual(messageId(name, utf8('x')), id)
    check.notDeepEqual(messageId(topicName('a', 'transactions'), utf8('x')), id)
    check.notDeepEqual(messageId(`${name}x`, utf8('')), id, 'the name is set off from the payload')
  })

  it('cost what they ask for', () => {
    const cost = (protocol: WireProtocol, bytes: Uint8Array): number | string => {
      const asked = attempt(() => RULES[protocol].cost(bytes))
      return 'refused' in asked ? asked.refused.code : asked.value
    }
    check.equal(cost('blocks-by-range', encode(BlocksByRangeBody, { from: 9n, count: 7 })), 7)
    check.equal(
      cost('blocks-by-range', encode(BlocksByRangeBody, { from: 9n, count: 65 })),
      'request_count_invalid',
    )
    check.equal(cost('push', encode(PushBody, [])), 'request_count_invalid')
    check.equal(cost('push', encode(PushBody, [{ topic: 3, bytes: utf8('a') }])), 1)
    check.equal(cost('blocks-by-range', utf8('abc')), 'codec_malformed')
    check.ok(RULES['blocks-by-range'].cost.length === 1)
  })

  it('refuse any bytes that are no request, and never throw anything but a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const rules of Object.values(RULES)) attempt(() => rules.cost(bytes))
      }),
    )
  })
})

describe('answers', () => {
  const context = contextOf(new Uint8Array(32).fill(7))

  it('come back as they were framed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const frame = chunkFrame(context, bytes)
        check.equal(frame.length, bytes.length + ANSWER_HEADER_BYTES)
        check.deepEqual(parseAnswer(context, frame), { kind: 'chunk', bytes })
      }),
    )
  })

  it('carry a refusal with its facts as text', () => {
    const frame = refusalFrame(context, refusal('blob_unknown', { height: 7n, why: 'gone\u0007' }))
    check.deepEqual(parseAnswer(context, frame), {
      kind: 'refused',
      refusal: { code: 'blob_unknown', facts: { height: '7', why: 'gone.' } },
    })
  })

  it('of another chain, cut short or of unknown kind are broken', () => {
    const frame = chunkFrame(context, utf8('x'))
    const reasonOf = (bytes: Uint8Array): string => {
      const parsed = parseAnswer(context, bytes)
      return parsed.kind === 'broken' ? parsed.reason : parsed.kind
    }
    check.equal(reasonOf(frame.subarray(0, 4)), 'answer_truncated')
    check.equal(reasonOf(Uint8Array.of(0, 1, 2, 3, 4, 5)), 'wrong_context')
    check.equal(reasonOf(Uint8Array.of(9, 7, 7, 7, 7)), 'result_unknown')
    check.equal(reasonOf(Uint8Array.of(1, 7, 7, 7, 7, 1)), 'refusal_malformed')
  })
})

describe('quotas', () => {
  it('let through what they say and grow back', () => {
    const table = new QuotaTable()
    const quota = { items: 10, perMs: 1_000 }
    check.ok(table.take('a', quota, 6, 0))
    check.ok(table.take('a', quota, 4, 0))
    check.ok(!table.take('a', quota, 1, 0))
    check.ok(table.take('b', quota, 10, 0), 'another peer has its own')
    check.ok(table.take('a', quota, 1, 100))
    check.ok(!table.take('a', quota, 11, 10_000), 'more than a whole quota never passes')
  })

  it('never exceed quota plus what grew back, over any course of events', () => {
    const step = fc.record({ cost: fc.nat(12), waitMs: fc.nat(700) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new QuotaTable()
        let nowMs = 0
        let taken = 0
        for (const { cost, waitMs } of steps) {
          nowMs += waitMs
          if (table.take('a', { items: 10, perMs: 1_000 }, cost, nowMs)) taken += cost
          check.ok(taken <= 10 + nowMs / 100 + 1e-6)
        }
      }),
    )
  })

  it('forget the key unused longest', () => {
    const table = new QuotaTable()
    for (let index = 0; index < QUOTA_KEYS_MAX + 10; index++) {
      table.take(`k${index}`, { items: 1, perMs: 1 }, 1, 0)
    }
    check.equal(table.size, QUOTA_KEYS_MAX)
  })

  it('of bytes say how long to wait and take refunds up to the burst', () => {
    const budget = new ByteBudget(1_000, 500, 0)
    check.equal(budget.spend(500, 0), 0)
    check.equal(budget.spend(100, 0), 100)
    budget.refund(100)
    check.equal(budget.spend(0, 0), 0)
    budget.refund(10_000)
    check.equal(budget.spend(501, 0), 1)
    check.ok(budget.isFull(10_000))
  })
})

describe('scores', () => {
  it('disconnect the careless, ban the liar, and heal', () => {
    const scores = new PeerScores()
    for (let index = 0; index < 20; index++) check.equal(scores.blame('a', 'low', 0), 'welcome')
    check.equal(scores.blame('a', 'low', 0), 'disconnect')
    check.equal(scores.blame('liar', 'fatal', 0), 'ban')
    check.equal(scores.score('liar', 0), SCORE_MIN)
    check.equal(scores.standing('liar', BAN_MS - 1), 'ban')
    check.equal(scores.standing('a', HALF_LIFE_MS), 'welcome')
    check.ok(Math.abs(scores.score('a', HALF_LIFE_MS) + 10.5) < 0.1)
    check.equal(scores.standing('nobody', 0), 'welcome')
  })

  it('never grow the table beyond its bound', () => {
    const scores = new PeerScores()
    for (let index = 0; index < SCORED_PEERS_MAX + 50; index++) scores.blame(`p${index}`, 'low', 0)
    check.equal(scores.size, SCORED_PEERS_MAX)
  })
})

describe('known peers', () => {
  const backOff = { firstMs: 100, lastMs: 1_000, below: () => 0 }

  it('are tried again later and later, the fixed ones first', () => {
    const known = new KnownPeers(backOff)
    known.learn('a', ['/x'], 1n)
    known.learn('boot', ['/y'], 0n, { fixed: true })
    const due = (nowMs: number): readonly string[] =>
      known.due(nowMs, () => false, 9).map(({ id }) => id)
    check.deepEqual(due(0), ['boot', 'a'])
    known.failed('a', 0)
    check.deepEqual(due(49), ['boot'])
    check.deepEqual(due(50), ['boot', 'a'])
    known.failed('a', 50)
    check.deepEqual(due(149), ['boot'])
    for (let index = 0; index < 40; index++) known.failed('a', 0)
    check.deepEqual(due(499), ['boot'])
    check.deepEqual(due(500), ['boot', 'a'], 'the longest wait is bounded')
    known.reached('a')
    check.deepEqual(due(0), ['boot', 'a'])
  })

  it('take newer records only, and make room among those never reached', () => {
    const known = new KnownPeers(backOff)
    check.ok(known.learn('a', ['/1'], 5n))
    check.ok(!known.learn('a', ['/2'], 5n))
    check.ok(known.learn('a', ['/2'], 6n))
    check.ok(!known.learn('b', [], 1n))
    known.reached('a')
    for (let index = 0; index < 2 * KNOWN_PEERS_MAX; index++) known.learn(`p${index}`, ['/3'], 1n)
    check.equal(known.size, KNOWN_PEERS_MAX)
    check.ok(known.all().some(({ id }) => id === 'a'))
  })

  it('decode what they encode', () => {
    const body = { from: 3n, count: 2 }
    check.deepEqual(decode(BlocksByRangeBody, encode(BlocksByRangeBody, body)), body)
  })
})
