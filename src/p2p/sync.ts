/**
 * Catching up: which blocks to ask of whom, and in what order they are handed on.
 *
 *   head        delivered          asked or here          target
 *    |-- applying --|--- batches, at most 64 blocks ahead ---|
 *
 *   batch: wanted --request--> asked --answered--> here --all before it delivered--> delivered
 *             ^                  |-- failed, late, empty: another peer, this one rests
 *             `------------------'
 *
 * Pure: blocks are opaque bytes. The engine decodes them, checks certificates, applies them and
 * says how far the head has come, or that a block was bad; then its sender is blamed and everything
 * from there on is asked again of others.
 *
 * Invariants
 *   - Blocks are delivered in order of height, each height once until it is refused.
 *   - Never more than BLOCKS_AHEAD_MAX blocks are held or asked beyond the head.
 *   - A peer has at most REQUESTS_PER_PEER_MAX requests open.
 *
 * Source: design of the peer stack, Protocols; docs/reference/wire.md, Catching up.
 */

import { assert, unreachable } from '../base/assert.ts'
import { byBigint, byText } from '../base/ordered.ts'
import type { Blame, PeerId } from '../runtime/ports.ts'

export const BATCH_BLOCKS_MAX = 16
export const BLOCKS_AHEAD_MAX = 64n
export const REQUESTS_PER_PEER_MAX = 2
export const SYNC_PEERS_MAX = 256
/** A request unanswered for this long counts as failed. */
export const REQUEST_MS = 15_000
/** A peer that failed is not asked again before this. */
export const REST_MS = 2_000
/** Delivered blocks that move no head for this long are asked again. */
export const STALL_MS = 30_000
/** How old a peer's status may grow before it is asked for. */
export const STATUS_MS = 5_000
/** One block behind is the rule while following; only if it lasts is it caught up by request. */
export const FOLLOW_GRACE_MS = 1_500

export type SyncEvent =
  | {
      readonly kind: 'status-heard'
      readonly peer: PeerId
      readonly headHeight: bigint
      readonly earliestHeight: bigint
    }
  | { readonly kind: 'peer-left'; readonly peer: PeerId }
  | {
      readonly kind: 'blocks-answered'
      readonly request: number
      readonly blocks: readonly Uint8Array[]
    }
  | { readonly kind: 'request-failed'; readonly request: number; readonly reason: string }
  /** The head after applying a block, however it came. */
  | { readonly kind: 'head-moved'; readonly height: bigint }
  /** A delivered block was bad. */
  | { readonly kind: 'block-refused'; readonly height: bigint; readonly code: string }
  | { readonly kind: 'tick' }

export type SyncEffect =
  | {
      readonly kind: 'request'
      readonly request: number
      readonly peer: PeerId
      readonly from: bigint
      readonly count: number
    }
  | { readonly kind: 'ask-status'; readonly peer: PeerId }
  | { readonly kind: 'blocks-ready'; readonly from: bigint; readonly blocks: readonly Uint8Array[] }
  | {
      readonly kind: 'report'
      readonly peer: PeerId
      readonly blame: Blame
      readonly code: string
    }

interface SyncPeer {
  readonly id: PeerId
  headHeight: bigint
  earliestHeight: bigint
  open: number
  failures: number
  restUntilMs: number
  statusMs: number
}

interface Batch {
  readonly from: bigint
  count: number
  state: 'wanted' | 'asked' | 'here'
  request: number
  peer: PeerId | undefined
  askedMs: number
  blocks: readonly Uint8Array[]
  /** Who failed to give it; asked again only when everyone has. */
  readonly failed: Set<PeerId>
}

/** Who sent what was delivered but is not yet applied. */
interface Delivered {
  readonly from: bigint
  readonly to: bigint
  readonly peer: PeerId
}

export interface SyncState {
  headHeight: bigint
  /** Last height handed to the engine. */
  deliveredHeight: bigint
  /** When the head last moved, or blocks were last handed on. */
  movedMs: number
  nextRequest: number
  readonly peers: Map<PeerId, SyncPeer>
  batches: Batch[]
  delivered: Delivered[]
}

export function createSync(headHeight: bigint, nowMs: number): SyncState {
  return {
    headHeight,
    deliveredHeight: headHeight,
    movedMs: nowMs,
    nextRequest: 1,
    peers: new Map(),
    batches: [],
    delivered: [],
  }
}

/** The highest height that a connected peer says it has; our own without peers. */
export function syncTarget(state: SyncState): bigint {
  let target = state.headHeight
  for (const { headHeight } of state.peers.values()) if (headHeight > target) target = headHeight
  return target
}

/** One event in, effects out. `nowMs` is monotonic. */
export function syncStep(state: SyncState, event: SyncEvent, nowMs: number): SyncEffect[] {
  const effects = [...take(state, event, nowMs), ...deliver(state, nowMs), ...plan(state, nowMs)]
  for (const { from, count } of state.batches) {
    const last = from + BigInt(count) - 1n
    assert(last <= state.headHeight + BLOCKS_AHEAD_MAX, 'nothing is asked beyond the window')
  }
  return effects
}

