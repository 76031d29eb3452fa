/**
 * Validators: bonds, standing, and the set in force at each height.
 *
 *   bonded -> active <-> jailed        downtime; `unjail` after the sentence
 *               |-> leaving            all of the bond asked back
 *               '-> tombstoned         a consensus fault; for ever
 *
 * Invariants
 *   - What block H changes is in force from H+2: the header of H+1 commits to it.
 *   - A block changes at most a third of the power, tombstones first; a larger change is made in
 *     parts, one a block. The last validator stays.
 *   - A VRF key is used two epochs after it was registered, so that nobody picks one that suits the
 *     beacon it already sees; a newcomer joins the set once its key may be used.
 *   - Sets are kept for `evidence_age`, so that old offences can be judged by the powers of then.
 *
 * Source: protocol.md §3, §6.
 */

import { NBLOCK_PER_BLOCK } from '../base/amount.ts'
import { assert } from '../base/assert.ts'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import {
  bool,
  bytes32,
  bytesOf,
  container,
  type Decoded,
  list,
  optional,
  u8,
  u32,
  u64,
  u128,
} from '../base/codec.ts'
import { isAdmissibleKey } from '../base/ed25519-keys.ts'
import { refuse } from '../base/refusal.ts'
import { type Params, WINDOW_KEYS } from '../governance/params.ts'
import { account, move, pot } from './accounts.ts'
import { type Execution, emit } from './execution.ts'
import { oldestJudgedHeight } from './retention.ts'
import { numberKey, type Reader, table, type View } from './state.ts'
import { VALIDATORS_MAX } from './types/block.ts'
import type { ActionPayload } from './types/transaction.ts'
import { ROLE_VALIDATOR } from './types/transaction.ts'
import {
  initialPriorities,
  nextPriorities,
  type Priorities,
  type Validator,
  ValidatorCodec,
  type ValidatorSet,
  validatorSet,
} from './types/validator-set.ts'

const DOWNTIME_BYTES = 75

/** Epochs between the registration of a VRF key and its use. */
export const VRF_DELAY_EPOCHS = 2n

const ValidatorRecordCodec = container({
  consensusKey: bytes32,
  vrfKey: bytes32,
  /** First height at which `vrfKey` may be used. */
  vrfFrom: u64,
  /** The key that takes its place. */
  nextVrf: optional(container({ key: bytes32, from: u64 })),
  bond: u128,
  /** Height until which it is jailed; 0 when it is not. */
  jailedUntil: u64,
  tombstoned: bool,
  /** Height from which missed signatures count. */
  countedFrom: u64,
  /** Ring of missed signatures, one bit a block. */
  missed: bytesOf(DOWNTIME_BYTES),
  missedCount: u32,
})
export type ValidatorRecord = Decoded<typeof ValidatorRecordCodec>
export const VALIDATORS = table('validators', ValidatorRecordCodec)

const SetCodec = container({ members: list(ValidatorCodec, VALIDATORS_MAX) })
const SETS = table('validator-sets', SetCodec)
/** Proposer priorities of a height, two's complement. */
const RotationCodec = container({ priorities: list(u64, VALIDATORS_MAX) })
const ROTATIONS = table('rotations', RotationCodec)

const UnbondingCodec = container({ owner: bytes32, role: u8, value: u128 })
export const UNBONDING = table('unbonding', UnbondingCodec)

/** The set in force at `height`, sorted by id; undefined when it is no longer, or never was, kept. */
export function keptValidatorsAt(reader: Reader, height: bigint): readonly Validator[] | undefined {
  return reader.floor(SETS, numberKey(height))?.[1].members
}

/** The set in force at a height of which the set is known to be kept. */
export function validatorsAt(reader: Reader, height: bigint): readonly Validator[] {
  const members = keptValidatorsAt(reader, height)
  assert(members !== undefined, 'a set is kept for every height that is asked for')
  return members
}

export function prioritiesAt(reader: Reader, height: bigint): Priorities {
  const rotation = reader.get(ROTATIONS, numberKey(height))
  assert(rotation !== undefined, 'priorities are known one height ahead')
  return rotation.priorities.map((each) => BigInt.asIntN(64, each))
}

export function validatorOf(reader: Reader, id: string): ValidatorRecord | undefined {
  return reader.get(VALIDATORS, id)
}

