/**
 * Finds which conditions of the paper hold and puts them to the core, one at a time.
 *
 *   proposal, vote, certificate, timeout -> vote keeper -> condition -> core -> output
 *                                              ^______ step change, pending ______|
 *
 * The driver follows the specification's driver step for step, so that its traces can be replayed.
 * `recheck` is ours: it asks every rule afresh, for conditions that came true in a step that could
 * not use them. The host (`step.ts`) applies it until nothing more is due.
 *
 * Invariants
 *   - A condition is put to the core once for each (round, step).
 *   - Only valid proposals of the right proposer are kept.
 *
 * Source: circlefin/malachite specs/consensus/quint/driver.qnt; arXiv 1807.04938 lines 11-67.
 */

import { unreachable } from '../base/assert.ts'
import type { TimeoutKind } from './core.ts'
import { type CoreInput, type CoreOutput, type CoreState, core, newCore } from './core.ts'
import type { Height, Round, ValueId, Vote } from './types.ts'
import {
  applyCertificate,
  applyVote,
  hasQuorumFor,
  hasQuorumOfAny,
  isSkip,
  isUniformQuorum,
  type KeeperOutput,
  type KeeperResult,
  newVoteKeeper,
  polkasFor,
  type VoteKeeper,
} from './vote-keeper.ts'

export interface DriverConfig {
  /** Is this node the proposer of `round`, entered from `from`? */
  readonly proposes: (round: Round, from: Round) => boolean
  /** Index of the proposer of `round`. */
  readonly proposerAt: (round: Round) => number
  readonly accountable: boolean
}

/** A proposal as far as the rules look at it. */
export interface JudgedProposal {
  readonly height: Height
  readonly round: Round
  readonly value: ValueId
  readonly validRound: Round
  readonly proposer: number
  readonly valid: boolean
}

export type DriverInput =
  | { readonly kind: 'start'; readonly round: Round }
  | { readonly kind: 'proposal'; readonly proposal: JudgedProposal }
  | { readonly kind: 'propose-value'; readonly value: ValueId }
  | { readonly kind: 'vote'; readonly vote: Vote }
  /** A vote counted before (`applyVote`), with what it led to. */
  | { readonly kind: 'counted'; readonly result: KeeperResult }
  /** Precondition: one claim, and each voter once. Without a quorum it changes nothing. */
  | { readonly kind: 'certificate'; readonly votes: readonly Vote[] }
  | { readonly kind: 'timeout'; readonly timeout: TimeoutKind }
  | { readonly kind: 'pending' }
  | { readonly kind: 'step-change' }
  | { readonly kind: 'recheck' }

export interface PendingInput {
  readonly input: CoreInput
  readonly height: Height
  readonly round: Round
}

export interface DriverState {
  readonly config: DriverConfig
  core: CoreState
  readonly keeper: VoteKeeper
  readonly proposals: JudgedProposal[]
  /** Conditions put to the core, by `executedKey`. */
  readonly executed: Set<string>
  readonly pending: PendingInput[]
  /** The step changed by the last input, or none. */
  stepChanged: boolean
  keeperOutput: KeeperOutput
  /** Equivocations met since the host last took them. */
  conflicts: (readonly [Vote, Vote])[]
}

const NOTHING: CoreOutput = { kind: 'none' }

export function newDriver(
  height: Height,
  powers: readonly bigint[],
  config: DriverConfig,
  variantsMax?: number,
): DriverState {
  return {
    config,
    core: newCore(height),
    keeper: newVoteKeeper(powers, config.accountable, variantsMax),
    proposals: [],
    executed: new Set(),
    pending: [],
    stepChanged: false,
    keeperOutput: { kind: 'none' },
    conflicts: [],
  }
}

/** One input; the output is what the core wants done, a skip of rounds already carried out. */
export function drive(driver: DriverState, input: DriverInput): CoreOutput {
  const stepBefore = driver.core.step
  const output = route(driver, input)
  const done = output.kind === 'skip-round' ? enterRound(driver, output.round) : output
  driver.stepChanged = driver.core.step !== stepBefore
  return done
}

function route(driver: DriverState, input: DriverInput): CoreOutput {
  switch (input.kind) {
    case 'start':
      return enterRound(driver, input.round)
    case 'proposal':
      return onProposal(driver, input.proposal)
    case 'propose-value':
      return callCore(driver, { kind: 'propose-value', value: input.value })
    case 'vote':
      return onCounted(driver, applyVote(driver.keeper, input.vote, driver.core.round))
    case 'counted':
      return onCounted(driver, input.result)
    case 'certificate':
      return onCertificate(driver, input.votes)
    case 'timeout': {
      const { height, round } = driver.core
      return callCore(driver, { kind: 'timeout', timeout: input.timeout, height, round })
    }
    case 'pending':
      return takePending(driver)
    case 'step-change':
      return onStepChange(driver)
    case 'recheck':
      return recheck(driver)
    default:
      return unreachable(input)
  }
}

