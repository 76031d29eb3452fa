/**
 * The round machine of one validator at one height: what it locks, what it says, when it decides.
 *
 *   none -> propose -> prevote -> precommit -> commit
 *    \________ unstarted <__________/
 *              (next round)
 *
 * Inputs are conditions that already hold (a quorum was seen, a value was judged); the driver finds
 * them. The machine is a pure function of state and input. An input whose own guard fails is
 * refused and changes nothing.
 *
 * Invariants
 *   - A round is entered at most once, and rounds only grow.
 *   - A lock is taken only together with the precommit that it explains.
 *   - With `accountable`, a prevote carries the valid round of the proposal it answers, so that
 *     amnesia can be proved from two certificates.
 *
 * Source: arXiv 1807.04938, algorithm 1 (line numbers below); the accountable variant changes
 * lines 22-32 and 36 (circlefin/malachite specs/consensus/accountable-tm). Protocol.md §3.
 */

import { assert, unreachable } from '../base/assert.ts'
import type { VoteType } from '../ledger/types/vote.ts'
import type { Height, Round, ValueId } from './types.ts'

export type CoreStep = 'none' | 'unstarted' | 'propose' | 'prevote' | 'precommit' | 'commit'
export type TimeoutKind = 'propose' | 'prevote' | 'precommit'

export interface CoreState {
  readonly height: Height
  /** -1 before the first round. */
  readonly round: Round
  readonly step: CoreStep
  readonly lockedRound: Round
  readonly lockedValue: ValueId | null
  readonly validRound: Round
  readonly validValue: ValueId | null
}

export type CoreInput =
  | { readonly kind: 'new-round'; readonly round: Round }
  | { readonly kind: 'new-round-proposer'; readonly round: Round }
  | { readonly kind: 'propose-value'; readonly value: ValueId }
  | { readonly kind: 'proposal'; readonly round: Round; readonly value: ValueId | null }
  | {
      readonly kind: 'proposal-and-polka-previous'
      readonly value: ValueId | null
      readonly validRound: Round
    }
  | { readonly kind: 'proposal-invalid' }
  | { readonly kind: 'proposal-invalid-and-polka'; readonly validRound: Round }
  | { readonly kind: 'polka-nil' }
  | { readonly kind: 'polka-any' }
  | { readonly kind: 'proposal-and-polka'; readonly value: ValueId | null }
  | { readonly kind: 'precommit-any' }
  | { readonly kind: 'proposal-and-commit'; readonly round: Round; readonly value: ValueId }
  | { readonly kind: 'round-skip'; readonly round: Round }
  | {
      readonly kind: 'timeout'
      readonly timeout: TimeoutKind
      readonly height: Height
      readonly round: Round
    }

export type CoreOutput =
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly property: string }
  | {
      readonly kind: 'proposal'
      readonly height: Height
      readonly round: Round
      readonly value: ValueId
      readonly validRound: Round
    }
  | { readonly kind: 'get-value'; readonly height: Height; readonly round: Round }
  | {
      readonly kind: 'vote'
      readonly type: VoteType
      readonly height: Height
      readonly round: Round
      readonly value: ValueId | null
      readonly validRound: Round
    }
  | { readonly kind: 'timeout'; readonly round: Round; readonly timeout: TimeoutKind }
  | { readonly kind: 'decided'; readonly round: Round; readonly value: ValueId }
  | { readonly kind: 'skip-round'; readonly round: Round }

export interface CoreResult {
  readonly state: CoreState
  readonly output: CoreOutput
}

export function newCore(height: Height): CoreState {
  return {
    height,
    round: -1,
    step: 'none',
    lockedRound: -1,
    lockedValue: null,
    validRound: -1,
    validValue: null,
  }
}

/** One input. `accountable` false gives the paper's prevotes, which carry no valid round. */
export function core(state: CoreState, input: CoreInput, accountable: boolean): CoreResult {
  switch (input.kind) {
    case 'new-round':
    case 'new-round-proposer':
      return startRound(state, input)
    case 'propose-value':
      return propose(state, input.value)
    case 'proposal':
      return onProposal(state, input.value)
    case 'proposal-and-polka-previous':
      return onProposalWithPolka(state, input.value, input.validRound, accountable)
    case 'proposal-invalid':
      // Line 26: a value that is not valid gets nil.
      return state.step === 'propose' ? prevote(state, null, -1) : refused(state, 'step is propose')
    case 'proposal-invalid-and-polka':
      // Line 32 when valid(v) is false. The driver asks only in step propose.
      return prevote(state, null, accountable ? input.validRound : -1)
    case 'polka-any':
      // Line 34.
      if (state.step !== 'prevote') return refused(state, 'step is prevote')
      return { state, output: { kind: 'timeout', round: state.round, timeout: 'prevote' } }
    case 'proposal-and-polka':
      return onPolka(state, input.value)
    case 'polka-nil':
      // Line 44.
      return state.step === 'prevote' ? precommit(state, null) : refused(state, 'step is prevote')
    case 'precommit-any':
      // Line 47.
      return { state, output: { kind: 'timeout', round: state.round, timeout: 'precommit' } }
    case 'proposal-and-commit':
      return decide(state, input.round, input.value)
    case 'round-skip':
      // Line 55.
      if (input.round <= state.round) return refused(state, 'the round is ahead')
      return skipTo(state, input.round)
    case 'timeout':
      return onTimeout(state, input.timeout, input.height, input.round)
    default:
      return unreachable(input)
  }
}

