/**
 * Programs: canonical representations whose weights the validators hold.
 *
 *   pending --two thirds available--> available --retire, no job open--> retired
 *      |--window closes--> expired (weights_unavailable)
 *   expired, retired --register again--> pending
 *
 * A program without weights has nothing to hold and is available at once.
 *
 * Invariants
 *   - A program's id is the BLAKE3 of its representation, so a record never changes its meaning.
 *   - The deposit is held while the program is pending or available, and then given back.
 *
 * Source: protocol.md §4.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { decodeProgram, programDigest } from '../program/ir.ts'
import { tensorBytes } from '../program/shape.ts'
import type { Program } from '../program/types.ts'
import { account, move, pot } from './accounts.ts'
import { openWindow } from './attestations-windows.ts'
import { schedule } from './deadlines-due.ts'
import { type Execution, emit } from './execution.ts'
import {
  CLOSED_WINDOWS,
  drop,
  PROGRAM,
  PROGRAM_CODE,
  PROGRAMS,
  type ProgramRecord,
  reasonBytes,
  reasonText,
} from './market-records.ts'
import type { Reader } from './state.ts'
import type { ActionPayload } from './types/transaction.ts'

export const WEIGHTS_UNAVAILABLE = 'weights_unavailable'

/** Decoded programs kept at hand; ids name contents, so a kept one is never wrong. */
const DECODED_MAX = 64
const decoded = new Map<string, Program>()

/** A program as the rest of the node wants it. */
export interface RegisteredProgram {
  readonly id: string
  readonly owner: string
  readonly name: string
  readonly state: 'pending' | 'available' | 'expired' | 'retired'
  readonly reason: string
  readonly registeredHeight: bigint
  readonly program: Program
  /** The canonical representation. */
  readonly bytes: Uint8Array
  readonly weights: ProgramRecord['weights']
}

const NAMES: readonly RegisteredProgram['state'][] = ['pending', 'available', 'expired', 'retired']

export function programRecordOf(reader: Reader, id: string): ProgramRecord | undefined {
  return reader.get(PROGRAMS, id)
}

export function programOf(reader: Reader, id: string): RegisteredProgram | undefined {
  const record = programRecordOf(reader, id)
  const bytes = reader.get(PROGRAM_CODE, id)?.ir
  if (record === undefined || bytes === undefined) return undefined
  return {
    id,
    owner: toHex(record.owner),
    name: reasonText(record.name),
    state: NAMES[record.state] as RegisteredProgram['state'],
    reason: reasonText(record.reason),
    registeredHeight: record.registeredHeight,
    program: decodedProgram(id, bytes),
    bytes,
    weights: record.weights,
  }
}

function decodedProgram(id: string, bytes: Uint8Array): Program {
  const known = decoded.get(id)
  if (known !== undefined) return known
  const program = decodeProgram(bytes)
  const [oldest] = decoded.keys()
  if (decoded.size >= DECODED_MAX && oldest !== undefined) decoded.delete(oldest)
  decoded.set(id, program)
  return program
}

export function applyRegisterProgram(
  execution: Execution,
  sender: string,
  { ir, name, weights }: ActionPayload<'register-program'>,
): void {
  const { view, block } = execution
  const program = decodeProgram(ir)
  const id = toHex(programDigest(ir))
  const known = programRecordOf(view, id)
  if (known !== undefined && known.state <= PROGRAM.available) {
    refuse('program_registered', { program: id })
  }
  requireWeights(program, weights)
  const bytes = weights.reduce((sum, { length }) => sum + length, 0n)
  const { max_weights_bytes: bytesMax, deposit_per_byte: perByte } = block.params
  if (bytes > bytesMax) refuse('weights_too_large', { bytes, bytesMax })
  const deposit = bytes * perByte
  move(execution, account(sender), pot('deposits'), deposit)
  view.put(PROGRAM_CODE, id, { ir })
  view.put(PROGRAMS, id, {
    owner: fromHex(sender, 32),
    name,
    weights,
    deposit,
    state: PROGRAM.pending,
    reason: reasonBytes('weights_pending'),
    registeredHeight: block.height,
    changedHeight: block.height,
    openJobs: 0,
  })
  emit(execution, { kind: 'program-registered', subject: id, actor: sender, value: deposit })
  if (weights.length === 0) {
    becomeAvailable(execution, id, 'no_weights')
    return
  }
  const closeHeight = block.height + availabilityBlocks(execution)
  openWindow(execution, id, { kind: 'program', closeHeight })
  schedule(view, closeHeight, 'availability', id)
}

