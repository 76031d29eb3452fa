/**
 * The consensus machine of a node: one event in, the effects it calls for out.
 *
 *   start-height -> waiting -> round 0 -> ... -> decided
 *   every accepted input: journal it, put it to the driver, let the driver settle, perform outputs
 *
 * Invariants
 *   - Durable before said: a vote or proposal is published, and counted here, only by the step that
 *     handles the later of its guard record and the journal entries before it.
 *   - After `decided` nothing is signed at that height.
 *   - A step ends with no condition of the paper left that would move the core (`settle`).
 *   - Observers, which have no index, run the same machine and sign nothing.
 *
 * Source: arXiv 1807.04938 with the accountable variant; protocol.md §3; ledger background §1.3.
 */

import { assert, unreachable } from '../base/assert.ts'
import { refusal } from '../base/refusal.ts'
import type { TimeMs } from '../base/time.ts'
import { certificateVotes } from './certificate.ts'
import { Context } from './context.ts'
import type { CoreOutput, TimeoutKind } from './core.ts'
import { type DriverInput, drive } from './driver.ts'
import { keepEarlyProposal, keepEarlyVote, takeEarly } from './early.ts'
import type { ConsensusEffect, ConsensusEvent, Timer } from './events.ts'
import { noteConflicts, noteDoubleProposal, noteQuorum } from './evidence.ts'
import { openHeight } from './recover.ts'
import { onJournalled, onSigned, onSignRefused, requestProposal, requestVote } from './speak.ts'
import {
  bestCertificates,
  type ConsensusState,
  commitCertificate,
  type HeightState,
  judgeKey,
  ownVotes,
  PROPOSALS_PER_ROUND_MAX,
  proposerOf,
  ROUNDS_AHEAD_MAX,
  ROUNDS_KEPT_MAX,
} from './state.ts'
import {
  type Certificate,
  type Proposal,
  type QuorumCertificate,
  type Round,
  sameProposalClaim,
  type ValueId,
  type Vote,
} from './types.ts'
import {
  applyCertificate,
  applyVote,
  firstVote,
  hasQuorumFor,
  polkasFor,
  sameClaim,
} from './vote-keeper.ts'
import type { BuiltValue, WalEntry } from './wal.ts'

/** Inputs one event may give the driver; each rule moves a round once, so it is never reached. */
const SETTLE_INPUTS_MAX = 10_000

/** One event in, the effects it calls for out. `at` is wall time, for the start of a height only. */
export function step(state: ConsensusState, event: ConsensusEvent, at: TimeMs): ConsensusEffect[] {
  const context = new Context(state, at)
  route(context, event)
  return context.close()
}

function route(context: Context, event: ConsensusEvent): void {
  if (event.kind === 'start-height') {
    startHeight(context, event)
  } else if (event.kind === 'journalled') {
    onJournalled(context, event.sequence, said)
  } else if (context.state.current !== undefined) {
    routeInHeight(context, event)
  }
}

function startHeight(
  context: Context,
  event: ConsensusEvent & { readonly kind: 'start-height' },
): void {
  openHeight(context, event, { replayEntry, feed, feedVote, begin })
  for (const early of takeEarly(context.state, event.setup.height)) {
    if (early.kind === 'vote') onVote(context, early.vote, ROUNDS_AHEAD_MAX)
    else onProposal(context, early.proposal)
  }
}

function routeInHeight(
  context: Context,
  event: Exclude<ConsensusEvent, { readonly kind: 'start-height' | 'journalled' }>,
): void {
  switch (event.kind) {
    case 'due':
      if (event.height === context.height) begin(context)
      return
    case 'proposal':
      onProposal(context, event.proposal)
      return
    case 'body-judged':
      if (event.height === context.height) onJudged(context, event.round, event.value, event.valid)
      return
    case 'value-built':
      if (event.height === context.height) onBuilt(context, event)
      return
    case 'vote':
      onVote(context, event.vote, ROUNDS_AHEAD_MAX)
      return
    case 'certificate':
      onCertificate(context, event.certificate)
      return
    case 'timeout':
      onTimer(context, event.timer)
      return
    case 'signed':
      onSigned(context, event.request, event.signature, said)
      return
    case 'sign-refused':
      onSignRefused(context, event.request, event.refusal)
      return
    case 'decided-elsewhere':
      if (event.certificate.height === context.height) decide(context, event.certificate, false)
      return
    default:
      unreachable(event)
  }
}

/** Round 0 begins: the time has come, work is due, or another node began. */
export function begin(context: Context): void {
  const { current, state } = context
  if (state.phase !== 'waiting') return
  state.phase = 'running'
  context.clearTimer({ kind: 'start', height: context.height, round: 0 })
  context.log({ kind: 'started' })
  if (current.driver.core.round < 0) feed(context, { kind: 'start', round: 0 })
}