/** Lines 11-21. */
function startRound(
  state: CoreState,
  input: { readonly kind: 'new-round' | 'new-round-proposer'; readonly round: Round },
): CoreResult {
  if (state.step !== 'none' && state.step !== 'unstarted') return refused(state, 'no round runs')
  if (input.round <= state.round) return refused(state, 'the round is new')
  const started: CoreState = { ...state, round: input.round, step: 'propose' }
  if (input.kind === 'new-round') {
    // Line 21.
    return { state: started, output: { kind: 'timeout', round: input.round, timeout: 'propose' } }
  }
  // Lines 15-18: a value that gathered a polka is proposed again, or one is asked for.
  if (started.validValue !== null) return propose(started, started.validValue)
  return {
    state: started,
    output: { kind: 'get-value', height: state.height, round: input.round },
  }
}

/** Line 19. */
function propose(state: CoreState, value: ValueId): CoreResult {
  return {
    state,
    output: {
      kind: 'proposal',
      height: state.height,
      round: state.round,
      value,
      validRound: state.validRound,
    },
  }
}

/** Lines 22-27. Precondition: the value is valid and of this round. */
function onProposal(state: CoreState, value: ValueId | null): CoreResult {
  if (state.step !== 'propose') return refused(state, 'step is propose')
  // Line 23.
  const free = state.lockedRound === -1 || state.lockedValue === value
  return prevote(state, free ? value : null, -1)
}

/** Lines 28-33. Precondition: the value is valid. */
function onProposalWithPolka(
  state: CoreState,
  value: ValueId | null,
  validRound: Round,
  accountable: boolean,
): CoreResult {
  const due = state.step === 'propose' && validRound >= 0 && validRound < state.round
  if (!due) return refused(state, 'step is propose and the polka is of an earlier round')
  // Line 29.
  const free = state.lockedRound <= validRound || state.lockedValue === value
  return prevote(state, free ? value : null, accountable ? validRound : -1)
}

/** Lines 36-43. Precondition: the value is valid, proposal and polka are of this round. */
function onPolka(state: CoreState, value: ValueId | null): CoreResult {
  if (state.step === 'prevote') {
    const locked: CoreState = {
      ...state,
      lockedRound: state.round,
      lockedValue: value,
      validRound: state.round,
      validValue: value,
    }
    return precommit(locked, value)
  }
  if (state.step === 'precommit') {
    return {
      state: { ...state, validRound: state.round, validValue: value },
      output: { kind: 'none' },
    }
  }
  return refused(state, 'step is prevote or precommit')
}

/** Line 49. The step `commit` is not in the paper; it keeps a height from being decided twice. */
function decide(state: CoreState, round: Round, value: ValueId): CoreResult {
  if (state.step === 'commit') return refused(state, 'the height is undecided')
  return { state: { ...state, step: 'commit' }, output: { kind: 'decided', round, value } }
}

/** Lines 57-67. */
function onTimeout(
  state: CoreState,
  timeout: TimeoutKind,
  height: Height,
  round: Round,
): CoreResult {
  if (height !== state.height || round !== state.round) {
    return refused(state, 'the timeout is of this round')
  }
  switch (timeout) {
    case 'propose':
      return state.step === 'propose' ? prevote(state, null, -1) : refused(state, 'step is propose')
    case 'prevote':
      return state.step === 'prevote' ? precommit(state, null) : refused(state, 'step is prevote')
    case 'precommit':
      return skipTo(state, state.round + 1)
    default:
      return unreachable(timeout)
  }
}

function prevote(state: CoreState, value: ValueId | null, validRound: Round): CoreResult {
  const { height, round } = state
  return {
    state: { ...state, step: 'prevote' },
    output: { kind: 'vote', type: 'prevote', height, round, value, validRound },
  }
}

function precommit(state: CoreState, value: ValueId | null): CoreResult {
  const { height, round } = state
  assert(value === null || state.lockedRound === round, 'a precommit for a value holds its lock')
  return {
    state: { ...state, step: 'precommit' },
    output: { kind: 'vote', type: 'precommit', height, round, value, validRound: -1 },
  }
}

function skipTo(state: CoreState, round: Round): CoreResult {
  return { state: { ...state, step: 'unstarted' }, output: { kind: 'skip-round', round } }
}

function refused(state: CoreState, property: string): CoreResult {
  return { state, output: { kind: 'refused', property } }
}