/** The member of a set, by hex account id. */
export function memberOf(members: readonly Validator[], id: string): Validator | undefined {
  return members.find((member) => toHex(member.id) === id)
}

export function totalPower(members: readonly Validator[]): bigint {
  return members.reduce((sum, { power }) => sum + power, 0n)
}

/** First bond or more of it. */
export function bondValidator(
  execution: Execution,
  sender: string,
  { value, consensusKey, vrfKey }: ActionPayload<'bond'>,
): void {
  const { view, block } = execution
  const known = validatorOf(view, sender)
  if (known?.tombstoned) refuse('validator_tombstoned', { validator: sender })
  if (value === 0n) refuse('bond_value_zero', { validator: sender })
  const least = block.params.validator_min_bond
  const bond = (known?.bond ?? 0n) + value
  if (bond < least) refuse('bond_too_small', { bond, least })
  if (known === undefined) requireKeys(view, consensusKey, vrfKey)
  move(execution, account(sender), pot('bonds'), value)
  const fresh = { ...newValidatorRecord(consensusKey, vrfKey, bond), vrfFrom: vrfFrom(execution) }
  view.put(VALIDATORS, sender, { ...(known ?? fresh), bond })
  emit(execution, { kind: 'validator-bonded', subject: sender, actor: sender, value })
}

function vrfFrom({ block }: Execution): bigint {
  return block.height + VRF_DELAY_EPOCHS * block.params.epoch_blocks
}

function requireKeys(view: View, consensusKey: Uint8Array, vrfKey: Uint8Array): void {
  for (const [role, key] of Object.entries({ consensusKey, vrfKey })) {
    if (!isAdmissibleKey(key)) refuse('key_inadmissible', { role, key: toHex(key) })
  }
  requireFreeKey(view, consensusKey)
}

function requireFreeKey(view: View, consensusKey: Uint8Array): void {
  const taken = view
    .entries(VALIDATORS)
    .some(([, record]) => equalBytes(record.consensusKey, consensusKey))
  if (taken) refuse('consensus_key_taken', { key: toHex(consensusKey) })
}

/** Asks a bond back; it stays locked, and can be slashed, for `unbonding_blocks`. */
export function unbondValidator(execution: Execution, sender: string, value: bigint): void {
  const { view, block } = execution
  const record = requireValidator(view, sender)
  if (value === 0n) refuse('bond_value_zero', { validator: sender })
  if (record.bond < value) refuse('bond_insufficient', { bond: record.bond, asked: value })
  const left = record.bond - value
  const least = block.params.validator_min_bond
  if (left !== 0n && left < least) refuse('bond_too_small', { bond: left, least })
  view.put(VALIDATORS, sender, { ...record, bond: left })
  startUnbonding(execution, sender, ROLE_VALIDATOR, value)
  emit(execution, { kind: 'validator-unbonding', subject: sender, actor: sender, value })
}

export function startUnbonding(
  { view, block }: Execution,
  owner: string,
  role: number,
  value: bigint,
): void {
  const release = numberKey(block.height + block.params.unbonding_blocks)
  const key = `${release}/${owner}/${role}`
  const pending = view.get(UNBONDING, key)?.value ?? 0n
  view.put(UNBONDING, key, { owner: fromHex(owner), role, value: pending + value })
}

export function unjail(execution: Execution, sender: string): void {
  const { view, block } = execution
  const record = requireValidator(view, sender)
  if (record.tombstoned) refuse('validator_tombstoned', { validator: sender })
  if (record.jailedUntil === 0n) refuse('validator_not_jailed', { validator: sender })
  if (record.jailedUntil > block.height) {
    refuse('validator_jailed', { validator: sender, until: record.jailedUntil })
  }
  view.put(VALIDATORS, sender, {
    ...record,
    ...uncounted(block.height + 2n),
    jailedUntil: 0n,
  })
  emit(execution, { kind: 'validator-unjailed', subject: sender, actor: sender })
}

