/**
 * One step in progress: gathers effects and journal entries, keeps timers, holds back what a replay
 * must not repeat.
 */

import { assert } from '../base/assert.ts'
import type { Refusal } from '../base/refusal.ts'
import { type DurationMs, durationMs, type TimeMs } from '../base/time.ts'
import type { ConsensusEffect, ConsensusFact, Timeouts, Timer } from './events.ts'
import type { ConsensusState, HeightState } from './state.ts'
import type { Height, Round } from './types.ts'
import type { WalEntry } from './wal.ts'

/** Timeouts grow with the round up to here. */
const TIMEOUT_ROUNDS_MAX = 100

export class Context {
  readonly state: ConsensusState
  readonly at: TimeMs
  /** Inputs come from the log: what they called for has been done or is called for at the end. */
  replaying = false
  // Most steps take one vote, log it and do nothing else: lists are made when they are needed.
  #effects: ConsensusEffect[] | undefined
  #entries: WalEntry[] | undefined

  constructor(state: ConsensusState, at: TimeMs) {
    this.state = state
    this.at = at
  }

  get current(): HeightState {
    const { current } = this.state
    assert(current !== undefined, 'a height is in progress')
    return current
  }

  get height(): Height {
    return this.current.setup.height
  }

  /** The journal sequence that covers all that was logged up to now. */
  get sequence(): number {
    return this.state.journalSequence + (this.#entries === undefined ? 0 : 1)
  }

  log(entry: WalEntry): void {
    if (this.replaying) return
    if (this.#entries === undefined) this.#entries = [entry]
    else this.#entries.push(entry)
  }

  perform(effect: ConsensusEffect): void {
    if (this.replaying && !outlivesReplay(effect)) return
    if (this.#effects === undefined) this.#effects = [effect]
    else this.#effects.push(effect)
  }

  fact(fact: ConsensusFact): void {
    this.perform({ kind: 'fact', fact })
  }

  drop(refusal: Refusal): void {
    this.fact({ kind: 'message-dropped', refusal })
  }

  /** Sets a timer once; a rule that holds twice does not put off its timeout. */
  setTimer(timer: Timer, delay?: DurationMs): void {
    const { timers, setup } = this.current
    const key = timerKey(timer)
    if (timers.has(key)) return
    timers.set(key, timer)
    this.perform({
      kind: 'set-timer',
      timer,
      delay: delay ?? timerDelay(timer.kind, timer.round, setup.timeouts),
    })
  }

  /** True when the timer was set and is now spent. */
  elapsed(timer: Timer): boolean {
    return this.current.timers.delete(timerKey(timer))
  }

  clearTimer(timer: Timer): void {
    if (this.elapsed(timer)) this.perform({ kind: 'clear-timer', timer })
  }

  clearTimers(which: (timer: Timer) => boolean): void {
    for (const timer of Array.from(this.current.timers.values())) {
      if (which(timer)) this.clearTimer(timer)
    }
  }

  /** The effects of the step. A reset of the log stands before the entries of its new height. */
  close(): ConsensusEffect[] {
    const effects = this.#effects
    const entries = this.#entries
    if (entries === undefined) return effects ?? []
    this.state.journalSequence += 1
    const journal: ConsensusEffect = {
      kind: 'journal',
      height: this.height,
      sequence: this.state.journalSequence,
      entries,
    }
    if (effects === undefined) return [journal]
    const resets = effects.filter((effect) => effect.kind === 'journal-reset')
    const others = effects.filter((effect) => effect.kind !== 'journal-reset')
    return [...resets, journal, ...others]
  }
}

function outlivesReplay(effect: ConsensusEffect): boolean {
  return effect.kind === 'decided' || effect.kind === 'want-block' || effect.kind === 'evidence'
}

function timerKey({ kind, round }: Timer): string {
  return `${kind} ${round}`
}

export function timerDelay(kind: Timer['kind'], round: Round, timeouts: Timeouts): DurationMs {
  const rounds = Math.min(round, TIMEOUT_ROUNDS_MAX)
  switch (kind) {
    case 'propose':
      return durationMs(timeouts.proposeMs + rounds * timeouts.proposeStepMs)
    case 'prevote':
      return durationMs(timeouts.prevoteMs + rounds * timeouts.prevoteStepMs)
    case 'precommit':
      return durationMs(timeouts.precommitMs + rounds * timeouts.precommitStepMs)
    case 'rebroadcast':
      return durationMs(timeouts.rebroadcastMs)
    case 'start':
      return durationMs(0)
  }
}