/** Lines 11-21: the core learns whether this node proposes. */
function enterRound(driver: DriverState, round: Round): CoreOutput {
  const proposes = driver.config.proposes(round, driver.core.round)
  return callCore(driver, { kind: proposes ? 'new-round-proposer' : 'new-round', round })
}

function callCore(driver: DriverState, input: CoreInput): CoreOutput {
  const { height, round, step } = driver.core
  if (driver.executed.has(executedKey(input, height, round, step))) return NOTHING
  const result = core(driver.core, input, driver.config.accountable)
  driver.core = result.state
  // The round after, the step before: so that a condition of a new round is not taken for done.
  driver.executed.add(executedKey(input, result.state.height, result.state.round, step))
  return result.output
}

/** What makes two calls of the core the same call. */
export function executedKey(
  input: CoreInput,
  height: Height,
  round: Round,
  step: CoreState['step'],
): string {
  const detail = Object.entries(input)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
  return `${height} ${round} ${step} ${detail}`
}

function onCertificate(driver: DriverState, votes: readonly Vote[]): CoreOutput {
  const voters = votes.map((vote) => vote.validator)
  const counts = isUniformQuorum(votes, voters, driver.keeper.powers)
  if (!counts) return onCounted(driver, { output: { kind: 'none' }, conflicts: [] })
  return onCounted(driver, applyCertificate(driver.keeper, votes))
}

function onCounted(driver: DriverState, { output, conflicts }: KeeperResult): CoreOutput {
  driver.keeperOutput = output
  for (const conflict of conflicts) driver.conflicts.push(conflict)
  const { round } = driver.core
  switch (output.kind) {
    case 'none':
      return NOTHING
    case 'skip':
      if (output.round <= round) return NOTHING
      return callCore(driver, { kind: 'round-skip', round: output.round })
    case 'polka-any':
    case 'polka-nil':
    case 'precommit-any':
      return output.round === round ? callCore(driver, { kind: output.kind }) : NOTHING
    case 'polka-value':
      return onPolka(driver, output)
    case 'precommit-value':
      return onCommit(driver, output)
    default:
      return unreachable(output)
  }
}

function onCommit(
  driver: DriverState,
  { round, value }: { readonly round: Round; readonly value: ValueId },
): CoreOutput {
  if (known(driver, round, value)) {
    return callCore(driver, { kind: 'proposal-and-commit', round, value })
  }
  if (round === driver.core.round) return callCore(driver, { kind: 'precommit-any' })
  if (round > driver.core.round) return callCore(driver, { kind: 'round-skip', round })
  return NOTHING
}

function onPolka(
  driver: DriverState,
  polka: { readonly round: Round; readonly value: ValueId; readonly validRound: Round },
): CoreOutput {
  const { height, round } = driver.core
  const { value } = polka
  if (polka.round < round && known(driver, round, value, polka.round)) {
    return callCore(driver, {
      kind: 'proposal-and-polka-previous',
      value,
      validRound: polka.round,
    })
  }
  if (polka.round !== round) return NOTHING
  // Accountable line 36: the prevotes carry the valid round of the proposal.
  const matches = driver.config.accountable
    ? known(driver, round, value, polka.validRound)
    : known(driver, round, value)
  if (matches) postpone(driver, { input: { kind: 'proposal-and-polka', value }, height, round })
  return callCore(driver, { kind: 'polka-any' })
}

function onProposal(driver: DriverState, proposal: JudgedProposal): CoreOutput {
  const { height, round, value } = proposal
  if (proposal.proposer !== driver.config.proposerAt(round)) return NOTHING
  if (!proposal.valid) return onInvalidProposal(driver, proposal)
  if (!known(driver, round, value, proposal.validRound)) driver.proposals.push(proposal)
  if (hasQuorumFor(driver.keeper, round, 'precommit', value)) {
    return callCore(driver, { kind: 'proposal-and-commit', round, value })
  }
  if (round !== driver.core.round || height !== driver.core.height) return NOTHING
  return answerProposal(driver, proposal)
}

/** Lines 22-43 for a valid proposal of the current round. */
function answerProposal(driver: DriverState, proposal: JudgedProposal): CoreOutput {
  const { round, value, validRound } = proposal
  switch (driver.core.step) {
    case 'propose':
      if (validRound === -1) return callCore(driver, { kind: 'proposal', round, value })
      if (polkasFor(driver.keeper, validRound, value).length === 0) return NOTHING
      return callCore(driver, { kind: 'proposal-and-polka-previous', value, validRound })
    case 'prevote':
    case 'precommit':
      if (!hasQuorumFor(driver.keeper, round, 'prevote', value, validRound)) return NOTHING
      return callCore(driver, { kind: 'proposal-and-polka', value })
    case 'unstarted':
    case 'commit':
    case 'none':
      return NOTHING
    default:
      return unreachable(driver.core.step)
  }
}

