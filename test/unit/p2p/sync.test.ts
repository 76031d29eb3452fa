/** Catching up: in order, each height once, past peers that lie, fail or leave. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import {
  BATCH_BLOCKS_MAX,
  BLOCKS_AHEAD_MAX,
  createSync,
  REQUEST_MS,
  STATUS_MS,
  type SyncEffect,
  type SyncEvent,
  syncStep,
  syncTarget,
} from '../../../src/p2p/sync.ts'

interface Outcome {
  readonly head: bigint
  readonly applied: readonly bigint[]
  readonly reports: readonly SyncEffect[]
}

type Manner = 'honest' | 'empty' | 'silent' | 'short' | 'wrong' | 'boastful'

const block = (height: bigint, good = true): Uint8Array =>
  Uint8Array.of(Number(height % 256n), Number(height / 256n), good ? 1 : 0)

/** Runs until the head reaches `target` or `turnsMax` turns passed. */
function run(target: bigint, manners: readonly Manner[], seed: number, turnsMax = 4_000): Outcome {
  let nowMs = 0
  let head = 0n
  const state = createSync(head, nowMs)
  let draw = seed
  const roll = (bound: number): number => {
    draw = (Math.imul(draw, 1664525) + 1013904223) >>> 0
    return (draw >>> 8) % bound
  }
  const open: { event: SyncEvent; due: number }[] = []
  const applied: bigint[] = []
  const reports: SyncEffect[] = []
  const banned = new Set<string>()
  const feed = (event: SyncEvent): void => {
    for (const effect of syncStep(state, event, nowMs)) perform(effect)
  }
  const perform = (effect: SyncEffect): void => {
    switch (effect.kind) {
      case 'request': {
        check.ok(effect.count >= 1 && effect.count <= BATCH_BLOCKS_MAX)
        check.ok(effect.from + BigInt(effect.count) - 1n <= head + BLOCKS_AHEAD_MAX)
        const event = answer(effect, manners[Number(effect.peer.slice(1))] ?? 'honest')
        if (event !== undefined) open.push({ event, due: nowMs + roll(400) })
        return
      }
      case 'blocks-ready':
        effect.blocks.forEach((bytes, index) => {
          open.push({ event: apply(effect.from + BigInt(index), bytes), due: nowMs })
        })
        return
      case 'report':
        reports.push(effect)
        if (effect.blame === 'fatal') banned.add(effect.peer)
        return
      case 'ask-status':
        if (!banned.has(effect.peer))
          open.push({ event: status(effect.peer), due: nowMs + roll(100) })
    }
  }
  const status = (peer: string): SyncEvent => ({
    kind: 'status-heard',
    peer,
    headHeight: manners[Number(peer.slice(1))] === 'boastful' ? target * 10n : target,
    earliestHeight: 0n,
  })
  const answer = (
    effect: SyncEffect & { readonly kind: 'request' },
    manner: Manner,
  ): SyncEvent | undefined => {
    const { request, from, count } = effect
    const heights = Array.from({ length: count }, (_, index) => from + BigInt(index))
    const blocks = heights.filter((height) => height <= target).map((height) => block(height))
    switch (manner) {
      case 'honest':
      case 'boastful':
        return { kind: 'blocks-answered', request, blocks }
      case 'empty':
        return { kind: 'blocks-answered', request, blocks: [] }
      case 'short':
        return { kind: 'blocks-answered', request, blocks: blocks.slice(0, 1 + roll(3)) }
      case 'wrong':
        return {
          kind: 'blocks-answered',
          request,
          blocks: heights.map((height) => block(height, false)),
        }
      case 'silent':
        return roll(2) === 0 ? undefined : { kind: 'request-failed', request, reason: 'silence' }
    }
  }
  /** The engine: applies the next height, refuses a bad block, ignores what follows one. */
  const apply = (height: bigint, bytes: Uint8Array): SyncEvent => {
    if (height !== head + 1n) return { kind: 'tick' }
    if (bytes[2] === 0) return { kind: 'block-refused', height, code: 'block_invalid' }
    check.deepEqual(bytes, block(height))
    head = height
    applied.push(height)
    return { kind: 'head-moved', height }
  }
  manners.forEach((_, index) => {
    feed(status(`p${index}`))
  })
  for (let turn = 0; turn < turnsMax && head < target; turn++) {
    nowMs += 100
    const due = open.filter((one) => one.due <= nowMs)
    for (const one of due) open.splice(open.indexOf(one), 1)
    for (const { event } of due) feed(event)
    feed({ kind: 'tick' })
  }
  return { head, applied, reports }
}

