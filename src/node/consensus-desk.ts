/**
 * Between the consensus machine and everything else: its events in, its effects carried out.
 *
 * The machine is stepped from a queue, because performing one effect may raise the next event.
 */

import { unreachable } from '../base/assert.ts'
import { timeMs } from '../base/time.ts'
import type { ConsensusEffect, ConsensusEvent, Timer } from '../consensus/events.ts'
import { step } from '../consensus/step.ts'
import { encodeProposalMessage, encodeVote, type Proposal } from '../consensus/types.ts'
import { encodeWalEntry } from '../consensus/wal.ts'
import { buildValue, commitDecided, judgeBody } from './chain-desk.ts'
import { reportMisbehaviour } from './evidence-desk.ts'
import { proposalMessages } from './proposal-messages.ts'
import type { NodeState } from './state.ts'
import { fetchDecided, type Repair, repair } from './sync-desk.ts'
import { ask, say, type Turn, tell } from './turn.ts'

/** Puts an event to the machine and carries out what it asks for. */
export function toConsensus(node: NodeState, turn: Turn, event: ConsensusEvent): void {
  node.consensusQueue.push(event)
  if (node.consensusQueue.length > 1) return
  for (
    let next = node.consensusQueue[0];
    next !== undefined;
    node.consensusQueue.shift(), next = node.consensusQueue[0]
  ) {
    for (const effect of step(node.consensus, next, timeMs(turn.at.wallMs))) {
      perform(node, turn, effect)
    }
  }
}

/** A consensus timer ran out. */
export function onConsensusTimer(node: NodeState, turn: Turn, id: string): void {
  const timer = node.timers.get(id)
  if (timer === undefined) return
  node.timers.delete(id)
  toConsensus(node, turn, { kind: 'timeout', timer })
}

export const CONSENSUS_TIMER_PREFIX = 'consensus/'

function timerId({ kind, height, round }: Timer): string {
  return `${CONSENSUS_TIMER_PREFIX}${kind}/${height}/${round}`
}

function perform(node: NodeState, turn: Turn, effect: ConsensusEffect): void {
  switch (effect.kind) {
    case 'build-value':
      buildValue(node, turn, effect.height, effect.round)
      return
    case 'judge-body':
      judgeBody(node, turn, effect.proposal, effect.fresh)
      return
    case 'sign':
      ask(turn, { kind: 'sign', request: effect.request }, (later, { outcome }) => {
        const { request } = effect
        toConsensus(
          node,
          later,
          outcome.kind === 'signed'
            ? { kind: 'signed', request, signature: outcome.signature }
            : { kind: 'sign-refused', request, refusal: outcome.refusal },
        )
      })
      return
    case 'publish-vote':
      say(turn, {
        kind: 'publish',
        topic: 'consensus-votes',
        bytes: encodeVote(effect.vote),
        manner: 'mesh',
        says: '',
      })
      return
    case 'publish-proposal':
      publishProposal(node, turn, effect.proposal)
      return
    case 'set-timer': {
      const id = timerId(effect.timer)
      node.timers.set(id, effect.timer)
      say(turn, { kind: 'set-timer', id, delayMs: effect.delay })
      return
    }
    case 'clear-timer': {
      const id = timerId(effect.timer)
      if (node.timers.delete(id)) say(turn, { kind: 'clear-timer', id })
      return
    }
    case 'journal':
    case 'journal-reset':
    case 'decided':
    case 'want-block':
    case 'evidence':
    case 'rebroadcast':
    case 'fact':
      performRest(node, turn, effect)
      return
    default:
      unreachable(effect)
  }
}

function performRest(
  node: NodeState,
  turn: Turn,
  effect: Exclude<
    ConsensusEffect,
    {
      kind:
        | 'build-value'
        | 'judge-body'
        | 'sign'
        | 'publish-vote'
        | 'publish-proposal'
        | 'set-timer'
        | 'clear-timer'
    }
  >,
): void {
  switch (effect.kind) {
    case 'journal':
      journal(node, turn, effect)
      return
    case 'journal-reset':
      ask(turn, { kind: 'replace-journal', journal: 'wal', records: [] }, () => {})
      return
    case 'decided':
      commitDecided(node, turn, effect.value, effect.certificate)
      return
    case 'want-block':
      fetchDecided(node, turn, effect.certificate)
      return
    case 'evidence':
      reportMisbehaviour(node, turn, effect.height, effect.evidence)
      return
    case 'rebroadcast':
      repairHeight(node, turn, effect)
      return
    case 'fact':
      if (effect.fact.kind === 'round-entered') {
        tell(turn, { kind: 'round-started', height: effect.fact.height, round: effect.fact.round })
      }
      return
    default:
      unreachable(effect)
  }
}

function journal(
  node: NodeState,
  turn: Turn,
  { height, sequence, entries }: Extract<ConsensusEffect, { kind: 'journal' }>,
): void {
  entries.forEach((entry, index) => {
    const record = encodeWalEntry(height, entry)
    ask(turn, { kind: 'journal', journal: 'wal', record, holds: '' }, (later) => {
      if (index === entries.length - 1) toConsensus(node, later, { kind: 'journalled', sequence })
    })
  })
}

function publishProposal(node: NodeState, turn: Turn, proposal: Proposal): void {
  for (const message of proposalMessages(node, proposal)) {
    say(turn, {
      kind: 'publish',
      topic: 'consensus-proposals',
      bytes: encodeProposalMessage(message),
      manner: 'flood',
      says: proposal.value,
    })
  }
}

function repairHeight(
  node: NodeState,
  turn: Turn,
  { height, round, votes, proposal }: Extract<ConsensusEffect, { kind: 'rebroadcast' }>,
): void {
  const proposals = proposal === undefined ? [] : proposalMessages(node, proposal)
  const messages: Repair[] = [
    ...votes.map((vote) => ({ topic: 'consensus-votes', bytes: encodeVote(vote) }) as const),
    ...proposals.map(
      (message) =>
        ({ topic: 'consensus-proposals', bytes: encodeProposalMessage(message) }) as const,
    ),
  ]
  // Before round 0 begins there is nothing of an earlier round to ask for.
  repair(node, turn, { height, round: Math.max(0, round), messages })
}
