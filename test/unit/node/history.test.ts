/** The index of the past: subjects to heights, slashes out of events, and bounds on both. */

import { strict as check } from 'node:assert'
import fc from 'fast-check'

import type { EventKind, LedgerEvent } from '../../../src/ledger/types/event.ts'
import { FactFeed, LISTENERS_MAX } from '../../../src/node/fact-feed.ts'
import { HEIGHTS_PER_SUBJECT_MAX, HistoryIndex, slashesIn } from '../../../src/node/history.ts'
import { newestFirst, type Page, pageOf } from '../../../src/node/views/json.ts'

const hex = (digit: string): string => digit.repeat(64)
const [VALIDATOR, PROVIDER, BUYER, JOB, EVIDENCE] = ['1', '2', '3', '4', '5'].map(hex) as [
  string,
  string,
  string,
  string,
  string,
]

function event(kind: EventKind, more: Partial<LedgerEvent> = {}): LedgerEvent {
  return { kind, subject: '', actor: '', value: 0n, count: 0n, reason: '', ...more }
}

describe('slashes in a block', () => {
  it('joins a fraud slash with its evidence, its job and what became of the money', () => {
    const reason = 'fraud_proof'
    const [line, ...more] = slashesIn(9n, [
      event('evidence-accepted', { subject: EVIDENCE, actor: PROVIDER, reason }),
      event('provider-slashed', { subject: EVIDENCE, actor: PROVIDER, value: 10n, reason }),
      event('compensated', { subject: JOB, actor: BUYER, value: 4n, reason }),
      event('burned', { subject: EVIDENCE, actor: PROVIDER, value: 6n, reason }),
    ])
    check.deepEqual(more, [])
    check.deepEqual(line, {
      height: 9n,
      offender: PROVIDER,
      role: 'provider',
      amount: 10n,
      reason,
      evidence: EVIDENCE,
      burned: 6n,
      compensated: 4n,
      subject: JOB,
    })
  })

  it('tells a broken service level, which needs no evidence', () => {
    const reason = 'invalid_execution'
    const [line] = slashesIn(9n, [
      event('provider-slashed', { subject: JOB, actor: PROVIDER, value: 3n, reason }),
      event('burned', { subject: JOB, actor: PROVIDER, value: 3n, reason }),
    ])
    check.equal(line?.evidence, '')
    check.equal(line?.subject, JOB)
    check.equal(line?.burned, 3n)
  })

  it('counts a validator burned once and names the evidence', () => {
    const reason = 'duplicate_vote'
    const lines = slashesIn(9n, [
      event('evidence-accepted', { subject: EVIDENCE, actor: VALIDATOR, reason }),
      event('validator-slashed', { subject: VALIDATOR, actor: VALIDATOR, value: 8n, reason }),
      event('burned', { subject: EVIDENCE, actor: VALIDATOR, value: 8n, reason }),
      event('burned', { subject: JOB, value: 2n, reason: 'vetoed' }),
    ])
    check.equal(lines.length, 1)
    check.equal(lines[0]?.burned, 8n)
    check.equal(lines[0]?.evidence, EVIDENCE)
  })
})

describe('the history index', () => {
  it('gives the heights of a subject, ascending, each once, and ignores what it has noted', () => {
    const index = new HistoryIndex()
    const about = [event('job-offered', { subject: JOB }), event('refunded', { subject: JOB })]
    index.note(3n, about)
    index.note(3n, about)
    index.note(5n, about)
    index.note(4n, about)
    check.deepEqual(index.heightsOf(JOB), [3n, 5n])
    check.deepEqual(index.heightsOf(EVIDENCE), [])
  })

  it('forgets the oldest heights of a subject beyond its bound', () => {
    const index = new HistoryIndex()
    const last = BigInt(HEIGHTS_PER_SUBJECT_MAX) + 10n
    for (let height = 1n; height <= last; height++) {
      index.note(height, [event('job-unmatched', { subject: JOB })])
    }
    check.equal(index.heightsOf(JOB).length, HEIGHTS_PER_SUBJECT_MAX)
    check.equal(index.heightsOf(JOB)[0], 11n)
  })
})

describe('pages', () => {
  it('show every row once, newest first, whatever the limit', () => {
    const rowsOf = fc.uniqueArray(fc.nat(1_000), { maxLength: 60 })
    fc.assert(
      fc.property(rowsOf, fc.integer({ min: 1, max: 20 }), (heights, limit) => {
        const seen: number[] = []
        for (let cursor: string | undefined = ''; cursor !== undefined; ) {
          const page: Page<number> = pageOf(
            heights,
            (height) => newestFirst(BigInt(height), 'x'),
            (height) => height,
            { limit, cursor },
          )
          check.ok(page.items.length <= limit)
          seen.push(...page.items)
          cursor = page.next
        }
        check.deepEqual(
          seen,
          [...heights].sort((left, right) => right - left),
        )
      }),
    )
  })
})

describe('the feed of facts', () => {
  it('tells every listener until it stops, and takes no more than its bound', () => {
    const feed = new FactFeed()
    const heard: number[] = []
    const stops = Array.from({ length: LISTENERS_MAX }, (_, at) =>
      feed.subscribe(() => heard.push(at)),
    )
    check.equal(
      feed.subscribe(() => undefined),
      undefined,
    )
    for (const stop of stops.slice(1)) stop?.()
    feed.tell({ kind: 'alarm', code: 'disk_full', facts: {} })
    check.deepEqual(heard, [0])
  })
})
