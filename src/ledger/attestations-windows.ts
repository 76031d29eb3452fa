/**
 * Windows: in which heights which validators may say what about an object, and what they said.
 *
 *   open(object) --items, first per validator counts--> decided --at close--> archived
 *
 * One mechanism for programs, offers (is the data here?) and receipts (is the result right?). The
 * validators and powers are those of the opening height; nobody is excluded.
 *
 * Invariants
 *   - A validator has at most one item per object.
 *   - A window takes items until its last height whatever has been decided meanwhile, so that a
 *     batch that was signed in time stays valid when a decision overtakes it.
 *
 * Source: protocol.md §4, §5 (Attestations).
 */

import { assert } from '../base/assert.ts'
import { toHex, ZERO_32 } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { type Execution, emit } from './execution.ts'
import {
  addTotals,
  CLOSED_WINDOWS,
  idBytes,
  WINDOW,
  WINDOWS,
  type WindowItem,
  type WindowKind,
  type WindowRecord,
} from './market-records.ts'
import type { Reader } from './state.ts'
import type { AttestationItem } from './types/attestation.ts'
import { STATEMENTS, type Statement } from './types/attestation.ts'
import type { Validator } from './types/validator-set.ts'
import { totalPower, validatorsAt } from './validators.ts'

const STATEMENTS_OF: Readonly<Record<WindowKind, readonly Statement[]>> = {
  program: ['available'],
  offer: ['available'],
  receipt: ['valid', 'invalid', 'unavailable'],
}
/** `unavailable` may be signed only in this last part of a window. */
const LAST_PARTS = 4n

/** Power behind each statement. */
export type Tally = Readonly<Record<Statement, bigint>> & { readonly total: bigint }

export interface OpenWindow {
  readonly kind: WindowKind
  readonly closeHeight: bigint
  readonly job?: string
  readonly attempt?: number
}

export function openWindow(execution: Execution, object: string, window: OpenWindow): void {
  const { view, block } = execution
  const isReceipt = window.kind === 'receipt'
  if (!isReceipt) addTotals(view, { pendingWindows: 1 })
  view.put(WINDOWS, object, {
    kind: WINDOW[window.kind],
    job: window.job === undefined ? ZERO_32 : idBytes(window.job),
    attempt: window.attempt ?? 0,
    openHeight: block.height,
    closeHeight: window.closeHeight,
    total: totalPower(validatorsAt(view, block.height)),
    decided: false,
    items: [],
  })
}

/** The window of an object, open or archived. */
export function windowOf(reader: Reader, object: string): WindowRecord | undefined {
  return reader.get(WINDOWS, object) ?? reader.get(CLOSED_WINDOWS, object)
}

/** Who may attest: the set of the opening height. */
export function windowMembers(reader: Reader, window: WindowRecord): readonly Validator[] {
  return validatorsAt(reader, window.openHeight)
}

/** First height of a block that `unavailable` may be signed for. */
export function unavailableFrom({ openHeight, closeHeight }: WindowRecord): bigint {
  return closeHeight - (closeHeight - openHeight + 1n) / LAST_PARTS + 1n
}

/**
 * Takes one item of a batch that `validator` signed at `signedHeight`.
 * @throws RefusalError attestation_* when the item may not be counted.
 */
export function addItem(
  { view, block }: Execution,
  validator: string,
  signedHeight: bigint,
  { object, statement, micros }: AttestationItem,
): WindowRecord {
  const id = toHex(object)
  const window = view.get(WINDOWS, id)
  if (window === undefined) return refuse('attestation_object_closed', { object: id })
  const said = STATEMENTS[statement]
  const kind = kindOf(window)
  if (said === undefined || !STATEMENTS_OF[kind].includes(said)) {
    return refuse('attestation_statement_wrong', { object: id, kind, statement })
  }
  if (signedHeight < window.openHeight || block.height > window.closeHeight) {
    return refuse('attestation_outside_window', {
      object: id,
      height: signedHeight,
      open: window.openHeight,
      close: window.closeHeight,
    })
  }
  // A batch signed at a height is meant for the block after it.
  if (said === 'unavailable' && signedHeight + 1n < unavailableFrom(window)) {
    return refuse('attestation_unavailable_early', { object: id, from: unavailableFrom(window) })
  }
  if (micros !== 0 && said !== 'valid' && said !== 'invalid') {
    return refuse('attestation_micros', { object: id, micros })
  }
  const member = windowMembers(view, window).findIndex(({ id: each }) => toHex(each) === validator)
  if (member < 0) return refuse('attestation_foreign', { object: id, validator })
  if (window.items.some((item) => item.member === member)) {
    return refuse('attestation_repeated', { object: id, validator })
  }
  const after = { ...window, items: [...window.items, { member, statement, micros }] }
  view.put(WINDOWS, id, after)
  return after
}

export function kindOf(window: WindowRecord): WindowKind {
  const kinds: readonly WindowKind[] = ['program', 'offer', 'receipt']
  const kind = kinds.find((name) => WINDOW[name] === window.kind)
  assert(kind !== undefined, 'a window is about a program, an offer or a receipt')
  return kind
}

export function tallyOf(reader: Reader, window: WindowRecord): Tally {
  const members = windowMembers(reader, window)
  const sums = { available: 0n, valid: 0n, invalid: 0n, unavailable: 0n }
  for (const item of window.items) sums[saidIn(item)] += (members[item.member] as Validator).power
  return { ...sums, total: window.total }
}

export function saidIn(item: WindowItem): Statement {
  const said = STATEMENTS[item.statement]
  assert(said !== undefined, 'a stored statement has a name')
  return said
}

/** More than two thirds. */
export function isTwoThirds(power: bigint, total: bigint): boolean {
  return 3n * power > 2n * total
}

/** More than one third. */
export function isThird(power: bigint, total: bigint): boolean {
  return 3n * power > total
}

/** The fate of the object no longer depends on this window. */
export function settleWindow(execution: Execution, object: string): void {
  const { view } = execution
  const window = view.get(WINDOWS, object)
  if (window === undefined || window.decided) return
  if (kindOf(window) !== 'receipt') addTotals(view, { pendingWindows: -1 })
  view.put(WINDOWS, object, { ...window, decided: true })
}

/** True when nothing more can be said: every member has an item. */
export function isFull(reader: Reader, window: WindowRecord): boolean {
  return window.items.length === windowMembers(reader, window).length
}

/**
 * Archives the window. Members who said nothing have missed a duty.
 * @returns who missed it, hex account ids; nobody if `excused`.
 */
export function closeWindow(execution: Execution, object: string, excused: boolean): string[] {
  settleWindow(execution, object)
  const { view } = execution
  const window = view.get(WINDOWS, object)
  assert(window !== undefined, 'a window is closed once')
  view.remove(WINDOWS, object)
  view.put(CLOSED_WINDOWS, object, window)
  if (excused) return []
  const heard = new Set(window.items.map(({ member }) => member))
  const silent = windowMembers(view, window).filter((_, index) => !heard.has(index))
  return silent.map(({ id }) => {
    const validator = toHex(id)
    emit(execution, { kind: 'duty-missed', subject: object, actor: validator })
    return validator
  })
}