function onProposal(context: Context, proposal: Proposal): void {
  if (keepEarlyProposal(context, proposal)) return
  if (context.state.phase === 'decided') return
  const { current } = context
  const { round } = proposal
  if (proposal.proposer !== proposerOf(current, round)) {
    context.drop(refusal('proposal_wrong_proposer', { round, validator: proposal.proposer }))
    return
  }
  const known = current.proposals.get(round) ?? []
  if (known.some((each) => sameProposalClaim(each, proposal))) return
  const first = known[0]
  if (first !== undefined) noteDoubleProposal(context, first, proposal)
  const wanted = hasQuorumFor(current.driver.keeper, round, 'precommit', proposal.value)
  if (known.length >= PROPOSALS_PER_ROUND_MAX && !wanted) {
    context.drop(refusal('proposal_surplus', { round, validator: proposal.proposer }))
    return
  }
  context.log({ kind: 'proposal', proposal })
  current.proposals.set(round, [...known, proposal])
  // Its sender has begun; so may this node.
  if (round === 0) begin(context)
  if (proposal.polka !== null) {
    feed(context, { kind: 'certificate', votes: certificateVotes(proposal.polka) })
  }
  considerBody(context, proposal)
}

/** Puts the proposal to the driver if its value has been judged, else asks for a verdict. */
function considerBody(context: Context, proposal: Proposal): void {
  const { current } = context
  const { round, value } = proposal
  if (current.valid.has(value)) {
    feedProposal(context, proposal, true)
    return
  }
  const key = judgeKey(round, value)
  if (current.invalid.has(key) || current.judging.has(key)) return
  askVerdict(context, proposal, proposal.validRound === -1)
}

function askVerdict(context: Context, proposal: Proposal, fresh: boolean): void {
  const { current } = context
  current.judging.set(judgeKey(proposal.round, proposal.value), { proposal, fresh })
  context.perform({ kind: 'judge-body', proposal, fresh })
}

function onJudged(context: Context, round: Round, value: ValueId, valid: boolean): void {
  const { current } = context
  const key = judgeKey(round, value)
  if (!current.judging.delete(key) || current.valid.has(value)) return
  context.log({ kind: 'judged', round, value, valid })
  if (valid) current.valid.add(value)
  else current.invalid.add(key)
  for (const proposals of Array.from(current.proposals.values())) {
    for (const proposal of proposals) {
      if (proposal.value !== value) continue
      if (valid || proposal.round === round) feedProposal(context, proposal, valid)
    }
  }
  if (!valid) reconsider(context, round, value)
}

/**
 * A body this node found untimely may still gather a quorum of those who found it timely; then its
 * time is settled, and only its content is judged again, once.
 */
function reconsider(context: Context, round: Round, value: ValueId): void {
  const { current } = context
  const { keeper } = current.driver
  const backed =
    hasQuorumFor(keeper, round, 'precommit', value) || polkasFor(keeper, round, value).length > 0
  const key = judgeKey(round, value)
  if (!backed || !current.invalid.has(key) || current.valid.has(value)) return
  if (current.reported.has(`again ${key}`)) return
  const proposal = current.proposals.get(round)?.find((each) => each.value === value)
  if (proposal === undefined || current.judging.has(key)) return
  current.reported.add(`again ${key}`)
  askVerdict(context, proposal, false)
}

function feedProposal(context: Context, proposal: Proposal, valid: boolean): void {
  const { height, round, value, validRound, proposer } = proposal
  const judged = { height, round, value, validRound, proposer, valid }
  feed(context, { kind: 'proposal', proposal: judged })
}

function onBuilt(
  context: Context,
  { round, built }: { readonly round: Round; readonly built: BuiltValue },
): void {
  const { current } = context
  if (current.building !== round || current.driver.core.round !== round) return
  context.log({ kind: 'built', round, built })
  current.building = undefined
  current.built.set(round, built)
  if (current.driver.core.step !== 'propose') return
  feed(context, { kind: 'propose-value', value: built.value })
}

/** `aheadMax` bounds how far ahead of the current round a vote is taken. */
function onVote(context: Context, vote: Vote, aheadMax: number): void {
  if (keepEarlyVote(context, vote)) return
  const { current, state } = context
  const { keeper, core } = current.driver
  const first = firstVote(keeper, vote, vote.validator)
  if (first !== undefined && sameClaim(first, vote)) return
  if (state.phase === 'decided') {
    const { conflicts } = applyVote(keeper, vote, core.round)
    noteConflicts(context, conflicts)
    return
  }
  if (vote.round > core.round + aheadMax || vote.round < core.round - ROUNDS_KEPT_MAX) {
    context.drop(
      refusal(vote.round > core.round ? 'round_ahead' : 'round_past', { round: vote.round }),
    )
    return
  }
  context.log({ kind: 'vote', vote })
  current.outbox.delete(outboxKeyOfOwn(current, vote))
  feedVote(context, vote)
}

