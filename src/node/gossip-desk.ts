/**
 * What peers and clients bring in: judged at a gate, checked, then handed to who it is for.
 *
 *   gossip    -> intake -> checks -> verdict, pool or consensus
 *   submitted -> the same gate -> pool, published
 *   pushed    -> the same gate, no verdict owed: it did not come by the mesh
 */

import { assert, unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { checked } from '../base/checked.ts'
import { encode } from '../base/codec.ts'
import { admitProposal, admitVote } from '../consensus/admit.ts'
import type { ConsensusState } from '../consensus/state.ts'
import type { ProposalMessage } from '../consensus/types.ts'
import { admitObject } from '../ledger/admit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  type Envelope,
  EnvelopeCodec,
  OBJECT_KIND_BYTES,
  type ObjectKind,
} from '../ledger/types/envelope.ts'
import type { LedgerTopic } from '../p2p/gate/ledger-gate.ts'
import type { GatedObject } from '../p2p/gate/types.ts'
import { type Decision, Intake } from '../p2p/intake.ts'
import type { Topic, Verdict } from '../runtime/ports.ts'
import { judgeWhole } from './chain-desk.ts'
import { toConsensus } from './consensus-desk.ts'
import type { NodeEvent, SubmitOutcome, Token } from './events.ts'
import { onWork } from './height-desk.ts'
import type { NodeState } from './state.ts'
import { ask, say, type Turn, tell } from './turn.ts'

/** Messages gated in one turn, so that no turn grows long. */
const GATED_PER_TURN = 64

/** Where an object came from, which decides who is told the outcome. */
export type Origin =
  | { readonly kind: 'mesh'; readonly message: Token }
  | { readonly kind: 'client'; readonly submission: Token }
  | { readonly kind: 'own' }
  | { readonly kind: 'stream' }

export const TOPIC_OF_KIND: Readonly<Record<ObjectKind, LedgerTopic>> = {
  transaction: 'transactions',
  offer: 'job-offers',
  'cancel-offer': 'job-offers',
  receipt: 'receipts',
  'proof-announce': 'receipts',
  'attestation-batch': 'attestations',
  evidence: 'slashing-evidence',
}
export const PUMP_TIMER = 'pump'

export function onGossip(
  node: NodeState,
  turn: Turn,
  event: Extract<NodeEvent, { kind: 'gossip' }>,
): void {
  const { topic, bytes, from } = event
  const token = openToken(node, { kind: 'mesh', message: event.message })
  take(node, turn, node.intake.arrive({ topic, bytes, from, token }, node.ledger.head.height))
  pump(node, turn)
}

/** An object by stream from a peer that found it overdue. */
export function onPushed(
  node: NodeState,
  turn: Turn,
  topic: Topic,
  bytes: Uint8Array,
  from: string,
): void {
  const token = openToken(node, { kind: 'stream' })
  take(node, turn, node.intake.arrive({ topic, bytes, from, token }, node.ledger.head.height))
  pump(node, turn)
}

export function onSubmitted(
  node: NodeState,
  turn: Turn,
  event: Extract<NodeEvent, { kind: 'submitted' }>,
): void {
  const token = openToken(node, { kind: 'client', submission: event.submission })
  const topic = topicOf(event.bytes)
  const entry = { topic, bytes: event.bytes, from: 'client', token }
  take(node, turn, node.intake.arrive(entry, node.ledger.head.height))
  pump(node, turn)
}

/** An object this node signed itself: pooled and published as a client's would be. */
export function offerOwn(node: NodeState, turn: Turn, kind: ObjectKind, envelope: Envelope): void {
  const token = openToken(node, { kind: 'own' })
  const bytes = encode(EnvelopeCodec, envelope)
  const entry = { topic: TOPIC_OF_KIND[kind], bytes, from: 'self', token }
  take(node, turn, node.intake.arrive(entry, node.ledger.head.height))
  pump(node, turn)
}

/** What was parked is gated again: a block was committed, or a proposal accepted. */
export function releaseParked(node: NodeState, turn: Turn): void {
  take(node, turn, node.intake.committed(node.ledger.head.height))
  pump(node, turn)
}

/** Gates some of what waits, and comes back for the rest in another turn. */
export function pump(node: NodeState, turn: Turn): void {
  take(node, turn, node.intake.next(GATED_PER_TURN, node.ledger.head.height))
  if (node.intake.waiting > 0) say(turn, { kind: 'set-timer', id: PUMP_TIMER, delayMs: 0 })
}

function take(node: NodeState, turn: Turn, decisions: readonly Decision[]): void {
  for (const decision of decisions) {
    if (decision.kind === 'check') examine(node, turn, decision)
    else {
      tell(turn, {
        kind: 'message-refused',
        topic: decision.topic,
        from: decision.from,
        refusal: decision.refusal,
        verdict: decision.kind,
      })
      answer(node, turn, decision.token, decision.kind, { refusal: decision.refusal })
    }
  }
}

