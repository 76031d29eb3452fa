/**
 * Replays whole runs of the specification through our driver: each step's input, then the output
 * and the state of the validator that took it.
 *
 * The specification opens a height outside its driver: votes and certificates that came early are
 * counted first, and a decision or a later round waits as the pending input. `openHeight` does so.
 */

import { refuse } from '../../src/base/refusal.ts'
import {
  type DriverInput,
  type DriverState,
  drive,
  executedKey,
  newDriver,
} from '../../src/consensus/driver.ts'
import type { Vote } from '../../src/consensus/types.ts'
import {
  applyCertificate,
  applyVote,
  isUniformQuorum,
  type KeeperResult,
  votesFor,
} from '../../src/consensus/vote-keeper.ts'
import {
  canonical,
  compare,
  entries,
  field,
  type Itf,
  int,
  integer,
  isRecord,
  marked,
  setOf,
  type Tally,
  tag,
  tagged,
  text,
  type Variables,
} from './itf.ts'
import {
  coreInputFromSpec,
  coreOutputToSpec,
  outputFromSpec,
  proposalToSpec,
  stateFromSpec,
  stateToSpec,
  stepToSpec,
  timeoutFromSpec,
} from './spec-core.ts'
import {
  collectEvidence,
  keeperOutputToSpec,
  keeperToSpec,
  type SpecValidators,
  validatorsFromSpec,
  voteFromSpec,
  voteToSpec,
} from './spec-votes.ts'

interface Run {
  readonly self: string
  readonly validators: SpecValidators
  readonly driver: DriverState
  readonly evidence: Itf[]
  started: boolean
  chain: Itf[]
}

interface Step {
  readonly validator: string
  readonly input: Itf
  readonly output: Itf
}

export function replayRun(states: readonly Variables[], tally: Tally, name: string): void {
  const runs = new Map<string, Run>()
  states.forEach((state, at) => {
    const before = states[at - 1]
    if (before === undefined) return
    renew(runs, before, state)
    if (canonical(field(before, '_hist')) === canonical(field(state, '_hist'))) return
    const step = stepOf(field(state, '_hist'))
    const nodeBefore = nodeOf(before, step.validator)
    const nodeAfter = nodeOf(state, step.validator)
    if (nodeBefore === undefined || nodeAfter === undefined) {
      refuse('itf_malformed', { expected: `validator ${step.validator} in system` })
    }
    const run = runs.get(step.validator) ?? startRun(field(nodeBefore, 'es'))
    runs.set(step.validator, run)
    takeStep(tally, `${name}[${at}]`, run, step, nodeBefore, nodeAfter)
  })
}

/** A driver that changed though nobody took a step was put to a new height. */
function renew(runs: Map<string, Run>, before: Variables, state: Variables): void {
  const stepped = canonical(field(before, '_hist')) !== canonical(field(state, '_hist'))
  const validator = stepped ? stepOf(field(state, '_hist')).validator : undefined
  for (const [name, node] of entries(field(state, 'system'))) {
    if (name === validator) continue
    const driver = field(node, 'es')
    const old = field(nodeOf(before, text(name)), 'es')
    if (canonical(driver) !== canonical(old)) runs.set(text(name), startRun(driver))
  }
}

function startRun(spec: Itf): Run {
  const validators = validatorsFromSpec(field(spec, 'valset'))
  const core = stateFromSpec(field(spec, 'cs'))
  const self = text(field(field(spec, 'cs'), 'p'))
  if (field(spec, 'started') !== false || core.step !== 'none') {
    refuse('itf_malformed', { expected: 'a run that begins unstarted', validator: self })
  }
  const proposerAt = (round: number): number => (round + 1) % validators.count
  const index = validators.names.index(self)
  // The specification asks who proposes the round after the current one, not the round entered.
  const proposes = (_round: number, from: number): boolean => proposerAt(from + 1) === index
  const config = { proposes, proposerAt, accountable: false }
  const driver = newDriver(core.height, validators.powers, config, Number.MAX_SAFE_INTEGER)
  const chain = field(spec, 'chain')
  if (!Array.isArray(chain)) refuse('itf_malformed', { expected: 'a chain' })
  return {
    self,
    validators,
    driver,
    evidence: [],
    started: false,
    chain: [...(chain as readonly Itf[])],
  }
}