/** Most votes reach no threshold: they are counted, and nothing has to be asked. */
export function feedVote(context: Context, vote: Vote): void {
  const { driver } = context.current
  const result = applyVote(driver.keeper, vote, driver.core.round)
  if (result.output.kind === 'none' && result.conflicts.length === 0) return
  feed(context, { kind: 'counted', result })
}

/** Own votes come back only from the log or a peer; then nothing is left to be said. */
function outboxKeyOfOwn(current: HeightState, vote: Vote): string {
  return vote.validator === current.setup.self ? `${vote.round} ${vote.type}` : ''
}

function onCertificate(context: Context, certificate: Certificate): void {
  const { state, current } = context
  if (certificate.height !== context.height) return
  if (certificate.kind === 'round') {
    if (certificate.round <= current.driver.core.round) return
    for (const vote of certificate.votes) onVote(context, vote, Number.MAX_SAFE_INTEGER)
    return
  }
  if (state.phase === 'decided') {
    countOnly(context, certificate)
    return
  }
  const votes = certificateVotes(certificate)
  const type = certificate.kind === 'polka' ? 'prevote' : 'precommit'
  const { round, value, validRound } = certificate
  if (hasQuorumFor(current.driver.keeper, round, type, value, validRound)) return
  context.log({ kind: 'certificate', certificate })
  feed(context, { kind: 'certificate', votes })
}

/** A quorum of a decided height: only what it proves matters. */
function countOnly(context: Context, certificate: QuorumCertificate): void {
  const votes = certificateVotes(certificate)
  noteConflicts(context, applyCertificate(context.current.driver.keeper, votes).conflicts)
  const { kind, round, value, validRound } = certificate
  noteQuorum(context, {
    type: kind === 'polka' ? 'prevote' : 'precommit',
    round,
    value,
    validRound,
  })
}

function onTimer(context: Context, timer: Timer): void {
  const { state } = context
  if (timer.height !== context.height || state.phase === 'decided') return
  if (!context.elapsed(timer)) return
  switch (timer.kind) {
    case 'start':
      begin(context)
      return
    case 'rebroadcast':
      rebroadcast(context)
      return
    case 'propose':
    case 'prevote':
    case 'precommit':
      onTimeout(context, timer.kind, timer.round)
      return
    default:
      unreachable(timer.kind)
  }
}

function onTimeout(context: Context, timeout: TimeoutKind, round: Round): void {
  const { driver } = context.current
  if (driver.core.round !== round) return
  context.log({ kind: 'timeout', timeout, round })
  context.fact({ kind: 'timed-out', height: context.height, round, timeout })
  feed(context, { kind: 'timeout', timeout })
}

function rebroadcast(context: Context): void {
  const { current } = context
  const { round } = current.driver.core
  context.perform({
    kind: 'rebroadcast',
    height: context.height,
    round,
    votes: [...ownVotes(current, round - 1), ...ownVotes(current, round)],
    proposal: current.proposals.get(round)?.[0],
    certificates: bestCertificates(current),
  })
  context.setTimer({ kind: 'rebroadcast', height: context.height, round: 0 })
}

/** Puts one input to the driver, then every condition that became due by it. */
export function feed(context: Context, input: DriverInput): void {
  const { driver } = context.current
  let next: DriverInput | undefined = input
  for (let count = 0; next !== undefined; count++) {
    assert(count < SETTLE_INPUTS_MAX, 'the rules come to rest')
    const roundBefore = driver.core.round
    const lockedBefore = driver.core.lockedRound
    const output = drive(driver, next)
    if (driver.conflicts.length > 0) {
      noteConflicts(context, driver.conflicts)
      driver.conflicts = []
    }
    if (driver.core.round !== roundBefore) onRoundEntered(context)
    if (driver.core.lockedRound !== lockedBefore) noteLock(context)
    if (next.kind === 'counted' || next.kind === 'certificate') onQuorum(context)
    perform(context, output)
    next = context.state.phase === 'decided' ? undefined : following(context, next, output)
  }
}

/** What has to be asked next, or nothing when no rule can move the core. */
function following(
  context: Context,
  last: DriverInput,
  output: CoreOutput,
): DriverInput | undefined {
  const { driver } = context.current
  if (driver.stepChanged) return { kind: 'step-change' }
  if (driver.pending.length > 0) return { kind: 'pending' }
  const idle = output.kind === 'none' || output.kind === 'refused'
  if (last.kind === 'recheck' && idle) return undefined
  return driver.core.round < 0 ? undefined : { kind: 'recheck' }
}