function take(state: SyncState, event: SyncEvent, nowMs: number): SyncEffect[] {
  switch (event.kind) {
    case 'status-heard':
      hearStatus(state, event, nowMs)
      return []
    case 'peer-left':
      state.peers.delete(event.peer)
      for (const batch of state.batches) if (batch.peer === event.peer) unask(batch)
      return []
    case 'blocks-answered':
      return answered(state, event.request, event.blocks, nowMs)
    case 'request-failed':
      return failed(state, event.request, event.reason, nowMs)
    case 'head-moved':
      moveHead(state, event.height, nowMs)
      return []
    case 'block-refused':
      return refused(state, event.height, event.code)
    case 'tick':
      return [...overdue(state, nowMs), ...stale(state, nowMs)]
    default:
      return unreachable(event)
  }
}

function hearStatus(
  state: SyncState,
  heard: SyncEvent & { readonly kind: 'status-heard' },
  nowMs: number,
): void {
  const known = state.peers.get(heard.peer)
  if (known === undefined && state.peers.size >= SYNC_PEERS_MAX) return
  state.peers.set(heard.peer, {
    id: heard.peer,
    headHeight: heard.headHeight,
    earliestHeight: heard.earliestHeight,
    open: known?.open ?? 0,
    failures: known?.failures ?? 0,
    restUntilMs: known?.restUntilMs ?? 0,
    statusMs: nowMs,
  })
}

function answered(
  state: SyncState,
  request: number,
  blocks: readonly Uint8Array[],
  nowMs: number,
): SyncEffect[] {
  const batch = state.batches.find((one) => one.state === 'asked' && one.request === request)
  if (batch?.peer === undefined) return []
  const { peer } = batch
  if (blocks.length > batch.count) {
    return [report(peer, 'mid'), ...failed(state, request, 'too_many', nowMs)]
  }
  if (blocks.length === 0) return [report(peer, 'low'), ...failed(state, request, 'empty', nowMs)]
  close(state, peer)
  // An answer may be cut short by its byte limit; what is missing is wanted as a batch of its own.
  if (blocks.length < batch.count) {
    state.batches.push(wanted(batch.from + BigInt(blocks.length), batch.count - blocks.length))
    batch.count = blocks.length
  }
  batch.state = 'here'
  batch.blocks = blocks
  return []
}

function failed(state: SyncState, request: number, _reason: string, nowMs: number): SyncEffect[] {
  const batch = state.batches.find((one) => one.state === 'asked' && one.request === request)
  if (batch?.peer === undefined) return []
  const peer = state.peers.get(batch.peer)
  close(state, batch.peer)
  if (peer !== undefined) {
    peer.failures++
    peer.restUntilMs = nowMs + REST_MS
  }
  batch.failed.add(batch.peer)
  unask(batch)
  return []
}

function moveHead(state: SyncState, height: bigint, nowMs: number): void {
  if (height <= state.headHeight) return
  state.headHeight = height
  state.movedMs = nowMs
  if (state.deliveredHeight < height) state.deliveredHeight = height
  state.delivered = state.delivered.filter(({ to }) => to > height)
  const passed = state.batches.filter(({ from, count }) => from + BigInt(count) - 1n <= height)
  for (const { state: stage, peer } of passed) {
    if (stage === 'asked' && peer !== undefined) close(state, peer)
  }
  state.batches = state.batches.filter((batch) => !passed.includes(batch))
}

function refused(state: SyncState, height: bigint, code: string): SyncEffect[] {
  const source = state.delivered.find(({ from, to }) => from <= height && height <= to)
  restart(state)
  if (source === undefined) return []
  const peer = state.peers.get(source.peer)
  // A peer that lied once has no say in what the target is.
  if (peer !== undefined) state.peers.delete(source.peer)
  return [{ kind: 'report', peer: source.peer, blame: 'fatal', code }]
}

/** Forgets what was delivered and not applied; it will be asked again. */
function restart(state: SyncState): void {
  state.deliveredHeight = state.headHeight
  state.delivered = []
  for (const { state: stage, peer } of state.batches) {
    if (stage === 'asked' && peer !== undefined) close(state, peer)
  }
  state.batches = []
}

function overdue(state: SyncState, nowMs: number): SyncEffect[] {
  if (state.deliveredHeight > state.headHeight && nowMs - state.movedMs > STALL_MS) restart(state)
  const late = state.batches.filter(
    (batch) => batch.state === 'asked' && nowMs - batch.askedMs > REQUEST_MS,
  )
  return late.flatMap((batch) => [
    ...(batch.peer === undefined ? [] : [report(batch.peer, 'low')]),
    ...failed(state, batch.request, 'late', nowMs),
  ])
}

