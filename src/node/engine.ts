/**
 * The engine: routes events between the cores. One event in, the effects it calls for out.
 *
 *   gossip, submissions --> gates --> pool, consensus
 *   consensus <--> ledger (build, judge, commit)
 *   committed block --> duties (attest, run, report), next height, sync
 *
 * Invariants
 *   - `step` reads no clock, draws no number, awaits nothing. Time comes with the event.
 *   - Cores never call each other; desks turn an effect of one into an event of another.
 */

import { unreachable } from '../base/assert.ts'
import type { GuardRecord } from '../consensus/sign-guard.ts'
import { newConsensus } from '../consensus/state.ts'
import { readWal } from '../consensus/wal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { encodedOf, Mempool } from '../ledger/mempool.ts'
import { createSync } from '../p2p/sync.ts'
import { Bodies } from './bodies.ts'
import { CONSENSUS_TIMER_PREFIX, onConsensusTimer } from './consensus-desk.ts'
import type { Instant, Machine } from './driver.ts'
import type { NodeEffect, NodeEvent } from './events.ts'
import {
  createIntake,
  onGossip,
  onSubmitted,
  PUMP_TIMER,
  pump,
  TOPIC_OF_KIND,
} from './gossip-desk.ts'
import { DUE_TIMER, onDueTimer, startHeight } from './height-desk.ts'
import { onProviderBlock, ProviderDuties, recoverReceipts } from './provider-desk.ts'
import { recoverBodies } from './recover.ts'
import { onAsked } from './serve-desk.ts'
import type { Identity, NodeState } from './state.ts'
import { onPeers, onSyncTimer, push, SYNC_TIMER } from './sync-desk.ts'
import { say, type Turn, Waiting } from './turn.ts'
import { onValidatorBlock, ValidatorDuties } from './validator-desk.ts'

/** What a life begins with: read back before the doors open. */
export interface EngineInput {
  readonly ledger: Ledger
  readonly identity: Identity
  readonly wal: readonly Uint8Array[]
  readonly receipts: readonly Uint8Array[]
  /** What the sign guard has of the height in progress. */
  readonly signed: readonly GuardRecord[]
  /** Bodies of the height in progress, as stored. */
  readonly bodies: readonly Uint8Array[]
  readonly nowMs: number
}

const OVERDUE_TIMER = 'overdue'
const OVERDUE_MS = 1_000

export class Engine implements Machine {
  readonly node: NodeState
  readonly #input: EngineInput

  /** @throws RefusalError when a journal holds what no honest life wrote. */
  constructor(input: EngineInput) {
    this.#input = input
    this.node = newNode(input)
    recoverReceipts(this.node.provider, input.receipts)
  }

  step(event: NodeEvent, at: Instant): NodeEffect[] {
    const turn: Turn = { at, effects: [], waiting: this.node.waiting }
    this.#route(turn, event)
    return turn.effects
  }

  #route(turn: Turn, event: NodeEvent): void {
    const { node } = this
    switch (event.kind) {
      case 'started':
        this.#start(turn)
        return
      case 'gossip':
        onGossip(node, turn, event)
        return
      case 'submitted':
        onSubmitted(node, turn, event)
        return
      case 'asked':
        onAsked(node, turn, event)
        return
      case 'peers':
        onPeers(node, turn, event.peers)
        return
      case 'timer':
        this.#onTimer(turn, event.id)
        return
      case 'checked':
      case 'signed':
      case 'persisted':
      case 'journalled':
      case 'answered':
      case 'loaded':
      case 'fetched':
      case 'verified':
      case 'ran':
        node.waiting.take(event.token)(turn, event)
        return
      default:
        unreachable(event)
    }
  }

  /** Replays what was under way, then opens the height. */
  #start(turn: Turn): void {
    const { node } = this
    const { wal, signed, bodies } = this.#input
    recoverBodies(node, turn, bodies)
    node.ready = true
    startHeight(node, turn, readWal(wal, node.ledger.head.height + 1n), signed)
    say(turn, { kind: 'set-timer', id: SYNC_TIMER, delayMs: 0 })
    say(turn, { kind: 'set-timer', id: OVERDUE_TIMER, delayMs: OVERDUE_MS })
    onValidatorBlock(node, turn)
    onProviderBlock(node, turn)
  }

  #onTimer(turn: Turn, id: string): void {
    const { node } = this
    if (id.startsWith(CONSENSUS_TIMER_PREFIX)) onConsensusTimer(node, turn, id)
    else if (id === SYNC_TIMER) onSyncTimer(node, turn)
    else if (id === DUE_TIMER) onDueTimer(node, turn)
    else if (id === PUMP_TIMER) pump(node, turn)
    else if (id === OVERDUE_TIMER) pushOverdue(node, turn)
  }
}

/** Own objects that no block has taken go to the next proposers by stream (protocol.md §2). */
function pushOverdue(node: NodeState, turn: Turn): void {
  say(turn, { kind: 'set-timer', id: OVERDUE_TIMER, delayMs: OVERDUE_MS })
  const overdue = node.pool.overdue(node.ledger.head.height, node.lastOwn)
  node.lastOwn = node.pool.own()
  push(
    node,
    turn,
    overdue.map((pooled) => ({
      topic: TOPIC_OF_KIND[pooled.opened.kind],
      bytes: encodedOf(pooled),
    })),
  )
}

function newNode({ ledger, identity, nowMs }: EngineInput): NodeState {
  const consensus = newConsensus(ledger.genesisHash)
  return {
    identity,
    ledger,
    consensus,
    consensusQueue: [],
    timers: new Map(),
    pool: new Mempool(),
    intake: createIntake(ledger, consensus),
    sync: createSync(ledger.head.height, nowMs),
    bodies: new Bodies(),
    judging: new Map(),
    synced: [],
    syncing: false,
    validator: new ValidatorDuties(),
    provider: new ProviderDuties(),
    waiting: new Waiting(),
    origins: new Map(),
    nextOrigin: 0,
    peers: [],
    lastOwn: new Set(),
    applying: false,
    ready: false,
  }
}
