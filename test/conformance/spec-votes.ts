/** The specification's votes and vote keeper, to and from ours. */

import { unreachable } from '../../src/base/assert.ts'
import type { Vote } from '../../src/consensus/types.ts'
import {
  type KeeperOutput,
  type KeeperResult,
  type RoundVotes,
  type VoteCount,
  type VoteKeeper,
  votesOf,
} from '../../src/consensus/vote-keeper.ts'
import type { VoteType } from '../../src/ledger/types/vote.ts'
import {
  entries,
  field,
  type Itf,
  int,
  integer,
  isRecord,
  mapOf,
  setOf,
  tagged,
  text,
  tuple,
} from './itf.ts'
import { valueFromSpec, valueToSpec, voteTypeFromSpec, voteTypeToSpec } from './spec-core.ts'

/** Validator names by index; strangers are appended and have no power. */
export class Names {
  readonly #names: string[]

  constructor(names: readonly string[]) {
    this.#names = [...names]
  }

  index(name: string): number {
    const known = this.#names.indexOf(name)
    return known >= 0 ? known : this.#names.push(name) - 1
  }

  name(index: number): string {
    return this.#names[index] ?? ''
  }
}

export interface SpecValidators {
  readonly names: Names
  readonly count: number
  readonly powers: readonly bigint[]
  readonly spec: Itf
}

/** Sorted by name, the order the specification's sets have. */
export function validatorsFromSpec(spec: Itf): SpecValidators {
  const sorted = entries(spec)
    .map(([name, power]) => ({ name: text(name), power: BigInt(integer(power)) }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
  return {
    names: new Names(sorted.map(({ name }) => name)),
    count: sorted.length,
    powers: sorted.map(({ power }) => power),
    spec,
  }
}

export function voteFromSpec(vote: Itf, names: Names): Vote {
  const validRound = isRecord(vote) ? vote['validRound'] : undefined
  return {
    type: voteTypeFromSpec(field(vote, 'voteType')),
    height: BigInt(integer(field(vote, 'height'))),
    round: integer(field(vote, 'round')),
    value: valueFromSpec(field(vote, 'valueId')),
    validRound: validRound === undefined ? -1 : integer(validRound),
    validator: names.index(text(field(vote, 'srcAddress'))),
    signature: new Uint8Array(64),
  }
}

export function voteToSpec(vote: Vote, names: Names, withValidRound = false): Itf {
  const spec = {
    voteType: voteTypeToSpec(vote.type),
    srcAddress: names.name(vote.validator),
    height: int(Number(vote.height)),
    round: int(vote.round),
    valueId: valueToSpec(vote.value),
  }
  return withValidRound ? { ...spec, validRound: int(vote.validRound) } : spec
}

export function keeperOutputToSpec(output: KeeperOutput): Itf {
  switch (output.kind) {
    case 'none':
      return tagged('NoVKOutput')
    case 'polka-any':
      return tagged('PolkaAnyVKOutput', int(output.round))
    case 'polka-nil':
      return tagged('PolkaNilVKOutput', int(output.round))
    case 'polka-value':
      return tagged('PolkaValueVKOutput', tuple(int(output.round), output.value))
    case 'precommit-any':
      return tagged('PrecommitAnyVKOutput', int(output.round))
    case 'precommit-value':
      return tagged('PrecommitValueVKOutput', tuple(int(output.round), output.value))
    case 'skip':
      return tagged('SkipVKOutput', int(output.round))
    default:
      return unreachable(output)
  }
}

/** Adds the sets of conflicting votes that a result names to the specification's evidence. */
export function collectEvidence(
  evidence: Itf[],
  keeper: VoteKeeper,
  conflicts: KeeperResult['conflicts'],
  names: Names,
): void {
  for (const [, vote] of conflicts) {
    const votes = keeper.rounds.get(vote.round)
    if (votes === undefined) continue
    const count = vote.type === 'prevote' ? votes.prevotes : votes.precommits
    const all = votesOf(count).filter((each) => each.validator === vote.validator)
    evidence.push(setOf(all.map((each) => voteToSpec(each, names))))
  }
}

export function keeperToSpec(
  keeper: VoteKeeper,
  height: number,
  validators: SpecValidators,
  evidence: readonly Itf[],
): Itf {
  return {
    height: int(height),
    validatorSet: validators.spec,
    evidence: setOf(evidence),
    rounds: mapOf(
      [...keeper.rounds.values()].map((votes) => [
        int(votes.round),
        roundToSpec(keeper, votes, height, validators.names),
      ]),
    ),
  }
}

function roundToSpec(keeper: VoteKeeper, votes: RoundVotes, height: number, names: Names): Itf {
  return {
    height: int(height),
    round: int(votes.round),
    prevotes: countToSpec(keeper, votes.prevotes, 'prevote', names),
    precommits: countToSpec(keeper, votes.precommits, 'precommit', names),
    emittedOutputs: setOf([...votes.emitted.values()].map(keeperOutputToSpec)),
    votesAddressesWeights: mapOf(
      [...votes.voters].map((voter) => [
        names.name(voter),
        int(Number(keeper.powers[voter] ?? 0n)),
      ]),
    ),
  }
}

function countToSpec(keeper: VoteKeeper, count: VoteCount, type: VoteType, names: Names): Itf {
  const votes = votesOf(count).filter((vote) => vote.type === type)
  const counted = new Set(count.first.map((vote) => vote?.value))
  return {
    totalWeight: int(Number(keeper.total)),
    receivedVotes: setOf(votes.map((vote) => voteToSpec(vote, names))),
    votesAddresses: setOf(votes.map((vote) => names.name(vote.validator))),
    valuesWeights: mapOf(
      [...count.tallies.values()]
        .filter((tally) => tally.weight > 0n || counted.has(tally.value))
        .map((tally) => [valueToSpec(tally.value), int(Number(tally.weight))]),
    ),
  }
}
