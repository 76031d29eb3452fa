/** Replays traces of the specification through our core, vote keeper and misbehavior. */

import { describeRefusal, RefusalError, refuse } from '../../src/base/refusal.ts'
import { type CoreState, core } from '../../src/consensus/core.ts'
import { amnesiaVotes, doublePrevotes } from '../../src/consensus/misbehavior.ts'
import { applyVote, newVoteKeeper, type VoteKeeper } from '../../src/consensus/vote-keeper.ts'
import {
  compare,
  entries,
  field,
  type Itf,
  integer,
  marked,
  newTally,
  setOf,
  type Tally,
  type Trace,
  tag,
  text,
  type Variables,
} from './itf.ts'
import { replayRun } from './replay-run.ts'
import {
  coreInputFromSpec,
  coreOutputToSpec,
  outputFromSpec,
  stateFromSpec,
  stateToSpec,
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

export const KINDS = ['core', 'vote-keeper', 'misbehavior', 'driver'] as const
export type Kind = (typeof KINDS)[number]

interface Shape {
  readonly kind: Kind
  readonly variables: readonly string[]
  readonly replay: (states: readonly Variables[], tally: Tally, name: string) => void
}

const SHAPES: readonly Shape[] = [
  { kind: 'core', variables: ['pre', 'input', 'output', 'post'], replay: replayTransitions },
  { kind: 'core', variables: ['state', 'input', 'output'], replay: replayCoreTrace },
  {
    kind: 'vote-keeper',
    variables: ['bk', 'vote', 'currentRound', 'output', 'n'],
    replay: replayKeeper,
  },
  {
    kind: 'vote-keeper',
    variables: ['weightedVote', 'bookkeeper', 'lastEmitted'],
    replay: replayScenario,
  },
  { kind: 'misbehavior', variables: ['a', 'b', 'weights', 'dp', 'am'], replay: replayMisbehavior },
  { kind: 'driver', variables: ['system', '_hist'], replay: replayRun },
]

/**
 * Replays every trace, whatever its shape.
 * @throws RefusalError shape_unknown | no_trace_of_kind | nothing_replayed | itf_malformed | tag_unknown.
 */
export function replayAll(kind: Kind, traces: readonly Trace[]): Tally {
  const tally = newTally()
  let ofKind = 0
  for (const { name, instances } of traces) {
    let filled = false
    for (const states of instances) {
      const shape = shapeOf(name, states)
      if (shape === undefined) continue
      filled = true
      if (shape.kind === kind) ofKind += 1
      replayShape(shape, states, tally, name)
    }
    if (!filled) tally.empty += 1
  }
  if (ofKind === 0) refuse('no_trace_of_kind', { kind, traces: traces.length })
  if (tally.agree + tally.disagree === 0) refuse('nothing_replayed', { kind })
  return tally
}

function replayShape(shape: Shape, states: readonly Variables[], tally: Tally, name: string): void {
  try {
    shape.replay(states, tally, name)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    const { code, facts } = error.refusal
    throw new RefusalError(
      { code, facts: { trace: name, ...facts } },
      { cause: describeRefusal(error.refusal) },
    )
  }
}

/** Nothing for a trace without variables. The shape is that of every state or of none. */
function shapeOf(name: string, states: readonly Variables[]): Shape | undefined {
  const [first] = states
  const names = Object.keys(first ?? {})
  if (names.length === 0) return undefined
  const shape = SHAPES.find(({ variables }) => variables.every((each) => names.includes(each)))
  if (shape === undefined) {
    return refuse('shape_unknown', { trace: name, variables: names.join(' ').slice(0, 120) })
  }
  const whole = states.every((state) => shape.variables.every((each) => state[each] !== undefined))
  return whole
    ? shape
    : refuse('shape_unknown', { trace: name, reason: 'a state lacks a variable' })
}

function replayTransitions(states: readonly Variables[], tally: Tally, name: string): void {
  states.forEach((state, at) => {
    if (tag(state['input']) === 'NoConsensusInput') return
    const pre = field(state, 'pre')
    const self = text(field(pre, 'p'))
    compareCore(tally, `${name}[${at}]`, stateFromSpec(pre), self, state, field(state, 'post'))
  })
}

function replayCoreTrace(states: readonly Variables[], tally: Tally, name: string): void {
  states.forEach((state, at) => {
    const before = states[at - 1]
    if (before === undefined || tag(state['input']) === 'NoConsensusInput') return
    const pre = field(before, 'state')
    const self = text(field(pre, 'p'))
    compareCore(tally, `${name}[${at}]`, stateFromSpec(pre), self, state, field(state, 'state'))
  })
}

function compareCore(
  tally: Tally,
  where: string,
  pre: CoreState,
  self: string,
  state: Variables,
  post: Itf,
): void {
  const result = core(pre, coreInputFromSpec(field(state, 'input')), false)
  compare(tally, where, [
    ['output', coreOutputToSpec(result.output, self), outputFromSpec(field(state, 'output'))],
    ['state', stateToSpec(result.state, self), post],
  ])
}

/** Every vote is kept, as the specification does. */
const VARIANTS_ALL: number = Number.MAX_SAFE_INTEGER

interface KeeperRun {
  readonly keeper: VoteKeeper
  readonly validators: SpecValidators
  readonly evidence: Itf[]
}

function startKeeper(bookkeeper: Itf): KeeperRun {
  const validators = validatorsFromSpec(field(bookkeeper, 'validatorSet'))
  const keeper = newVoteKeeper(validators.powers, false, VARIANTS_ALL)
  return { keeper, validators, evidence: [] }
}

function replayKeeper(states: readonly Variables[], tally: Tally, name: string): void {
  let run: KeeperRun | undefined
  states.forEach((state, at) => {
    const bookkeeper = field(state, 'bk')
    if (run === undefined || entries(field(bookkeeper, 'rounds')).length === 0) {
      run = startKeeper(bookkeeper)
      return
    }
    const round = integer(field(state, 'currentRound'))
    const step = { vote: field(state, 'vote'), round, output: field(state, 'output') }
    compareKeeper(tally, `${name}[${at}]`, run, bookkeeper, step)
  })
}

function replayScenario(states: readonly Variables[], tally: Tally, name: string): void {
  let run: KeeperRun | undefined
  states.forEach((state, at) => {
    const bookkeeper = field(state, 'bookkeeper')
    const weighted = field(state, 'weightedVote')
    if (run === undefined || tag(weighted) === 'NoWeightedVote') {
      run = startKeeper(bookkeeper)
      return
    }
    const [vote, , round] = marked(field(weighted, 'value'), '#tup')
    const step = {
      vote: vote as Itf,
      round: integer(round),
      output: field(state, 'lastEmitted'),
    }
    compareKeeper(tally, `${name}[${at}]`, run, bookkeeper, step)
  })
}

function compareKeeper(
  tally: Tally,
  where: string,
  { keeper, validators, evidence }: KeeperRun,
  bookkeeper: Itf,
  step: { readonly vote: Itf; readonly round: number; readonly output: Itf },
): void {
  const result = applyVote(keeper, voteFromSpec(step.vote, validators.names), step.round)
  collectEvidence(evidence, keeper, result.conflicts, validators.names)
  const height = integer(field(bookkeeper, 'height'))
  compare(tally, where, [
    ['output', keeperOutputToSpec(result.output), step.output],
    ['bookkeeper', keeperToSpec(keeper, height, validators, evidence), bookkeeper],
  ])
}

function replayMisbehavior(states: readonly Variables[], tally: Tally, name: string): void {
  states.forEach((state, at) => {
    const { names, powers } = validatorsFromSpec(field(state, 'weights'))
    const votes = (variable: string) =>
      marked(field(state, variable), '#set').map((vote) => voteFromSpec(vote, names))
    const pairs = (
      found: readonly (readonly [
        ReturnType<typeof voteFromSpec>,
        ReturnType<typeof voteFromSpec>,
      ])[],
    ) => setOf(found.map((pair) => setOf(pair.map((vote) => voteToSpec(vote, names, true)))))
    compare(tally, `${name}[${at}]`, [
      ['dp', pairs(doublePrevotes(votes('a'), votes('b'), powers)), field(state, 'dp')],
      ['am', pairs(amnesiaVotes(votes('a'), votes('b'), powers)), field(state, 'am')],
    ])
  })
}
