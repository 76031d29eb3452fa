/**
 * Heights: when the next one begins, and what happens once a block is durable.
 *
 * While any window is open or objects wait, a block is due each interval; otherwise the chain waits
 * for the heartbeat (protocol.md §1, Pace). Work that comes up in between calls for a block at once.
 */

import { assert } from '../base/assert.ts'
import { fromHex } from '../base/bytes.ts'
import { timeMs } from '../base/time.ts'
import { commitOf } from '../consensus/certificate.ts'
import type { Timeouts } from '../consensus/events.ts'
import type { GuardRecord } from '../consensus/sign-guard.ts'
import { commitCertificate } from '../consensus/state.ts'
import type { WalEntry } from '../consensus/wal.ts'
import type { Params } from '../governance/params.ts'
import { windowsOpen } from '../ledger/duties.ts'
import type { Block } from '../ledger/types/block.ts'
import { indexOf, validatorSet } from '../ledger/types/validator-set.ts'
import { prioritiesAt, validatorsAt } from '../ledger/validators.ts'
import { toConsensus } from './consensus-desk.ts'
import { releaseParked } from './gossip-desk.ts'
import { onProviderBlock } from './provider-desk.ts'
import type { NodeState } from './state.ts'
import { onHeadMoved } from './sync-desk.ts'
import { say, type Turn } from './turn.ts'
import { onValidatorBlock } from './validator-desk.ts'

export const DUE_TIMER = 'due'
/** Rebroadcast after this many times the sum of a round's timeouts. */
const REBROADCAST_ROUNDS = 1

/** A block is durable: everything that follows from it. */
export function afterCommit(node: NodeState, turn: Turn, block: Block): void {
  assert(block.header.height === node.ledger.head.height, 'the head is what was committed')
  node.pool.committed(node.ledger, block)
  takeLatePrecommits(node)
  onHeadMoved(node, turn)
  startHeight(node, turn, [], [])
  releaseParked(node, turn)
  onValidatorBlock(node, turn)
  onProviderBlock(node, turn)
}

/**
 * Precommits that came after the decision stand in the next block too: who was a little late has
 * signed all the same, and is not counted as missing.
 */
function takeLatePrecommits({ consensus, ledger }: NodeState): void {
  const { current } = consensus
  if (current?.decision === undefined || current.setup.height !== ledger.head.height) return
  const full = commitCertificate(current, current.decision.round)
  if (full?.value !== current.decision.value) return
  ledger.head = { ...ledger.head, commit: commitOf(full) }
}

/** Begins the height after the head; `replay` and `signed` are what a restart takes up. */
export function startHeight(
  node: NodeState,
  turn: Turn,
  replay: readonly WalEntry[],
  signed: readonly GuardRecord[],
): void {
  const { ledger, identity } = node
  const height = ledger.head.height + 1n
  const validators = validatorSet(validatorsAt(ledger.state, height))
  const next = validatorSet(validatorsAt(ledger.state, height + 1n))
  toConsensus(node, turn, {
    kind: 'start-height',
    setup: {
      height,
      validators,
      priorities: prioritiesAt(ledger.state, height),
      next: { validators: next, priorities: prioritiesAt(ledger.state, height + 1n) },
      self:
        identity.account === undefined || identity.vrfProve === undefined
          ? undefined
          : indexOf(validators, fromHex(identity.account)),
      timeouts: timeoutsOf(ledger.params),
      minimumStartAtMs: timeMs(Number(startAtMs(node))),
    },
    replay,
    signed,
  })
}

/** Work has come up: the block need not wait for the heartbeat. */
export function onWork(node: NodeState, turn: Turn): void {
  if (node.applying || !node.ready) return
  const waitMs = earliestMs(node) - BigInt(turn.at.wallMs)
  if (waitMs > 0n) {
    say(turn, { kind: 'set-timer', id: DUE_TIMER, delayMs: Number(waitMs) })
    return
  }
  toConsensus(node, turn, { kind: 'due', height: node.ledger.head.height + 1n })
}

/** The interval after the last block is over, and work was waiting. */
export function onDueTimer(node: NodeState, turn: Turn): void {
  if (hasWork(node)) onWork(node, turn)
}

function hasWork(node: NodeState): boolean {
  const { ledger, pool } = node
  return pool.size > 0 || windowsOpen(ledger.state, ledger.head.height + 1n)
}

function earliestMs({ ledger }: NodeState): bigint {
  return ledger.head.timeMs + ledger.params.min_block_interval_ms
}

function startAtMs(node: NodeState): bigint {
  const { head, params } = node.ledger
  return hasWork(node) ? earliestMs(node) : head.timeMs + params.heartbeat_ms
}

export function timeoutsOf(params: Params): Timeouts {
  const proposeMs = Number(params.propose_timeout_ms)
  const voteMs = Number(params.vote_timeout_ms)
  const voteStepMs = Number(params.vote_timeout_step_ms)
  return {
    proposeMs,
    proposeStepMs: Number(params.propose_timeout_step_ms),
    prevoteMs: voteMs,
    prevoteStepMs: voteStepMs,
    precommitMs: voteMs,
    precommitStepMs: voteStepMs,
    rebroadcastMs: REBROADCAST_ROUNDS * (proposeMs + 2 * voteMs),
  }
}