function takeStep(
  tally: Tally,
  where: string,
  run: Run,
  step: Step,
  nodeBefore: Itf,
  nodeAfter: Itf,
): void {
  const { driver, validators } = run
  if (!run.started && tag(step.input) !== 'NoDInput') openHeight(run, step.input, nodeBefore)
  const input = driverInput(step.input, run)
  const output = input === undefined ? ({ kind: 'none' } as const) : drive(driver, input)
  if (input === undefined) driver.stepChanged = false
  collectEvidence(run.evidence, driver.keeper, driver.conflicts, validators.names)
  driver.conflicts = []
  const decides =
    input?.kind === 'proposal' || input?.kind === 'vote' || input?.kind === 'certificate'
  if (output.kind === 'decided' && decides) run.chain.push(decision(run, output))
  const es = field(nodeAfter, 'es')
  compare(tally, where, [
    ['output', coreOutputToSpec(output, run.self), outputFromSpec(step.output)],
    ...compareState(run, es),
  ])
}

function compareState(run: Run, es: Itf): (readonly [string, Itf, Itf])[] {
  const { driver, validators, self } = run
  const height = Number(driver.core.height)
  const proposals = driver.proposals.map((proposal) =>
    proposalToSpec({ ...proposal, self: validators.names.name(proposal.proposer) }),
  )
  const theirs = (name: string): Itf => field(es, name)
  return [
    ['cs', stateToSpec(driver.core, self), theirs('cs')],
    ['bk', keeperToSpec(driver.keeper, height, validators, run.evidence), theirs('bk')],
    ['proposals', setOf(proposals), theirs('proposals')],
    [
      'executedInputs',
      setOf([...driver.executed].map(withoutValidRound)),
      executedFromSpec(theirs('executedInputs')),
    ],
    [
      'pendingInputs',
      setOf(driver.pending.map((each) => executedKey(each.input, each.height, each.round, 'none'))),
      pendingFromSpec(theirs('pendingInputs')),
    ],
    [
      'pendingStepChange',
      stepToSpec(driver.stepChanged ? driver.core.step : 'none'),
      theirs('pendingStepChange'),
    ],
    ['voteKeeperOutput', keeperOutputToSpec(driver.keeperOutput), theirs('voteKeeperOutput')],
    ['started', run.started, theirs('started')],
    ['valset', validators.spec, theirs('valset')],
    ['chain', run.chain, theirs('chain')],
    ['certificates', setOf([]), theirs('certificates')],
  ]
}

/** Counts what came early and leaves what it led to as the pending input. */
function openHeight(run: Run, input: Itf, node: Itf): void {
  const { driver, validators } = run
  const { height } = driver.core
  const ofHeight = (votes: readonly Vote[]): boolean =>
    votes.every((vote) => vote.height === height)
  const votes = marked(field(node, 'incomingVotes'), '#set')
    .map((vote) => voteFromSpec(vote, validators.names))
    .filter((vote) => vote.height === height)
  const certificates = marked(field(node, 'incomingCertificates'), '#set')
    .map((certificate) => votesFromSpec(certificate, validators))
    .filter(ofHeight)
  const lastRound = votes.reduce((most, vote) => Math.max(most, vote.round), 0)
  const note = ({ conflicts }: KeeperResult): void =>
    collectEvidence(run.evidence, driver.keeper, conflicts, validators.names)
  for (const vote of votes) note(applyVote(driver.keeper, vote, lastRound))
  for (const certificate of certificates) {
    const voters = certificate.map((vote) => vote.validator)
    if (!isUniformQuorum(certificate, voters, validators.powers)) continue
    note(applyCertificate(driver.keeper, certificate))
  }
  run.started = true
  if (tag(input) !== 'PendingDInput') return
  const waiting = coreInputFromSpec(field(input, 'value'))
  if (waiting.kind === 'proposal-and-commit') {
    driver.pending.push({ input: waiting, height, round: waiting.round })
  } else if (waiting.kind === 'new-round' || waiting.kind === 'new-round-proposer') {
    driver.pending.push({ input: { kind: 'new-round', round: waiting.round }, height, round: -1 })
  }
}