/** The peer whose status is oldest, if it is old. */
function stale(state: SyncState, nowMs: number): SyncEffect[] {
  const [oldest] = [...state.peers.values()].sort(
    (left, right) => left.statusMs - right.statusMs || byText(left.id, right.id),
  )
  if (oldest === undefined || nowMs - oldest.statusMs < STATUS_MS) return []
  oldest.statusMs = nowMs
  return [{ kind: 'ask-status', peer: oldest.id }]
}

function deliver(state: SyncState, nowMs: number): SyncEffect[] {
  const effects: SyncEffect[] = []
  for (;;) {
    const next = state.deliveredHeight + 1n
    const batch = state.batches.find(
      ({ state: stage, from, count }) =>
        stage === 'here' && from <= next && next < from + BigInt(count),
    )
    if (batch?.peer === undefined) return effects
    const blocks = batch.blocks.slice(Number(next - batch.from))
    const to = next + BigInt(blocks.length) - 1n
    state.batches = state.batches.filter((one) => one !== batch)
    state.delivered.push({ from: next, to, peer: batch.peer })
    state.deliveredHeight = to
    state.movedMs = nowMs
    effects.push({ kind: 'blocks-ready', from: next, blocks })
  }
}

function plan(state: SyncState, nowMs: number): SyncEffect[] {
  wantMore(state, nowMs)
  const effects: SyncEffect[] = []
  const open = state.batches
    .filter((batch) => batch.state === 'wanted')
    .sort((left, right) => byBigint(left.from, right.from))
  for (const batch of open) {
    const peer = choose(state, batch, nowMs)
    if (peer === undefined) continue
    keepTo(state, batch, peer.headHeight)
    peer.open++
    batch.state = 'asked'
    batch.peer = peer.id
    batch.request = state.nextRequest++
    batch.askedMs = nowMs
    const { request, from, count } = batch
    effects.push({ kind: 'request', request, peer: peer.id, from, count })
  }
  return effects
}

/** Opens batches up to the target, within the window. */
function wantMore(state: SyncState, nowMs: number): void {
  const target = syncTarget(state)
  // Whoever claimed more may have left: what nobody has is not wanted.
  state.batches = state.batches.filter(
    ({ state: stage, from }) => stage !== 'wanted' || from <= target,
  )
  const behind = target - state.deliveredHeight
  const patient = behind === 1n && nowMs - state.movedMs < FOLLOW_GRACE_MS
  if (behind <= 0n || patient) return
  let from = state.batches.reduce(
    (next, batch) => max(next, batch.from + BigInt(batch.count)),
    state.deliveredHeight + 1n,
  )
  const last = min(target, state.headHeight + BLOCKS_AHEAD_MAX)
  while (from <= last) {
    const count = min(BigInt(BATCH_BLOCKS_MAX), last - from + 1n)
    state.batches.push(wanted(from, Number(count)))
    from += count
  }
}

function choose(state: SyncState, batch: Batch, nowMs: number): SyncPeer | undefined {
  const holders = [...state.peers.values()].filter(
    ({ headHeight, earliestHeight }) => earliestHeight <= batch.from && batch.from <= headHeight,
  )
  if (holders.length > 0 && holders.every(({ id }) => batch.failed.has(id))) batch.failed.clear()
  const [best] = holders
    .filter(
      ({ id, open, restUntilMs }) =>
        open < REQUESTS_PER_PEER_MAX && restUntilMs <= nowMs && !batch.failed.has(id),
    )
    .sort(
      (left, right) =>
        left.open - right.open || left.failures - right.failures || byText(left.id, right.id),
    )
  return best
}

/** Cuts a batch to what a peer says it has, so that one who claims more cannot hold it up. */
function keepTo(state: SyncState, batch: Batch, height: bigint): void {
  const kept = Number(min(BigInt(batch.count), height - batch.from + 1n))
  if (kept === batch.count) return
  state.batches.push(wanted(batch.from + BigInt(kept), batch.count - kept))
  batch.count = kept
}

function wanted(from: bigint, count: number): Batch {
  return {
    from,
    count,
    state: 'wanted',
    request: 0,
    peer: undefined,
    askedMs: 0,
    blocks: [],
    failed: new Set(),
  }
}

function unask(batch: Batch): void {
  if (batch.state !== 'asked') return
  batch.state = 'wanted'
  batch.peer = undefined
}

function close(state: SyncState, id: PeerId): void {
  const peer = state.peers.get(id)
  if (peer !== undefined) peer.open = Math.max(0, peer.open - 1)
}

function report(peer: PeerId, blame: Blame): SyncEffect {
  return { kind: 'report', peer, blame, code: 'sync_answer_invalid' }
}

function max(left: bigint, right: bigint): bigint {
  return left > right ? left : right
}

function min(left: bigint, right: bigint): bigint {
  return left < right ? left : right
}