function perform(context: Context, output: CoreOutput): void {
  const { height } = context
  switch (output.kind) {
    case 'none':
    case 'refused':
      return
    case 'get-value':
      context.current.building = output.round
      context.perform({ kind: 'build-value', height, round: output.round })
      context.setTimer({ kind: 'propose', height, round: output.round })
      return
    case 'proposal':
      requestProposal(context, output)
      context.setTimer({ kind: 'propose', height, round: output.round })
      return
    case 'vote':
      requestVote(context, output)
      return
    case 'timeout':
      context.setTimer({ kind: output.timeout, height, round: output.round })
      return
    case 'decided': {
      const certificate = commitCertificate(context.current, output.round)
      assert(certificate?.value === output.value, 'a decision has its commit')
      decide(context, certificate, true)
      return
    }
    case 'skip-round':
      assert(false, 'the driver enters the round it skips to')
      return
    default:
      unreachable(output)
  }
}

/** `here`: this machine found the decision, the block is at hand. */
function decide(context: Context, certificate: QuorumCertificate, here: boolean): void {
  const { state, current } = context
  if (state.phase === 'decided') return
  state.phase = 'decided'
  current.decision = certificate
  current.outbox.clear()
  current.judging.clear()
  current.building = undefined
  context.clearTimers(() => true)
  if (!here) {
    countOnly(context, certificate)
    return
  }
  const { height, round, value } = certificate
  context.perform({ kind: 'decided', height, round, value, certificate })
}

/** A quorum just reached: remembered for evidence; a commit without its block is fetched. */
function onQuorum(context: Context): void {
  const { current } = context
  const { keeperOutput: quorum } = current.driver
  if (quorum.kind !== 'polka-value' && quorum.kind !== 'precommit-value') return
  const { round, value } = quorum
  if (quorum.kind === 'polka-value') {
    noteQuorum(context, { type: 'prevote', round, value, validRound: quorum.validRound })
  } else {
    noteQuorum(context, { type: 'precommit', round, value, validRound: -1 })
    const known = current.proposals.get(round)?.some((each) => each.value === value) ?? false
    if (!known) wantBlock(context, round)
  }
  reconsider(context, round, value)
}

function wantBlock(context: Context, round: Round): void {
  const certificate = commitCertificate(context.current, round)
  assert(certificate !== undefined, 'a commit quorum has its certificate')
  context.perform({ kind: 'want-block', certificate })
}

function noteLock(context: Context): void {
  const { lockedRound, lockedValue } = context.current.driver.core
  assert(lockedValue !== null, 'a lock is on a value')
  const { height } = context
  context.fact({ kind: 'locked', height, round: lockedRound, value: lockedValue })
}

function onRoundEntered(context: Context): void {
  const { current, state } = context
  const { round } = current.driver.core
  if (state.phase === 'waiting') {
    state.phase = 'running'
    context.clearTimer({ kind: 'start', height: context.height, round: 0 })
    context.log({ kind: 'started' })
  }
  context.fact({ kind: 'round-entered', height: context.height, round })
  context.clearTimers((timer) => timer.kind !== 'rebroadcast' && timer.round < round)
  const { keeper, core } = current.driver
  for (const old of keeper.rounds.keys()) {
    if (old < round - ROUNDS_KEPT_MAX && old !== core.validRound) keeper.rounds.delete(old)
  }
}

/** Whatever was said is counted here too, in the step that lets it out. */
function said(context: Context, message: { vote: Vote } | { proposal: Proposal }): void {
  if ('vote' in message) {
    context.log({ kind: 'vote', vote: message.vote })
    feedVote(context, message.vote)
    return
  }
  const { proposal } = message
  const { current } = context
  const known = current.proposals.get(proposal.round) ?? []
  context.log({ kind: 'proposal', proposal })
  current.proposals.set(proposal.round, [...known, proposal])
  current.valid.add(proposal.value)
  feedProposal(context, proposal, true)
}

/** One entry of the log, as if it came in now. */
function replayEntry(context: Context, entry: WalEntry): void {
  const { current } = context
  switch (entry.kind) {
    case 'started':
      begin(context)
      return
    case 'vote':
      onVote(context, entry.vote, Number.MAX_SAFE_INTEGER)
      return
    case 'proposal':
      if (entry.proposal.proposer === current.setup.self) {
        current.valid.add(entry.proposal.value)
        current.outbox.delete(`${entry.proposal.round} proposal`)
      }
      onProposal(context, entry.proposal)
      return
    case 'judged':
      onJudged(context, entry.round, entry.value, entry.valid)
      return
    case 'built':
      onBuilt(context, entry)
      return
    case 'certificate':
      onCertificate(context, entry.certificate)
      return
    case 'timeout':
      context.elapsed({ kind: entry.timeout, height: context.height, round: entry.round })
      onTimeout(context, entry.timeout, entry.round)
      return
    default:
      unreachable(entry)
  }
}
