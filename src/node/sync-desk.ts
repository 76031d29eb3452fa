/**
 * Catching up and helping others to: blocks by stream, and repair of votes and certificates.
 *
 *   peers' heads -> sync machine -> blocks-by-range -> certificate checked -> executed -> committed
 *   height that does not end -> votes, proposal and certificates asked of a few peers, ours pushed
 */

import { utf8 } from '../base/bytes.ts'
import { checked } from '../base/checked.ts'
import { decode, encode } from '../base/codec.ts'
import { attempt } from '../base/refusal.ts'
import { certificateChecks, judgeCertificate } from '../consensus/certificate.ts'
import { type Certificate, decodeCertificate, type QuorumCertificate } from '../consensus/types.ts'
import { BlockCodec } from '../ledger/types/block.ts'
import { type StoredBlock, StoredBlockCodec } from '../ledger/types/stored-block.ts'
import { validatorSet } from '../ledger/types/validator-set.ts'
import { validatorsAt } from '../ledger/validators.ts'
import {
  BlocksByRangeBody,
  PUSH_ITEMS_MAX,
  PushBody,
  StatusBody,
  VotesBody,
} from '../p2p/protocols.ts'
import { type SyncEffect, type SyncEvent, syncStep, syncTarget } from '../p2p/sync.ts'
import { TOPICS } from '../p2p/topics.ts'
import type { Answer, PeerId, Topic } from '../runtime/ports.ts'
import { certificateOf } from './certificate-of.ts'
import { commit, examine } from './chain-desk.ts'
import { toConsensus } from './consensus-desk.ts'
import { onPushed } from './gossip-desk.ts'
import type { NodeState } from './state.ts'
import { ask, say, type Turn, tell } from './turn.ts'

export const SYNC_TIMER = 'sync'
/** What this node says of itself in a status. */
const NODE_VERSION: Uint8Array = utf8('blocktorch/0.1.0')
const SYNC_TICK_MS = 500
const REQUEST_DEADLINE_MS = 10_000
/** Peers a repair goes to at once. */
const REPAIR_PEERS = 3
/** What the first byte of a chunk of the `votes` protocol says the rest is. */
export const REPAIR_KINDS = { vote: 1, proposal: 2, certificate: 3 } as const

/** Feeds the sync machine and carries out what it asks for. */
export function toSync(node: NodeState, turn: Turn, event: SyncEvent): void {
  for (const effect of syncStep(node.sync, event, turn.at.monotonicMs)) perform(node, turn, effect)
}

export function onSyncTimer(node: NodeState, turn: Turn): void {
  say(turn, { kind: 'set-timer', id: SYNC_TIMER, delayMs: SYNC_TICK_MS })
  toSync(node, turn, { kind: 'tick' })
}

export function onHeadMoved(node: NodeState, turn: Turn): void {
  toSync(node, turn, { kind: 'head-moved', height: node.ledger.head.height })
  applyNext(node, turn)
}

export function onPeers(node: NodeState, turn: Turn, peers: readonly PeerId[]): void {
  const before = new Set(node.peers)
  const now = new Set(peers)
  node.peers = peers
  for (const peer of before) if (!now.has(peer)) toSync(node, turn, { kind: 'peer-left', peer })
  for (const peer of now) if (!before.has(peer)) askStatus(node, turn, peer)
}

function perform(node: NodeState, turn: Turn, effect: SyncEffect): void {
  switch (effect.kind) {
    case 'request':
      requestBlocks(node, turn, effect)
      return
    case 'ask-status':
      askStatus(node, turn, effect.peer)
      return
    case 'blocks-ready':
      node.synced.push(...effect.blocks)
      tell(turn, {
        kind: 'sync-progress',
        height: node.ledger.head.height,
        target: syncTarget(node.sync),
      })
      applyNext(node, turn)
      return
    case 'report':
      say(turn, effect)
      return
  }
}

function askStatus(node: NodeState, turn: Turn, peer: PeerId): void {
  const bytes = encode(StatusBody, statusOf(node))
  request(turn, peer, 'status', bytes, (later, answer) => {
    const [chunk] = answer.kind === 'answer' ? answer.chunks : []
    if (chunk !== undefined) hearStatus(node, later, peer, chunk)
  })
}