describe('sync', () => {
  it('brings a late joiner to the head of the others, in order', () => {
    const { head, applied, reports } = run(500n, ['honest', 'honest', 'honest'], 1)
    check.equal(head, 500n)
    check.deepEqual(
      applied,
      Array.from({ length: 500 }, (_, index) => BigInt(index + 1)),
    )
    check.deepEqual(reports, [])
  })

  it('gets there with one honest peer among any others', () => {
    const manner = fc.constantFrom<Manner>(
      'empty',
      'silent',
      'short',
      'wrong',
      'boastful',
      'honest',
    )
    fc.assert(
      fc.property(
        fc.array(manner, { maxLength: 6 }),
        fc.integer({ min: 1, max: 300 }),
        fc.nat(),
        (others, target, seed) => {
          const { head, applied } = run(BigInt(target), [...others, 'honest'], seed)
          check.equal(head, BigInt(target))
          check.equal(applied.length, target)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('blames the sender of a bad block fatally and asks another', () => {
    const { head, reports } = run(40n, ['wrong', 'honest'], 3)
    check.equal(head, 40n)
    check.deepEqual(
      reports.filter((one) => one.kind === 'report' && one.blame === 'fatal'),
      [{ kind: 'report', peer: 'p0', blame: 'fatal', code: 'block_invalid' }],
    )
  })

  it('asks again when an answer does not come', () => {
    const state = createSync(0n, 0)
    const heard = { kind: 'status-heard', headHeight: 9n, earliestHeight: 0n } as const
    const first = syncStep(state, { ...heard, peer: 'a' }, 0)
    check.deepEqual(first, [{ kind: 'request', request: 1, peer: 'a', from: 1n, count: 9 }])
    check.deepEqual(syncStep(state, { ...heard, peer: 'b' }, 1), [])
    const late = syncStep(state, { kind: 'tick' }, REQUEST_MS + 1)
    check.deepEqual(
      late.filter(({ kind }) => kind !== 'ask-status'),
      [
        { kind: 'report', peer: 'a', blame: 'low', code: 'sync_answer_invalid' },
        { kind: 'request', request: 2, peer: 'b', from: 1n, count: 9 },
      ],
    )
    check.deepEqual(
      syncStep(state, { kind: 'blocks-answered', request: 1, blocks: [block(1n)] }, REQUEST_MS + 2),
      [],
      'an answer that came too late changes nothing',
    )
  })

  it('leaves one block behind to gossip for a while', () => {
    const state = createSync(10n, 0)
    const heard = { kind: 'status-heard', peer: 'a', headHeight: 11n, earliestHeight: 0n } as const
    check.deepEqual(syncStep(state, heard, 100), [])
    check.equal(syncTarget(state), 11n)
    check.deepEqual(syncStep(state, { kind: 'tick' }, 1_600), [
      { kind: 'request', request: 1, peer: 'a', from: 11n, count: 1 },
    ])
  })

  it('asks for a status that has grown old', () => {
    const state = createSync(5n, 0)
    syncStep(state, { kind: 'status-heard', peer: 'a', headHeight: 5n, earliestHeight: 0n }, 0)
    check.deepEqual(syncStep(state, { kind: 'tick' }, STATUS_MS - 1), [])
    check.deepEqual(syncStep(state, { kind: 'tick' }, STATUS_MS), [
      { kind: 'ask-status', peer: 'a' },
    ])
    check.deepEqual(syncStep(state, { kind: 'tick' }, STATUS_MS + 1), [])
  })
})