/** A window must close before its validator set is forgotten. */
export function availabilityBlocks({ block }: Execution): bigint {
  const { availability_window_blocks: blocks, evidence_age: age } = block.params
  return blocks < age ? blocks : age - 1n
}

function requireWeights(
  program: Program,
  weights: ActionPayload<'register-program'>['weights'],
): void {
  const fits =
    weights.length === program.weights.length &&
    weights.every(({ digest, length, dtype }, index) => {
      const named = program.weights[index]
      return (
        named !== undefined &&
        equalBytes(digest, named.digest) &&
        length === BigInt(tensorBytes(named.type)) &&
        dtype === named.type.dtype
      )
    })
  if (!fits) {
    refuse('weights_mismatch', { weights: weights.length, named: program.weights.length })
  }
}

/** More than two thirds of the power hold the weights. */
export function becomeAvailable(execution: Execution, id: string, reason: string): void {
  const record = requireRecord(execution.view, id)
  if (record.state !== PROGRAM.pending) return
  execution.view.put(PROGRAMS, id, {
    ...record,
    state: PROGRAM.available,
    reason: reasonBytes(reason),
    changedHeight: execution.block.height,
  })
  const actor = toHex(record.owner)
  emit(execution, { kind: 'program-available', subject: id, actor, reason })
}

/** Its availability window has closed. */
export function expireProgram(execution: Execution, id: string): void {
  const record = programRecordOf(execution.view, id)
  if (record?.state !== PROGRAM.pending) return
  closeProgram(execution, id, record, 'expired', WEIGHTS_UNAVAILABLE)
}

export function applyRetireProgram(
  execution: Execution,
  sender: string,
  { program }: ActionPayload<'retire-program'>,
): void {
  const id = toHex(program)
  const record = programRecordOf(execution.view, id)
  if (record === undefined || toHex(record.owner) !== sender) {
    refuse('program_unknown', { program: id })
  }
  if (record.state !== PROGRAM.available) {
    refuse('program_not_available', { program: id, state: NAMES[record.state] ?? '' })
  }
  if (record.openJobs > 0) refuse('program_in_use', { program: id, jobs: record.openJobs })
  closeProgram(execution, id, record, 'retired', 'retired_by_owner')
}

function closeProgram(
  execution: Execution,
  id: string,
  record: ProgramRecord,
  state: 'expired' | 'retired',
  reason: string,
): void {
  const { view, block } = execution
  const owner = toHex(record.owner)
  move(execution, pot('deposits'), account(owner), record.deposit)
  view.put(PROGRAMS, id, {
    ...record,
    deposit: 0n,
    state: PROGRAM[state],
    reason: reasonBytes(reason),
    changedHeight: block.height,
  })
  schedule(view, block.height + block.params.evidence_age, 'forgetProgram', id)
  const kind = state === 'expired' ? 'program-expired' : 'program-retired'
  emit(execution, { kind, subject: id, actor: owner, value: record.deposit, reason })
}

/** Receipts of a closed program can be refuted until it is forgotten. */
export function forgetProgram({ view, block }: Execution, id: string): void {
  const record = programRecordOf(view, id)
  const isClosed = record !== undefined && record.state >= PROGRAM.expired
  if (!isClosed || record.changedHeight + block.params.evidence_age > block.height) return
  drop(view, PROGRAMS, id)
  drop(view, PROGRAM_CODE, id)
  drop(view, CLOSED_WINDOWS, id)
}

/** A job of the program was taken in (1) or became final (-1). */
export function countProgramJobs({ view }: Execution, id: string, change: 1 | -1): void {
  const record = requireRecord(view, id)
  view.put(PROGRAMS, id, { ...record, openJobs: record.openJobs + change })
}

function requireRecord(reader: Reader, id: string): ProgramRecord {
  const record = programRecordOf(reader, id)
  assert(record !== undefined, 'a program that is named in state is in state')
  return record
}

export function depositedByPrograms(reader: Reader): bigint {
  return reader.entries(PROGRAMS).reduce((sum, [, { deposit }]) => sum + deposit, 0n)
}
