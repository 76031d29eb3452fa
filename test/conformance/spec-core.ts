/** The specification's core inputs, outputs and states, to and from ours. */

import { unreachable } from '../../src/base/assert.ts'
import { refuse } from '../../src/base/refusal.ts'
import type { CoreInput, CoreOutput, CoreState, CoreStep } from '../../src/consensus/core.ts'
import type { VoteType } from '../../src/ledger/types/vote.ts'
import { field, type Itf, int, integer, marked, tag, tagged, text, tuple } from './itf.ts'

const STEPS: Readonly<Record<CoreStep, string>> = {
  none: 'NoStep',
  unstarted: 'UnstartedStep',
  propose: 'ProposeStep',
  prevote: 'PrevoteStep',
  precommit: 'PrecommitStep',
  commit: 'CommitStep',
}
const TIMEOUTS = {
  propose: 'ProposeTimeout',
  prevote: 'PrevoteTimeout',
  precommit: 'PrecommitTimeout',
} as const
const VOTES: Readonly<Record<VoteType, string>> = { prevote: 'Prevote', precommit: 'Precommit' }

export const stepToSpec = (step: CoreStep): Itf => tagged(STEPS[step])
export const voteTypeToSpec = (type: VoteType): Itf => tagged(VOTES[type])

export function voteTypeFromSpec(value: Itf | undefined): VoteType {
  return keyOf(VOTES, tag(value))
}

export function timeoutFromSpec(value: Itf | undefined): keyof typeof TIMEOUTS {
  return keyOf(TIMEOUTS, tag(value))
}

export function valueToSpec(value: string | null): Itf {
  return value === null ? tagged('Nil') : tagged('Val', value)
}

export function valueFromSpec(value: Itf | undefined): string | null {
  switch (tag(value)) {
    case 'Nil':
      return null
    case 'Val':
      return text(field(value, 'value'))
    default:
      return refuse('tag_unknown', { tag: tag(value) })
  }
}

export function stateFromSpec(value: Itf): CoreState {
  return {
    height: BigInt(integer(field(value, 'height'))),
    round: integer(field(value, 'round')),
    step: keyOf(STEPS, tag(field(value, 'step'))),
    lockedRound: integer(field(value, 'lockedRound')),
    lockedValue: valueFromSpec(field(value, 'lockedValue')),
    validRound: integer(field(value, 'validRound')),
    validValue: valueFromSpec(field(value, 'validValue')),
  }
}

export function stateToSpec(state: CoreState, self: string): Itf {
  return {
    p: self,
    height: int(Number(state.height)),
    round: int(state.round),
    step: stepToSpec(state.step),
    lockedRound: int(state.lockedRound),
    lockedValue: valueToSpec(state.lockedValue),
    validRound: int(state.validRound),
    validValue: valueToSpec(state.validValue),
  }
}

/** @throws RefusalError tag_unknown | itf_malformed. */
export function coreInputFromSpec(input: Itf): CoreInput {
  const value = field(input, 'value')
  const pair = (): readonly Itf[] => marked(value, '#tup')
  switch (tag(input)) {
    case 'NewRoundCInput':
      return { kind: 'new-round', round: integer(value) }
    case 'NewRoundProposerCInput':
      return { kind: 'new-round-proposer', round: integer(value) }
    case 'ProposeValueCInput':
      return { kind: 'propose-value', value: text(value) }
    case 'ProposalCInput':
      return { kind: 'proposal', round: integer(pair()[0]), value: valueFromSpec(pair()[1]) }
    case 'ProposalAndPolkaPreviousAndValidCInput':
      return {
        kind: 'proposal-and-polka-previous',
        value: valueFromSpec(pair()[0]),
        validRound: integer(pair()[1]),
      }
    case 'ProposalInvalidCInput':
      return { kind: 'proposal-invalid' }
    case 'ProposalAndPolkaAndInvalidCInput':
      return { kind: 'proposal-invalid-and-polka', validRound: -1 }
    case 'PolkaNilCInput':
      return { kind: 'polka-nil' }
    case 'PolkaAnyCInput':
      return { kind: 'polka-any' }
    case 'ProposalAndPolkaAndValidCInput':
      return { kind: 'proposal-and-polka', value: valueFromSpec(value) }
    case 'PrecommitAnyCInput':
      return { kind: 'precommit-any' }
    case 'ProposalAndCommitAndValidCInput':
      return { kind: 'proposal-and-commit', round: integer(pair()[0]), value: text(pair()[1]) }
    case 'RoundSkipCInput':
      return { kind: 'round-skip', round: integer(value) }
    default:
      return timeoutInputFromSpec(input)
  }
}

function timeoutInputFromSpec(input: Itf): CoreInput {
  const kinds = {
    TimeoutProposeCInput: 'propose',
    TimeoutPrevoteCInput: 'prevote',
    TimeoutPrecommitCInput: 'precommit',
  } as const
  const timeout = kinds[tag(input) as keyof typeof kinds]
  if (timeout === undefined) return refuse('tag_unknown', { tag: tag(input) })
  const [height, round] = marked(field(input, 'value'), '#tup')
  return { kind: 'timeout', timeout, height: BigInt(integer(height)), round: integer(round) }
}

/** A refusal's text is not part of the comparison. */
export function coreOutputToSpec(output: CoreOutput, self: string): Itf {
  switch (output.kind) {
    case 'none':
      return tagged('NoConsensusOutput')
    case 'refused':
      return tagged('ErrorOutput', '')
    case 'proposal': {
      const { height, round, value, validRound } = output
      return tagged('ProposalOutput', proposalToSpec({ height, round, value, validRound, self }))
    }
    case 'get-value':
      return tagged(
        'GetValueAndScheduleTimeoutOutput',
        tuple(int(Number(output.height)), int(output.round), tagged('ProposeTimeout')),
      )
    case 'vote':
      return tagged('VoteOutput', {
        voteType: voteTypeToSpec(output.type),
        srcAddress: self,
        height: int(Number(output.height)),
        round: int(output.round),
        valueId: valueToSpec(output.value),
      })
    case 'timeout':
      return tagged('TimeoutOutput', tuple(int(output.round), tagged(TIMEOUTS[output.timeout])))
    case 'decided':
      return tagged('DecidedOutput', tuple(int(output.round), output.value))
    case 'skip-round':
      return tagged('SkipRoundOutput', int(output.round))
    default:
      return unreachable(output)
  }
}

export function proposalToSpec(proposal: {
  readonly height: bigint
  readonly round: number
  readonly value: string
  readonly validRound: number
  readonly self: string
}): Itf {
  return {
    srcAddress: proposal.self,
    height: int(Number(proposal.height)),
    round: int(proposal.round),
    proposal: proposal.value,
    validRound: int(proposal.validRound),
  }
}

/** Drops the text of an error, which the specification does not fix. */
export function outputFromSpec(output: Itf): Itf {
  return tag(output) === 'ErrorOutput' ? tagged('ErrorOutput', '') : output
}

function keyOf<Key extends string>(table: Readonly<Record<Key, string>>, value: string): Key {
  const found = (Object.keys(table) as Key[]).find((key) => table[key] === value)
  return found ?? refuse('tag_unknown', { tag: value })
}