export function statusOf({ ledger }: NodeState): ReturnType<typeof decodeStatus> {
  const { head, genesisHash } = ledger
  return {
    genesisHash,
    headHeight: head.height,
    headId: head.id,
    finalizedHeight: head.height,
    earliestHeight: 1n,
    version: NODE_VERSION,
  }
}

function decodeStatus(bytes: Uint8Array) {
  return decode(StatusBody, bytes)
}

export function hearStatus(node: NodeState, turn: Turn, peer: PeerId, bytes: Uint8Array): void {
  const status = attempt(() => decodeStatus(bytes))
  if ('refused' in status) {
    say(turn, { kind: 'report', peer, blame: 'mid', code: status.refused.code })
    return
  }
  const { headHeight, earliestHeight } = status.value
  toSync(node, turn, { kind: 'status-heard', peer, headHeight, earliestHeight })
}

function requestBlocks(
  node: NodeState,
  turn: Turn,
  effect: Extract<SyncEffect, { kind: 'request' }>,
): void {
  const bytes = encode(BlocksByRangeBody, { from: effect.from, count: effect.count })
  request(turn, effect.peer, 'blocks-by-range', bytes, (later, answer) => {
    toSync(
      node,
      later,
      answer.kind === 'answer'
        ? { kind: 'blocks-answered', request: effect.request, blocks: answer.chunks }
        : { kind: 'request-failed', request: effect.request, reason: reasonOf(answer) },
    )
  })
}

/** Takes the next block of those that sync delivered, if it is the one after our head. */
function applyNext(node: NodeState, turn: Turn): void {
  if (node.applying || node.syncing || !node.ready) return
  const bytes = node.synced.shift()
  if (bytes === undefined) return
  takeBlock(node, turn, bytes)
}

/** A block with its commit, from a peer: checked, executed, committed. */
function takeBlock(node: NodeState, turn: Turn, bytes: Uint8Array): void {
  const height = node.ledger.head.height + 1n
  const decoded = attempt(() => decode(StoredBlockCodec, bytes))
  if ('refused' in decoded) {
    refuseBlock(node, turn, height, decoded.refused.code)
    return
  }
  const synced = decoded.value
  if (synced.commit.height !== height) {
    applyNext(node, turn)
    return
  }
  const certificate = certificateOf(synced.commit)
  const set = validatorSet(validatorsAt(node.ledger.state, height))
  const unsound = judgeCertificate(certificate, set)
  if (unsound !== undefined) {
    refuseBlock(node, turn, height, unsound.code)
    return
  }
  node.syncing = true
  const batch = certificateChecks(certificate, set, node.ledger.genesisHash)
  ask(turn, { kind: 'check', batch, rule: 'block' }, (later, { valid }) => {
    node.syncing = false
    if (!valid.every((each) => each)) refuseBlock(node, later, height, 'certificate_signature')
    else adopt(node, later, synced, certificate)
  })
}

function adopt(
  node: NodeState,
  turn: Turn,
  { block }: StoredBlock,
  certificate: QuorumCertificate,
): void {
  if (node.applying || certificate.height !== node.ledger.head.height + 1n) return
  node.syncing = true
  const bytes = encode(BlockCodec, block)
  examine(node, turn, { value: certificate.value, bytes, rule: 'block' }, (later, outcome) => {
    node.syncing = false
    if (node.applying || certificate.height !== node.ledger.head.height + 1n) return
    if ('refused' in outcome) {
      tell(later, { kind: 'alarm', code: outcome.refused.code, facts: outcome.refused.facts })
      refuseBlock(node, later, certificate.height, outcome.refused.code)
      return
    }
    toConsensus(node, later, { kind: 'decided-elsewhere', certificate: checked(certificate) })
    const sinceMs = node.bodies.sinceMs(certificate.value)
    commit(node, later, { ...outcome, bytes, certificate, sinceMs })
  })
}

function refuseBlock(node: NodeState, turn: Turn, height: bigint, code: string): void {
  node.synced.length = 0
  toSync(node, turn, { kind: 'block-refused', height, code })
}