export function rotateKey(
  execution: Execution,
  sender: string,
  { consensusKey, vrfKey }: ActionPayload<'rotate-key'>,
): void {
  const { view, block } = execution
  const record = requireValidator(view, sender)
  if (record.tombstoned) refuse('validator_tombstoned', { validator: sender })
  requireKeys(view, consensusKey, vrfKey)
  const usable = usableVrf(record, block.height)
  const isSame = equalBytes(vrfKey, usable.vrfKey)
  const nextVrf = isSame ? null : { key: vrfKey, from: vrfFrom(execution) }
  view.put(VALIDATORS, sender, { ...record, ...usable, consensusKey, nextVrf })
  emit(execution, { kind: 'key-rotated', subject: sender, actor: sender })
}

/** The VRF key that may be used at `height`. */
function usableVrf(
  { vrfKey, vrfFrom: from, nextVrf }: ValidatorRecord,
  height: bigint,
): Pick<ValidatorRecord, 'vrfKey' | 'vrfFrom'> {
  if (nextVrf === null || nextVrf.from > height) return { vrfKey, vrfFrom: from }
  return { vrfKey: nextVrf.key, vrfFrom: nextVrf.from }
}

function requireValidator(view: View, id: string): ValidatorRecord {
  return validatorOf(view, id) ?? refuse('validator_unknown', { validator: id })
}

/** Takes `ppm` of bond and unbonding, burns it. @returns nBLOCK burned. */
export function slashValidator(
  execution: Execution,
  id: string,
  ppm: bigint,
  reason: string,
): bigint {
  const { view } = execution
  const record = requireValidator(view, id)
  const fromBond = (record.bond * ppm) / 1_000_000n
  view.put(VALIDATORS, id, { ...record, bond: record.bond - fromBond })
  let burned = fromBond
  for (const [key, entry] of view.entries(UNBONDING)) {
    if (toHex(entry.owner) !== id || entry.role !== ROLE_VALIDATOR) continue
    const part = (entry.value * ppm) / 1_000_000n
    view.put(UNBONDING, key, { ...entry, value: entry.value - part })
    burned += part
  }
  move(execution, pot('bonds'), pot('burned'), burned)
  emit(execution, { kind: 'validator-slashed', subject: id, actor: id, value: burned, reason })
  return burned
}

export function jail(execution: Execution, id: string, until: bigint, reason: string): void {
  const record = requireValidator(execution.view, id)
  execution.view.put(VALIDATORS, id, { ...record, jailedUntil: until })
  emit(execution, { kind: 'validator-jailed', subject: id, count: until, reason })
}

export function tombstone(execution: Execution, id: string): void {
  const record = requireValidator(execution.view, id)
  execution.view.put(VALIDATORS, id, { ...record, tombstoned: true })
}

/** Counts who did not sign the parent; who misses too many is jailed, not slashed. */
export function countSignatures(execution: Execution, signers: ReadonlySet<number>): void {
  const { view, block } = execution
  const parent = block.height - 1n
  const window = block.params.downtime_window
  const members = validatorsAt(view, parent)
  members.forEach((member, index) => {
    const id = toHex(member.id)
    const record = validatorOf(view, id)
    if (record === undefined || record.jailedUntil > 0n || record.countedFrom > parent) return
    countOne(execution, id, record, !signers.has(index), window)
  })
}

function countOne(
  execution: Execution,
  id: string,
  record: ValidatorRecord,
  missed: boolean,
  window: bigint,
): void {
  const { view, block } = execution
  const at = Number(block.height % window)
  const bit = 1 << (at & 7)
  const before = ((record.missed[at >> 3] as number) & bit) !== 0
  if (before === missed) return
  const ring = Uint8Array.from(record.missed)
  ring[at >> 3] = (ring[at >> 3] as number) ^ bit
  const missedCount = countBits(ring, Number(window))
  view.put(VALIDATORS, id, { ...record, missed: ring, missedCount })
  const allowed = window - (window * block.params.downtime_min_signed_bps) / 10_000n
  const whole = block.height >= record.countedFrom + window
  if (whole && BigInt(missedCount) > allowed) {
    jail(execution, id, block.height + block.params.downtime_jail_blocks, 'downtime')
  }
}

/** Set bits among the first `count`: a window that governance has narrowed forgets the rest. */
function countBits(ring: Uint8Array, count: number): number {
  let bits = 0
  for (let at = 0; at < count; at++) bits += ((ring[at >> 3] as number) >> (at & 7)) & 1
  return bits
}

