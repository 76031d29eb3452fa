/**
 * The validators of one height, in order, and whose turn it is to propose.
 *
 *   priorities(H) --advance--> round 0 --advance--> round 1 ...       (within a height)
 *   priorities(H+1) = priorities(H) advanced once, carried over to the set of H+1
 *
 * Turns are a weighted smooth round robin: each step adds its power to every priority, the highest
 * proposes and pays the total. All nodes compute the same from the stored priorities.
 *
 * Invariants
 *   - Members are sorted by id; an index means the same everywhere for one height.
 *   - Over any T steps from equal priorities (T the total power) each proposes exactly p_i times.
 *   - Priorities sum to less than one step's rounding and differ by at most 2T.
 *
 * Source: CometBFT spec/consensus/proposer-selection.md (the algorithm); protocol.md §3.
 */

import { assert } from '../../base/assert.ts'
import { compareBytes, toHex } from '../../base/bytes.ts'
import {
  bytes32,
  type Codec,
  container,
  type Decoded,
  hashTreeRoot,
  list,
  u64,
} from '../../base/codec.ts'
import { VALIDATORS_MAX } from './block.ts'

/** Round of consensus, from 0. */
type Round = number

const validator = container({
  /** Operator account. */
  id: bytes32,
  consensusKey: bytes32,
  vrfKey: bytes32,
  power: u64,
})
export type Validator = Decoded<typeof validator>
export const ValidatorCodec: Codec<Validator> = validator
export const ValidatorListCodec: Codec<readonly Validator[]> = list(validator, VALIDATORS_MAX)

export interface ValidatorSet {
  readonly members: readonly Validator[]
  readonly powers: readonly bigint[]
  readonly total: bigint
}

/** One number for each member, in their order. */
export type Priorities = readonly bigint[]

/** Highest spread of priorities, in totals. */
const SPREAD_TOTALS = 2n
/** A newcomer starts this far behind, in eighths of the total: leaving and returning never pays. */
const NEWCOMER_EIGHTHS = 9n
/** Steps worked out before the cycle is cut short; rounds go by in seconds. */
const ROUNDS_COMPUTED_MAX = 10_000

export function validatorSet(members: readonly Validator[]): ValidatorSet {
  const sorted = [...members].sort((left, right) => compareBytes(left.id, right.id))
  assert(sorted.length > 0, 'the last validator is never removed')
  assert(sorted.length <= VALIDATORS_MAX, 'a validator set has at most 128 members')
  assert(
    sorted.every((member) => member.power > 0n),
    'every validator has power',
  )
  assert(
    new Set(sorted.map(({ id }) => toHex(id))).size === sorted.length,
    'every validator stands in the set once',
  )
  const powers = sorted.map(({ power }) => power)
  return { members: sorted, powers, total: powers.reduce((sum, power) => sum + power, 0n) }
}

/** hash_tree_root of the ordered list; the header's `validatorsHash`. */
export function validatorsHash({ members }: ValidatorSet): Uint8Array {
  return hashTreeRoot(ValidatorListCodec, members)
}

export function indexOf({ members }: ValidatorSet, id: Uint8Array): number | undefined {
  const found = members.findIndex((member) => compareBytes(member.id, id) === 0)
  return found < 0 ? undefined : found
}

export function initialPriorities({ members }: ValidatorSet): Priorities {
  return members.map(() => 0n)
}

/** Index of the proposer of `round`, given the priorities of the height. */
export function proposer(set: ValidatorSet, priorities: Priorities, round: Round): number {
  assert(round >= 0, 'a round has a proposer')
  let current = priorities
  let turn = 0
  // Steps beyond the bound repeat from the start: still the same for every node.
  for (let left = round % ROUNDS_COMPUTED_MAX; left >= 0; left--) {
    ;({ priorities: current, turn } = advance(set, current))
  }
  return turn
}

/**
 * One step: everyone gains its power, the highest (ties to the lower index) proposes and pays the
 * total.
 */
export function advance(
  set: ValidatorSet,
  priorities: Priorities,
): { readonly priorities: Priorities; readonly turn: number } {
  assert(priorities.length === set.members.length, 'every member has a priority')
  const raised = priorities.map((priority, index) => priority + (set.powers[index] as bigint))
  const turn = raised.reduce(
    (best, priority, index) => (priority > (raised[best] as bigint) ? index : best),
    0,
  )
  raised[turn] = (raised[turn] as bigint) - set.total
  return { priorities: raised, turn }
}

/**
 * The priorities for the next height: one step on, carried over to the set `next`, newcomers behind,
 * the spread cut to 2T and the whole centred.
 */
export function nextPriorities(
  set: ValidatorSet,
  priorities: Priorities,
  next: ValidatorSet,
): Priorities {
  const stepped = advance(set, priorities).priorities
  if (sameMembers(set, next)) return stepped
  const carried = new Map(set.members.map(({ id }, index) => [toHex(id), stepped[index] as bigint]))
  const newcomer = -(next.total * NEWCOMER_EIGHTHS) / 8n
  const kept = next.members.map(({ id }) => carried.get(toHex(id)) ?? newcomer)
  return centred(narrowed(kept, next.total))
}

function sameMembers(left: ValidatorSet, right: ValidatorSet): boolean {
  if (left.members.length !== right.members.length) return false
  return left.members.every((member, index) => {
    const other = right.members[index] as Validator
    return compareBytes(member.id, other.id) === 0 && member.power === other.power
  })
}

function narrowed(priorities: Priorities, total: bigint): Priorities {
  const most = priorities.reduce((best, each) => (each > best ? each : best))
  const least = priorities.reduce((best, each) => (each < best ? each : best))
  const limit = SPREAD_TOTALS * total
  const spread = most - least
  if (spread <= limit) return priorities
  const ratio = (spread + limit - 1n) / limit
  return priorities.map((each) => each / ratio)
}

function centred(priorities: Priorities): Priorities {
  const sum = priorities.reduce((whole, each) => whole + each, 0n)
  const count = BigInt(priorities.length)
  const average = (sum - (((sum % count) + count) % count)) / count
  return priorities.map((each) => each - average)
}