/** Lines 26 and 32 when valid(v) is false: the proposal is dropped, the prevote is nil. */
function onInvalidProposal(driver: DriverState, proposal: JudgedProposal): CoreOutput {
  const { height, round, value, validRound } = proposal
  const current = driver.core
  const due = current.step === 'propose' && current.round === round && current.height === height
  if (!due) return NOTHING
  if (polkasFor(driver.keeper, validRound, value).length > 0) {
    return callCore(driver, { kind: 'proposal-invalid-and-polka', validRound })
  }
  return callCore(driver, { kind: 'proposal-invalid' })
}

/** What the new step can use of what was there before it. */
function onStepChange(driver: DriverState): CoreOutput {
  const { height, round, step } = driver.core
  const proposal = driver.proposals.findLast((each) => each.round === round)
  if (proposal !== undefined) {
    if (hasQuorumOfAny(driver.keeper, round, 'precommit')) {
      postpone(driver, { input: { kind: 'precommit-any' }, height, round })
    }
    return onProposal(driver, proposal)
  }
  if (step !== 'prevote') return NOTHING
  if (hasQuorumFor(driver.keeper, round, 'prevote', null)) {
    return callCore(driver, { kind: 'polka-nil' })
  }
  if (!hasQuorumOfAny(driver.keeper, round, 'prevote')) return NOTHING
  return callCore(driver, { kind: 'polka-any' })
}

function takePending(driver: DriverState): CoreOutput {
  const next = driver.pending.pop()
  if (next === undefined) return NOTHING
  const { height, round } = driver.core
  return next.height === height && next.round === round ? callCore(driver, next.input) : NOTHING
}

/** Every rule asked afresh; the first that moves the core answers. */
function recheck(driver: DriverState): CoreOutput {
  for (const input of dueInputs(driver)) {
    const output = callCore(driver, input)
    if (output.kind !== 'none' && output.kind !== 'refused') return output
  }
  return NOTHING
}

/** Conditions that hold now, by urgency: decide, skip, lock, answer, then schedule timeouts. */
function* dueInputs(driver: DriverState): Generator<CoreInput> {
  const { keeper, proposals } = driver
  const { round, step } = driver.core
  // Line 49.
  for (const { round: at, value } of proposals) {
    if (hasQuorumFor(keeper, at, 'precommit', value)) {
      yield { kind: 'proposal-and-commit', round: at, value }
    }
  }
  // Line 55.
  const ahead = highestSkip(driver)
  if (ahead > round) yield { kind: 'round-skip', round: ahead }
  // Lines 22-43.
  for (const proposal of proposals) {
    if (proposal.round === round) yield* answersTo(driver, proposal)
  }
  // Lines 44, 34 and 47.
  if (step === 'prevote') {
    if (hasQuorumFor(keeper, round, 'prevote', null)) yield { kind: 'polka-nil' }
    if (hasQuorumOfAny(keeper, round, 'prevote')) yield { kind: 'polka-any' }
  }
  if (hasQuorumOfAny(keeper, round, 'precommit')) yield { kind: 'precommit-any' }
}

function* answersTo(driver: DriverState, proposal: JudgedProposal): Generator<CoreInput> {
  const { round, value, validRound } = proposal
  if (driver.core.step === 'propose') {
    if (validRound === -1) yield { kind: 'proposal', round, value }
    else if (polkasFor(driver.keeper, validRound, value).length > 0) {
      yield { kind: 'proposal-and-polka-previous', value, validRound }
    }
  } else if (hasQuorumFor(driver.keeper, round, 'prevote', value, validRound)) {
    yield { kind: 'proposal-and-polka', value }
  }
}

function highestSkip(driver: DriverState): Round {
  let highest = -1
  for (const votes of driver.keeper.rounds.values()) {
    if (isSkip(votes.votersWeight, driver.keeper.total)) highest = Math.max(highest, votes.round)
  }
  return highest
}

function known(driver: DriverState, round: Round, value: ValueId, validRound?: Round): boolean {
  return driver.proposals.some(
    (proposal) =>
      proposal.round === round &&
      proposal.value === value &&
      (validRound === undefined || proposal.validRound === validRound),
  )
}

function postpone(driver: DriverState, pending: PendingInput): void {
  const key = executedKey(pending.input, pending.height, pending.round, 'none')
  const waits = driver.pending.some(
    (each) => executedKey(each.input, each.height, each.round, 'none') === key,
  )
  if (!waits) driver.pending.push(pending)
}
