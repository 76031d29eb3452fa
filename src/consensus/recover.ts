/**
 * Begins a height, from nothing or from what a crash left.
 *
 *   log entries -> same inputs, nothing said -> what the guard signed -> lock and place raised
 *     -> what is still due is asked for -> open to the network
 *
 * The log may lack its tail: inputs that came after the last durable entry. The guard's records
 * never do, because nothing left before they were durable. So its precommits restore the lock and
 * its last position the place, and nothing that contradicts them is asked for.
 *
 * Invariant: after recovery the machine's lock is at least as new as its last published precommit.
 */

import { durationMs } from '../base/time.ts'
import { proposer } from '../ledger/types/validator-set.ts'
import type { Context } from './context.ts'
import type { CoreStep } from './core.ts'
import { type DriverInput, newDriver } from './driver.ts'
import type { ConsensusEvent, HeightSetup } from './events.ts'
import { comparePositions, type GuardRecord, positionOf, type SignStep } from './sign-guard.ts'
import type { HeightState } from './state.ts'
import type { Vote } from './types.ts'
import { firstVote } from './vote-keeper.ts'
import type { WalEntry } from './wal.ts'

export interface RecoverHooks {
  readonly replayEntry: (context: Context, entry: WalEntry) => void
  readonly feed: (context: Context, input: DriverInput) => void
  readonly feedVote: (context: Context, vote: Vote) => void
  readonly begin: (context: Context) => void
}

export function openHeight(
  context: Context,
  event: ConsensusEvent & { readonly kind: 'start-height' },
  hooks: RecoverHooks,
): void {
  const { state } = context
  const { setup, replay, signed } = event
  if (state.current !== undefined) context.clearTimers(() => true)
  state.current = newHeight(setup)
  state.phase = 'waiting'
  if (replay.length === 0) context.perform({ kind: 'journal-reset', height: setup.height })
  context.replaying = true
  for (const entry of replay) hooks.replayEntry(context, entry)
  takeUpSigned(context, signed, hooks)
  context.replaying = false
  if (replay.length + signed.length > 0) {
    const counts = { entries: replay.length, signed: signed.length }
    context.fact({ kind: 'recovered', height: setup.height, ...counts })
    askAgain(context)
  }
  if (state.phase === 'waiting') startWhenDue(context, hooks)
  if (!isDecided(context)) {
    context.setTimer({ kind: 'rebroadcast', height: setup.height, round: 0 })
  }
}

function isDecided({ state }: Context): boolean {
  return state.phase === 'decided'
}

function newHeight(setup: HeightSetup): HeightState {
  const { validators, priorities, self, height } = setup
  const proposerAt = (round: number): number => proposer(validators, priorities, round)
  return {
    setup,
    driver: newDriver(height, validators.powers, {
      accountable: true,
      proposerAt,
      proposes: (round) => self !== undefined && proposerAt(round) === self,
    }),
    proposals: new Map(),
    valid: new Set(),
    invalid: new Set(),
    judging: new Map(),
    built: new Map(),
    building: undefined,
    outbox: new Map(),
    timers: new Map(),
    quorums: new Map(),
    reported: new Set(),
    decision: undefined,
  }
}

function startWhenDue(context: Context, { begin }: RecoverHooks): void {
  const { minimumStartAtMs, height } = context.current.setup
  const waitMs = minimumStartAtMs === undefined ? 0 : minimumStartAtMs - context.at
  if (waitMs <= 0) begin(context)
  else context.setTimer({ kind: 'start', height, round: 0 }, durationMs(Math.ceil(waitMs)))
}

/** Raises lock and place to what was signed, and counts the votes among it. */
function takeUpSigned(
  context: Context,
  signed: readonly GuardRecord[],
  { feed, feedVote }: RecoverHooks,
): void {
  const { current, state } = context
  const last = signed[signed.length - 1]
  const { self } = current.setup
  if (last === undefined || self === undefined || state.phase === 'decided') return
  raise(current, signed, last)
  state.phase = 'running'
  if (current.driver.core.step === 'propose') {
    context.setTimer({ kind: 'propose', height: last.height, round: current.driver.core.round })
  }
  for (const [key, pending] of current.outbox) {
    if (comparePositions(positionOf(pending.request), last) <= 0) current.outbox.delete(key)
  }
  for (const record of signed) {
    if (record.step === 'proposal' || isDecided(context)) continue
    const vote = voteOf(record, record.step, self)
    if (firstVote(current.driver.keeper, vote, self) === undefined) {
      feedVote(context, vote)
    }
  }
  if (!isDecided(context)) feed(context, { kind: 'recheck' })
}

function voteOf(record: GuardRecord, type: Vote['type'], validator: number): Vote {
  const { height, round, value, validRound, signature } = record
  return { type, height, round, value, validRound, validator, signature }
}

const STEP_AFTER: Readonly<Record<SignStep, CoreStep>> = {
  proposal: 'propose',
  prevote: 'prevote',
  precommit: 'precommit',
}
const RANK: readonly CoreStep[] = ['none', 'unstarted', 'propose', 'prevote', 'precommit', 'commit']

function raise({ driver }: HeightState, signed: readonly GuardRecord[], last: GuardRecord): void {
  for (const { step, round, value } of signed) {
    if (step === 'precommit' && value !== null && round > driver.core.lockedRound) {
      driver.core = { ...driver.core, lockedRound: round, lockedValue: value }
    }
  }
  const step = STEP_AFTER[last.step]
  const { round, step: before } = driver.core
  const behind = round === last.round && RANK.indexOf(before) < RANK.indexOf(step)
  if (round < last.round || behind) driver.core = { ...driver.core, round: last.round, step }
}

/** What was called for before the crash and has no answer in the log. */
function askAgain(context: Context): void {
  const { current } = context
  const { height } = current.setup
  for (const { request } of current.outbox.values()) context.perform({ kind: 'sign', request })
  const { round, step } = current.driver.core
  if (current.building === round && step === 'propose') {
    context.perform({ kind: 'build-value', height, round })
  }
  for (const { proposal, fresh } of current.judging.values()) {
    context.perform({ kind: 'judge-body', proposal, fresh })
  }
  const timers = [...current.timers.values()]
  current.timers.clear()
  for (const timer of timers) context.setTimer(timer)
}