function examine(
  node: NodeState,
  turn: Turn,
  decision: Extract<Decision, { kind: 'check' }>,
): void {
  const { token, checks, object, topic, from } = decision
  ask(turn, { kind: 'check', batch: checks, rule: 'gossip' }, (later, { valid }) => {
    if (!valid.every((each) => each)) {
      node.intake.settle(token, false)
      const refusal = { code: 'signature_invalid', facts: { topic } }
      tell(later, { kind: 'message-refused', topic, from, refusal, verdict: 'reject' })
      answer(node, later, token, 'reject', { refusal })
      return
    }
    admit(node, later, token, object)
  })
}

function admit(node: NodeState, turn: Turn, token: Token, object: GatedObject): void {
  switch (object.kind) {
    case 'ledger': {
      const id = toHex(object.id)
      const refusal = node.pool.add(node.ledger, object.envelope, isOwn(node, token))
      // What the pool had no room for may come again.
      node.intake.settle(token, refusal === undefined)
      if (refusal !== undefined) {
        tell(turn, { kind: 'object-dropped', id, refusal })
        answer(node, turn, token, 'ignore', { refusal })
        return
      }
      tell(turn, { kind: 'object-pooled', object: object.objectKind, id })
      answer(node, turn, token, 'accept', { id }, object)
      onWork(node, turn)
      return
    }
    case 'vote':
      node.intake.settle(token, true)
      answer(node, turn, token, 'accept', { id: '' })
      toConsensus(node, turn, { kind: 'vote', vote: checked(object.vote) })
      return
    case 'proposal-message':
      node.intake.settle(token, true)
      answer(node, turn, token, 'accept', { id: '' })
      onProposalMessage(node, turn, object.message)
      return
    default:
      unreachable(object)
  }
}

function onProposalMessage(node: NodeState, turn: Turn, message: ProposalMessage): void {
  if (message.kind === 'proposal') {
    toConsensus(node, turn, { kind: 'proposal', proposal: checked(message.proposal) })
    // Its parts overtake it while its signature is checked, and have been waiting for it.
    releaseParked(node, turn)
    return
  }
  const { whole } = node.bodies.add(message.part)
  if (whole !== undefined) judgeWhole(node, turn, message.part.value, whole)
}

/** This node answers for the object: its own, or a client's. */
function isOwn(node: NodeState, token: Token): boolean {
  const origin = node.origins.get(token)
  return origin?.kind === 'own' || origin?.kind === 'client'
}

function openToken(node: NodeState, origin: Origin): Token {
  const token = node.nextOrigin++
  node.origins.set(token, origin)
  return token
}

/** Tells the outcome to whoever waits for it; an accepted object of a client or our own goes out. */
function answer(
  node: NodeState,
  turn: Turn,
  token: Token,
  verdict: Verdict,
  outcome: SubmitOutcome,
  object?: Extract<GatedObject, { kind: 'ledger' }>,
): void {
  const origin = node.origins.get(token)
  assert(origin !== undefined, 'each message taken in is answered once')
  node.origins.delete(token)
  if (origin.kind === 'mesh') {
    say(turn, { kind: 'verdict', message: origin.message, verdict })
    return
  }
  if (origin.kind === 'client') {
    say(turn, { kind: 'answer-submit', submission: origin.submission, outcome })
  }
  if (origin.kind !== 'stream' && object !== undefined) publish(turn, object)
}

function publish(
  turn: Turn,
  { objectKind, envelope, id }: Extract<GatedObject, { kind: 'ledger' }>,
): void {
  say(turn, {
    kind: 'publish',
    topic: TOPIC_OF_KIND[objectKind],
    bytes: encode(EnvelopeCodec, envelope),
    manner: objectKind === 'evidence' ? 'flood' : 'mesh',
    says: toHex(id),
  })
}

/** The topic of an envelope by its kind byte; the gate judges the rest. */
function topicOf(bytes: Uint8Array): LedgerTopic {
  const kinds = Object.entries(OBJECT_KIND_BYTES) as [ObjectKind, number][]
  const kind = kinds.find(([, byte]) => byte === bytes[0])?.[0]
  return TOPIC_OF_KIND[kind ?? 'transaction']
}

/** What the gates ask of the cores below. */
export function createIntake(ledger: Ledger, consensus: ConsensusState): Intake {
  return new Intake({
    genesisHash: ledger.genesisHash,
    admitObject: (envelope) => admitObject(ledger, envelope),
    admitVote: (vote) => admitVote(consensus, vote),
    admitProposal: (message) => admitProposal(consensus, message),
  })
}