function uncounted(from: bigint): Pick<ValidatorRecord, 'missed' | 'missedCount' | 'countedFrom'> {
  return { missed: new Uint8Array(DOWNTIME_BYTES), missedCount: 0, countedFrom: from }
}

/** A validator let a window close without a word: counted as a missed signature. */
export function missDuty(execution: Execution, id: string): void {
  const { view, block } = execution
  const record = validatorOf(view, id)
  if (record === undefined || record.jailedUntil > 0n || record.countedFrom > block.height) return
  countOne(execution, id, record, true, block.params.downtime_window)
}

/** Gives back what has been unbonding long enough. */
export function releaseBonds(execution: Execution): void {
  const { view, block } = execution
  for (const [key, entry] of view.entries(UNBONDING, `${numberKey(block.height)}/`)) {
    const owner = toHex(entry.owner)
    move(execution, pot('bonds'), account(owner), entry.value)
    view.remove(UNBONDING, key)
    emit(execution, { kind: 'bond-released', subject: owner, actor: owner, value: entry.value })
  }
}

/** At the end of block H: the set of H+2 and its proposer priorities. */
export function updateValidators(execution: Execution): void {
  const { view, block } = execution
  const from = block.height + 2n
  const before = validatorsAt(view, from)
  const after = changed(execution, before)
  if (after !== before) view.put(SETS, numberKey(from), { members: [...after] })
  rotate(view, block.height + 1n)
  prune(view, block.height, longestWindow(block.params))
}

function rotate(view: View, height: bigint): void {
  const set = validatorSet(validatorsAt(view, height))
  const next = validatorSet(validatorsAt(view, height + 1n))
  putPriorities(view, height + 1n, nextPriorities(set, prioritiesAt(view, height), next))
  view.remove(ROTATIONS, numberKey(height - 2n))
}

function putPriorities(view: View, height: bigint, priorities: Priorities): void {
  const encoded = priorities.map((each) => BigInt.asUintN(64, each))
  view.put(ROTATIONS, numberKey(height), { priorities: encoded })
}

/** How long after a height its set may still be asked for. */
function longestWindow(params: Params): bigint {
  const { evidence_age: age } = params
  return WINDOW_KEYS.reduce((most, key) => (params[key] > most ? params[key] : most), age)
}

/**
 * Sets older than any offence that may still be punished, and than anything that is still judged by
 * them, are dropped, but the last before it.
 */
function prune(view: View, height: bigint, age: bigint): void {
  if (height <= age) return
  const sets = view.entries(SETS)
  if (setsUpTo(sets, height - age).length < 2) return
  const oldest = oldestJudgedHeight(view, height - age)
  for (const [key] of setsUpTo(sets, oldest).slice(0, -1)) view.remove(SETS, key)
}

function setsUpTo<Value>(sets: readonly (readonly [string, Value])[], height: bigint) {
  const last = numberKey(height)
  return sets.filter(([key]) => key <= last)
}

/** The member that the record makes at height `from`, if it makes one. */
function wantedMember(
  id: string,
  record: ValidatorRecord,
  least: bigint,
  from: bigint,
): Validator | undefined {
  if (record.tombstoned || record.jailedUntil > 0n || record.bond < least) return undefined
  const { vrfKey, vrfFrom: usableFrom } = usableVrf(record, from)
  if (usableFrom > from) return undefined
  const { consensusKey, bond } = record
  return { id: fromHex(id), consensusKey, vrfKey, power: bond / NBLOCK_PER_BLOCK }
}

interface Step {
  readonly id: string
  readonly from: Validator | undefined
  readonly to: Validator | undefined
  /** Tombstones first, then leavers, then changes, then newcomers. */
  readonly order: number
}

function changed(execution: Execution, before: readonly Validator[]): readonly Validator[] {
  const { view, block } = execution
  const height = block.height + 2n
  const steps = stepsFrom(view, before, block.params.validator_min_bond, height)
  if (steps.length === 0) return before
  const total = totalPower(before)
  const members = new Map(before.map((member) => [toHex(member.id), member]))
  // A total below three still changes, by one.
  let left = total < 3n ? 1n : total / 3n
  for (const step of steps) {
    const isLast = step.to === undefined && members.size === 1
    const isFull = step.from === undefined && members.size >= VALIDATORS_MAX
    if (isLast || isFull) continue
    const { member, spent } = stepWithin(step, left)
    if (spent === 0n && sameMember(step.from, member)) continue
    left -= spent
    if (member === undefined) members.delete(step.id)
    else members.set(step.id, member)
    announce(execution, step, member, height)
  }
  return validatorSet([...members.values()]).members
}