/** A quorum has committed a block whose body this node lacks. */
export function fetchDecided(node: NodeState, turn: Turn, { height }: QuorumCertificate): void {
  const bytes = encode(BlocksByRangeBody, { from: height, count: 1 })
  for (const peer of node.peers.slice(0, REPAIR_PEERS)) {
    request(turn, peer, 'blocks-by-range', bytes, (later, answer) => {
      const [chunk] = answer.kind === 'answer' ? answer.chunks : []
      const wanted = height === node.ledger.head.height + 1n && !node.applying && !node.syncing
      if (chunk !== undefined && wanted) takeBlock(node, later, chunk)
    })
  }
}

export interface Repair {
  readonly topic: Topic
  readonly bytes: Uint8Array
}

/** A height does not end: a few peers are given what we have and asked for what they have. */
export function repair(
  node: NodeState,
  turn: Turn,
  { height, round, messages }: { height: bigint; round: number; messages: readonly Repair[] },
): void {
  const wanted = encode(VotesBody, { height, round })
  push(node, turn, messages)
  for (const peer of rotated(node, turn).slice(0, REPAIR_PEERS)) {
    request(turn, peer, 'votes', wanted, (later, answer) => {
      if (answer.kind !== 'answer') return
      for (const chunk of answer.chunks) hearRepair(node, later, peer, chunk)
    })
    askStatus(node, turn, peer)
  }
}

/** Hands objects to a few peers by stream. */
export function push(node: NodeState, turn: Turn, messages: readonly Repair[]): void {
  const items = messages.slice(0, PUSH_ITEMS_MAX).map(({ topic, bytes }) => ({
    topic: TOPICS.indexOf(topic),
    bytes,
  }))
  if (items.length === 0) return
  const bytes = encode(PushBody, items)
  for (const peer of rotated(node, turn).slice(0, REPAIR_PEERS)) {
    request(turn, peer, 'push', bytes, () => {})
  }
}

/** A different few each time. */
function rotated({ peers }: NodeState, turn: Turn): PeerId[] {
  if (peers.length === 0) return []
  const from = Math.floor(turn.at.monotonicMs) % peers.length
  return [...peers.slice(from), ...peers.slice(0, from)]
}

function hearRepair(node: NodeState, turn: Turn, peer: PeerId, chunk: Uint8Array): void {
  const body = chunk.subarray(1)
  if (chunk[0] === REPAIR_KINDS.vote) onPushed(node, turn, 'consensus-votes', body, peer)
  if (chunk[0] === REPAIR_KINDS.proposal) onPushed(node, turn, 'consensus-proposals', body, peer)
  if (chunk[0] === REPAIR_KINDS.certificate) hearCertificate(node, turn, peer, body)
}

function hearCertificate(node: NodeState, turn: Turn, peer: PeerId, bytes: Uint8Array): void {
  const decoded = attempt((): Certificate => decodeCertificate(bytes))
  const height = node.ledger.head.height + 1n
  if ('refused' in decoded) {
    say(turn, { kind: 'report', peer, blame: 'mid', code: decoded.refused.code })
    return
  }
  const certificate = decoded.value
  if (certificate.height !== height) return
  const set = validatorSet(validatorsAt(node.ledger.state, height))
  if (judgeCertificate(certificate, set) !== undefined) return
  const batch = certificateChecks(certificate, set, node.ledger.genesisHash)
  ask(turn, { kind: 'check', batch, rule: 'gossip' }, (later, { valid }) => {
    if (valid.every((each) => each)) {
      toConsensus(node, later, { kind: 'certificate', certificate: checked(certificate) })
    } else say(later, { kind: 'report', peer, blame: 'fatal', code: 'certificate_signature' })
  })
}

function request(
  turn: Turn,
  peer: PeerId,
  protocol: 'status' | 'blocks-by-range' | 'votes' | 'push',
  bytes: Uint8Array,
  then: (turn: Turn, answer: Answer) => void,
): void {
  ask(
    turn,
    { kind: 'request', peer, protocol, bytes, deadlineMs: REQUEST_DEADLINE_MS },
    (later, { answer }) => then(later, answer),
  )
}

function reasonOf(answer: Exclude<Answer, { kind: 'answer' }>): string {
  return answer.kind === 'refused' ? answer.refusal.code : answer.reason
}
