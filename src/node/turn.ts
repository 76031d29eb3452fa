/**
 * One turn of the engine: the state, the instant, and the effects gathered so far.
 *
 * `ask` pairs an effect that is slow with what happens when it completes. Continuations live in
 * memory only: after a restart every duty is found again from the ledger's state.
 */

import { assert } from '../base/assert.ts'
import type { Instant } from './driver.ts'
import type { NodeEffect, NodeEvent, NodeFact, Token } from './events.ts'

export type Continuation = (turn: Turn, event: NodeEvent) => void

/** Slow things under way at once; beyond it something leaks. */
export const WAITING_MAX = 65_536

export interface Turn {
  readonly at: Instant
  readonly effects: NodeEffect[]
  readonly waiting: Waiting
}

export class Waiting {
  readonly #open = new Map<Token, Continuation>()
  #next = 0

  open(then: Continuation): Token {
    assert(this.#open.size < WAITING_MAX, 'what is under way is bounded')
    const token = this.#next++
    this.#open.set(token, then)
    return token
  }

  take(token: Token): Continuation {
    const then = this.#open.get(token)
    assert(then !== undefined, 'each thing under way completes once')
    this.#open.delete(token)
    return then
  }
}

type Slow = Extract<NodeEffect, { readonly token: Token }>
type WithoutToken<Effect> = Effect extends Slow ? Omit<Effect, 'token'> : never

/** What completes each slow effect. */
interface Completions {
  check: 'checked'
  sign: 'signed'
  persist: 'persisted'
  journal: 'journalled'
  'replace-journal': 'journalled'
  load: 'loaded'
  request: 'answered'
  fetch: 'fetched'
  verify: 'verified'
  run: 'ran'
}
type Completion<Kind extends keyof Completions> = Extract<
  NodeEvent,
  { readonly kind: Completions[Kind] }
>

/** Emits a slow effect; `then` runs in the turn of its completion. */
export function ask<Kind extends keyof Completions>(
  turn: Turn,
  effect: WithoutToken<Extract<Slow, { readonly kind: Kind }>> & { readonly kind: Kind },
  then: (turn: Turn, event: Completion<Kind>) => void,
): void {
  const token = turn.waiting.open((later, event) => then(later, event as Completion<Kind>))
  turn.effects.push({ ...effect, token })
}

export function say(turn: Turn, effect: Exclude<NodeEffect, Slow>): void {
  turn.effects.push(effect)
}

export function tell(turn: Turn, fact: NodeFact): void {
  turn.effects.push({ kind: 'fact', fact })
}