/** As much of a change as the power left allows. */
function stepWithin(
  { from, to }: Step,
  left: bigint,
): { readonly member: Validator | undefined; readonly spent: bigint } {
  const [power, target] = [from?.power ?? 0n, to?.power ?? 0n]
  const distance = power > target ? power - target : target - power
  if (distance <= left) return { member: to, spent: distance }
  const reached = power > target ? power - left : power + left
  const keys = to ?? from
  assert(keys !== undefined, 'a step is of somebody')
  return { member: reached === 0n ? undefined : { ...keys, power: reached }, spent: left }
}

function announce(
  execution: Execution,
  { id, from }: Step,
  member: Validator | undefined,
  height: bigint,
): void {
  const { view } = execution
  if (from === undefined) {
    view.put(VALIDATORS, id, { ...requireValidator(view, id), ...uncounted(height) })
  }
  const kind = member === undefined ? 'validator-removed' : 'validator-activated'
  emit(execution, { kind, subject: id, count: height, value: member?.power ?? 0n })
}

function stepsFrom(
  view: View,
  before: readonly Validator[],
  least: bigint,
  height: bigint,
): Step[] {
  const now = new Map(before.map((member) => [toHex(member.id), member]))
  const steps: Step[] = []
  for (const [id, record] of view.entries(VALIDATORS)) {
    const from = now.get(id)
    const to = wantedMember(id, record, least, height)
    if (!sameMember(from, to)) steps.push({ id, from, to, order: orderOf(record, from, to) })
  }
  return steps.sort((left, right) => left.order - right.order)
}

function orderOf(
  record: ValidatorRecord,
  from: Validator | undefined,
  to: Validator | undefined,
): number {
  if (record.tombstoned) return 0
  if (to === undefined) return 1
  return from === undefined ? 3 : 2
}

function sameMember(from: Validator | undefined, to: Validator | undefined): boolean {
  if (from === undefined || to === undefined) return from === to
  return (
    from.power === to.power &&
    equalBytes(from.consensusKey, to.consensusKey) &&
    equalBytes(from.vrfKey, to.vrfKey)
  )
}

/** Genesis: the first set and its rotation. */
export function installValidators(
  view: View,
  validators: readonly { readonly id: string; readonly record: ValidatorRecord }[],
): ValidatorSet {
  for (const { id, record } of validators) view.put(VALIDATORS, id, record)
  const members = validators.flatMap(({ id, record }) => wantedMember(id, record, 1n, 1n) ?? [])
  const set = validatorSet(members)
  view.put(SETS, numberKey(1n), { members: [...set.members] })
  putPriorities(view, 1n, initialPriorities(set))
  putPriorities(view, 2n, nextPriorities(set, initialPriorities(set), set))
  return set
}

export function newValidatorRecord(
  consensusKey: Uint8Array,
  vrfKey: Uint8Array,
  bond: bigint,
): ValidatorRecord {
  const standing = { jailedUntil: 0n, tombstoned: false, ...uncounted(1n) }
  return { consensusKey, vrfKey, vrfFrom: 0n, nextVrf: null, bond, ...standing }
}

/**
 * A bonded newcomer waits for the height its VRF key may be used from. Blocks go on meanwhile: else
 * whoever joins an idle chain waits two epochs of heartbeats.
 */
export function joinPending(reader: Reader, height: bigint, params: Params): boolean {
  return reader
    .entries(VALIDATORS)
    .some(
      ([, { bond, tombstoned, jailedUntil, vrfFrom: usableFrom }]) =>
        usableFrom > height &&
        bond >= params.validator_min_bond &&
        !tombstoned &&
        jailedUntil === 0n,
    )
}

/** Everything validators have locked, unbonding included. */
export function bondedByValidators(reader: Reader): bigint {
  const bonds = reader.entries(VALIDATORS).reduce((sum, [, { bond }]) => sum + bond, 0n)
  return reader.entries(UNBONDING).reduce((sum, [, { value }]) => sum + value, bonds)
}