/** Nothing for the input that does nothing. */
function driverInput(input: Itf, { validators }: Run): DriverInput | undefined {
  const value = isRecord(input) ? input['value'] : undefined
  switch (tag(input)) {
    case 'NoDInput':
      return undefined
    case 'StartDInput':
      return { kind: 'start', round: 0 }
    case 'StepChangeDInput':
      return { kind: 'step-change' }
    case 'PendingDInput':
      return { kind: 'pending' }
    case 'ProposeValueDInput':
      return { kind: 'propose-value', value: text(value) }
    case 'TimeoutDInput':
      return { kind: 'timeout', timeout: timeoutFromSpec(value) }
    case 'VoteDInput':
      return { kind: 'vote', vote: voteFromSpec(value as Itf, validators.names) }
    case 'CertificateDInput':
      return { kind: 'certificate', votes: votesFromSpec(value as Itf, validators) }
    case 'ProposalDInput': {
      const proposal = {
        height: BigInt(integer(field(value, 'height'))),
        round: integer(field(value, 'round')),
        value: text(field(value, 'proposal')),
        validRound: integer(field(value, 'validRound')),
        proposer: validators.names.index(text(field(value, 'srcAddress'))),
      }
      return { kind: 'proposal', proposal: { ...proposal, valid: proposal.value !== 'invalid' } }
    }
    default:
      return refuse('tag_unknown', { tag: tag(input) })
  }
}

function votesFromSpec(votes: Itf, { names }: SpecValidators): Vote[] {
  return marked(votes, '#set').map((vote) => voteFromSpec(vote, names))
}

function decision(
  run: Run,
  { round, value }: { readonly round: number; readonly value: string },
): Itf {
  const { driver, validators } = run
  const proposal = driver.proposals.find((each) => each.round === round && each.value === value)
  const votes = votesFor(driver.keeper, round, 'precommit', value)
  return {
    decision:
      proposal === undefined
        ? tagged('None')
        : proposalToSpec({ ...proposal, self: validators.names.name(proposal.proposer) }),
    commit: setOf(votes.map((vote) => voteToSpec(vote, validators.names))),
  }
}

function executedFromSpec(list: Itf): Itf {
  if (!Array.isArray(list)) return refuse('itf_malformed', { expected: 'a list of inputs' })
  const keys = (list as readonly Itf[]).map((entry) => {
    const [input, height, round, step] = marked(entry, '#tup')
    const { step: name } = stateFromSpec({ ...EMPTY_CORE, step: step as Itf })
    return executedKey(
      coreInputFromSpec(input as Itf),
      BigInt(integer(height)),
      integer(round),
      name,
    )
  })
  return setOf(keys)
}

/** The specification names the value where our input for line 32 names the valid round. */
function withoutValidRound(key: string): string {
  return key.replace(/(kind=proposal-invalid-and-polka) .*/, '$1 validRound=-1')
}

const EMPTY_CORE = {
  height: int(0),
  round: int(-1),
  lockedRound: int(-1),
  validRound: int(-1),
  lockedValue: tagged('Nil'),
  validValue: tagged('Nil'),
}

function pendingFromSpec(pending: Itf): Itf {
  const keys = marked(pending, '#set').map((entry) => {
    const [input, height, round] = marked(entry, '#tup')
    const key = coreInputFromSpec(input as Itf)
    return executedKey(key, BigInt(integer(height)), integer(round), 'none')
  })
  return setOf(keys)
}

function stepOf(hist: Itf): Step {
  if (isRecord(hist) && hist['#tup'] !== undefined) {
    const [validator, input, output] = marked(hist, '#tup')
    return { validator: text(validator), input: input as Itf, output: output as Itf }
  }
  return {
    validator: text(field(hist, 'validator')),
    input: field(hist, 'input'),
    output: field(hist, 'output'),
  }
}

function nodeOf(state: Variables, validator: string): Itf | undefined {
  return entries(field(state, 'system')).find(([name]) => name === validator)?.[1]
}
