/**
 * From a gossip message to its verdict: queue, gate, waiting room and the set of those judged.
 *
 *   arrive -> queue -> next(budget) -> gate -> check --settle(accept)--> relayed, remembered
 *                |                      |-- ignore, reject ------------> answered
 *                `-- no room: ignore    `-- park -> committed(height) -> gate again
 *
 * Pure: the engine owns the verdict callbacks under `token`, asks the verifier for the checks, and
 * settles. Every token that arrives is answered exactly once.
 */

import { assert, unreachable } from '../base/assert.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import type { PeerId, SignatureCheck, Topic } from '../runtime/ports.ts'
import { proposalGate, voteGate } from './gate/consensus-gate.ts'
import { ledgerGate } from './gate/ledger-gate.ts'
import { offerExpiry } from './gate/offer-expiry.ts'
import type { Admitters, GateAnswer, GatedObject } from './gate/types.ts'
import { Parking } from './parking.ts'
import { SeenSet } from './seen-set.ts'
import { type Dropped, type QueueEntry, ValidationQueue } from './validation-queue.ts'

/** Objects out for checking at once; no more are gated until some are settled. */
export const CHECKING_MAX = 4096

export type Decision =
  | {
      readonly kind: 'check'
      readonly token: number
      readonly from: PeerId
      readonly topic: Topic
      readonly object: GatedObject
      readonly checks: readonly SignatureCheck[]
    }
  | {
      readonly kind: 'ignore' | 'reject'
      readonly token: number
      readonly from: PeerId
      readonly topic: Topic
      readonly refusal: Refusal
    }

export class Intake {
  readonly #admitters: Admitters
  readonly #queue = new ValidationQueue()
  readonly #parking = new Parking()
  readonly #seen = new SeenSet()
  /** Objects out for checking, by token: the key to remember them by. */
  readonly #checking = new Map<number, string>()

  constructor(admitters: Admitters) {
    this.#admitters = admitters
  }

  /** Takes a message in; what found no room is answered at once. */
  arrive(entry: QueueEntry, height: bigint): readonly Decision[] {
    const expiryHeight = entry.topic === 'job-offers' ? offerExpiry(entry.bytes) : undefined
    const dated = expiryHeight === undefined ? entry : { ...entry, expiryHeight }
    const late = expired(dated, height)
    const dropped = late === undefined ? this.#queue.push(dated) : { entry, refusal: late }
    return dropped === undefined ? [] : [ignored(dropped)]
  }

  /** Gates at most `budget` messages, the most needed first. */
  next(budget: number, height: bigint): readonly Decision[] {
    const room = Math.min(budget, CHECKING_MAX - this.#checking.size)
    return this.#queue.take(Math.max(0, room)).flatMap((entry) => {
      const late = expired(entry, height)
      return late === undefined
        ? this.#gate(entry, height, height)
        : [ignored({ entry, refusal: late })]
    })
  }

  /** After each commit: what was too early is gated again. */
  committed(height: bigint): readonly Decision[] {
    const { again, expired: late } = this.#parking.release(height)
    return [
      ...late.map(ignored),
      ...again.flatMap(({ entry, sinceHeight }) => this.#gate(entry, height, sinceHeight)),
    ]
  }

  /** The checks of a message are done. Only an accepted object counts as seen. */
  settle(token: number, accepted: boolean): void {
    const key = this.#checking.get(token)
    assert(key !== undefined, 'only what is being checked is settled')
    this.#checking.delete(token)
    if (accepted) this.#seen.add(key)
  }

  /** Remembers an object we made ourselves, so that its echo is a copy. */
  remember(key: string): void {
    this.#seen.add(key)
  }

  get waiting(): number {
    return this.#queue.size
  }

  get parked(): number {
    return this.#parking.size
  }

  #gate(entry: QueueEntry, height: bigint, sinceHeight: bigint): readonly Decision[] {
    const { token, from, topic } = entry
    const answer = this.#ask(entry)
    switch (answer.kind) {
      case 'check':
        this.#checking.set(token, answer.key)
        return [{ kind: 'check', token, from, topic, object: answer.object, checks: answer.checks }]
      case 'ignore':
      case 'reject':
        return [{ kind: answer.kind, token, from, topic, refusal: answer.refusal }]
      case 'park': {
        const full = this.#parking.park(entry, height, sinceHeight)
        return full === undefined ? [] : [{ kind: 'ignore', token, from, topic, refusal: full }]
      }
      default:
        return unreachable(answer)
    }
  }

  #ask({ topic, bytes }: QueueEntry): GateAnswer {
    switch (topic) {
      case 'consensus-votes':
        return voteGate(bytes, this.#admitters, this.#seen)
      case 'consensus-proposals':
        return proposalGate(bytes, this.#admitters, this.#seen)
      case 'slashing-evidence':
      case 'receipts':
      case 'attestations':
      case 'transactions':
      case 'job-offers':
        return ledgerGate(topic, bytes, this.#admitters, this.#seen)
      default:
        return unreachable(topic)
    }
  }
}

function expired({ expiryHeight }: QueueEntry, height: bigint): Refusal | undefined {
  if (expiryHeight === undefined || expiryHeight > height) return undefined
  return refusal('gossip_expired', { expiryHeight, height })
}

function ignored({ entry, refusal }: Dropped): Decision {
  return { kind: 'ignore', token: entry.token, from: entry.from, topic: entry.topic, refusal }
}
