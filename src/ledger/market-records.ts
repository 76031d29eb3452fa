/**
 * What the market keeps in state: the records of providers, programs, asks, jobs and attempts.
 *
 * Ids are hex as keys and 32 bytes inside records. A record is never changed in place: read it,
 * put a new one. Tables that are walked each block (`ask-book`, `open-jobs`, `open-attempts`,
 * `windows`) hold only what is open; everything else is fetched by key, so that a long history
 * costs nothing per block.
 *
 * Invariant: `market-totals` equals what a walk over the open records would count.
 *
 * Source: protocol.md §4, §5.
 */

import { assert } from '../base/assert.ts'
import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import {
  bool,
  byteList,
  bytes32,
  container,
  type Decoded,
  list,
  u8,
  u16,
  u32,
  u64,
  u128,
} from '../base/codec.ts'
import { type Reader, type Table, table, type View } from './state.ts'
import { VALIDATORS_MAX } from './types/block.ts'
import { CAPABILITIES_MAX, OfferCodec, ProofAnnounceCodec, ReceiptCodec } from './types/market.ts'
import { PROGRAM_BYTES_MAX, PROGRAM_WEIGHTS_MAX } from './types/transaction.ts'

export const REASON_BYTES_MAX = 64
/** Attempts of one job that can be told apart; `max_attempts` is at most this. */
export const ATTEMPTS_MAX = 16
/** Jobs that may be open at once. */
export const OPEN_JOBS_MAX = 16_384
/** Standing asks of one provider. */
export const ASKS_PER_PROVIDER_MAX = 16

const Reason = byteList(REASON_BYTES_MAX)

/** A set of named states and the byte each is stored as. A byte once used keeps its meaning. */
type States = Readonly<Record<string, number>>

export const PROVIDER = { active: 0, retired: 1 } as const
export const PROGRAM = { pending: 0, available: 1, expired: 2, retired: 3 } as const
export const ASK = { open: 0, cancelled: 1, expired: 2 } as const
export const JOB = { offered: 0, matched: 1, settled: 2, expired: 3, cancelled: 4 } as const
export const ATTEMPT = {
  matched: 0,
  anchored: 1,
  verified: 2,
  rejected: 3,
  indeterminate: 4,
  late: 5,
  voided: 6,
} as const
export const WINDOW = { program: 0, offer: 1, receipt: 2 } as const

export type JobState = keyof typeof JOB

export type WindowKind = keyof typeof WINDOW

export function stateName<S extends States>(states: S, byte: number): keyof S & string {
  const found = Object.keys(states).find((name) => states[name] === byte)
  assert(found !== undefined, 'a stored state is one of its names')
  return found
}

export function reasonBytes(code: string): Uint8Array {
  return utf8(code)
}

export function reasonText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

const KernelDigestCodec = container({ height: u64 })
/** Kernel variants that receipts may name, by hex digest; seeded in genesis. */
export const KERNEL_DIGESTS = table('kernel-digests', KernelDigestCodec)

const ProviderCodec = container({
  fabric: byteList(32),
  kernelDigest: bytes32,
  /** All that is bonded and not unbonding, the locked part included. */
  bond: u128,
  /** Collateral of attempts that are not final. After a slash it may exceed the bond. */
  locked: u128,
  state: u8,
  registeredHeight: u64,
  /** No new match up to and including this height. */
  suspendedUntil: u64,
  /** In [500,000, 1,000,000]. */
  reputationPpm: u32,
  openAsks: u16,
  /** Attempts whose collateral is locked. */
  openAttempts: u32,
  settledCount: u64,
  faultCount: u64,
})
export type ProviderRecord = Decoded<typeof ProviderCodec>
export const PROVIDERS = table('providers', ProviderCodec)

const WeightRefCodec = container({ digest: bytes32, length: u64, dtype: u8 })
const ProgramRecordCodec = container({
  owner: bytes32,
  name: byteList(64),
  weights: list(WeightRefCodec, PROGRAM_WEIGHTS_MAX),
  deposit: u128,
  state: u8,
  reason: Reason,
  registeredHeight: u64,
  /** When it became available, expired or was retired. */
  changedHeight: u64,
  openJobs: u32,
})
export type ProgramRecord = Decoded<typeof ProgramRecordCodec>
export const PROGRAMS = table('programs', ProgramRecordCodec)
/** The canonical IR, apart from the record so that a change of state does not rewrite it. */
export const PROGRAM_CODE = table('program-code', container({ ir: byteList(PROGRAM_BYTES_MAX) }))

const AskCodec = container({
  provider: bytes32,
  lane: u8,
  unitPrice: u128,
  blocksBase: u32,
  unitsPerBlock: u64,
  maxUnits: u64,
  maxOpenJobs: u32,
  expiryHeight: u64,
  capabilities: list(byteList(32), CAPABILITIES_MAX),
  state: u8,
  reason: Reason,
  includedHeight: u64,
  suspendedUntil: u64,
  /** Matched and not yet anchored. */
  openJobs: u32,
  openUnits: u128,
})
export type AskRecord = Decoded<typeof AskCodec>
export const ASKS = table('asks', AskCodec)
/** Asks that may still match, by id. */
export const ASK_BOOK = table('ask-book', container({ expiryHeight: u64 }))

const JobCodec = container({
  offer: OfferCodec,
  includedHeight: u64,
  state: u8,
  /** Why it is in this state; of an open offer, why it was not matched last. */
  reason: Reason,
  inputsReady: bool,
  /** Attempts matched so far; the last of them is the current one. */
  attempt: u8,
  excluded: list(bytes32, ATTEMPTS_MAX),
  units: u64,
  verifyUnits: u64,
  verifyBytes: u64,
  /** Prepaid for verification, in escrow beside the price ceiling. */
  verifyFee: u128,
  deposit: u128,
  /** Paid to the buyer out of slashed bonds so far. */
  compensated: u128,
  closedHeight: u64,
})
export type JobRecord = Decoded<typeof JobCodec>
export const JOBS = table('jobs', JobCodec)
/** Jobs that wait for a match, keyed `<inclusion height>/<job>`. */
export const OPEN_JOBS = table('open-jobs', container({ since: u64 }))

const AttemptCodec = container({
  provider: bytes32,
  ask: bytes32,
  unitPrice: u128,
  units: u64,
  /** Unit price x units, at most the price ceiling. */
  price: u128,
  collateral: u128,
  matchedHeight: u64,
  /** Last height at which its receipt is taken. */
  deadlineHeight: u64,
  /** The parameter version it is judged by. */
  paramsVersion: u32,
  state: u8,
  reason: Reason,
  /** Zero until anchored. */
  receipt: bytes32,
  anchorHeight: u64,
  closeHeight: u64,
  settleHeight: u64,
  verifiedHeight: u64,
  finalHeight: u64,
  /** Smallest m such that `valid` verdicts with micros <= m hold half of the valid power. */
  latencyMicros: u32,
  latencyBreached: bool,
  /** A fraud proof against its receipt was accepted. */
  refuted: bool,
  paid: u128,
})
export type AttemptRecord = Decoded<typeof AttemptCodec>
/** Keyed `<job>/<attempt, two hex digits>`. */
export const ATTEMPTS = table('attempts', AttemptCodec)
/** Attempts whose collateral is locked, keyed `<provider>/<job>`. */
export const OPEN_ATTEMPTS = table('open-attempts', container({ attempt: u8 }))

/** Anchored receipts, by receipt id. */
export const RECEIPTS = table('receipts', container({ receipt: ReceiptCodec, height: u64 }))
export const ANNOUNCEMENTS = table(
  'proof-announcements',
  container({ announce: ProofAnnounceCodec, height: u64 }),
)

const WindowItemCodec = container({
  /** Index in the validator set of `openHeight`. */
  member: u8,
  /** Index into STATEMENTS. */
  statement: u8,
  micros: u32,
})
export type WindowItem = Decoded<typeof WindowItemCodec>
const WindowCodec = container({
  kind: u8,
  /** Of a receipt. */
  job: bytes32,
  attempt: u8,
  /** The height whose validator set and powers are frozen for this object. */
  openHeight: u64,
  /** Last height at which items are taken. */
  closeHeight: u64,
  total: u128,
  /** True once the object's fate no longer depends on items to come. */
  decided: bool,
  items: list(WindowItemCodec, VALIDATORS_MAX),
})
export type WindowRecord = Decoded<typeof WindowCodec>
/** Objects that are being attested, by program, offer or receipt id. */
export const WINDOWS = table('windows', WindowCodec)
export const CLOSED_WINDOWS = table('closed-windows', WindowCodec)
/** One batch per validator and height, keyed `<height>/<validator>`. */
export const BATCHES = table('attestation-batches', container({ count: u16 }))

const EvidenceRecordCodec = container({
  id: bytes32,
  type: u8,
  offender: bytes32,
  subject: bytes32,
  reporter: bytes32,
  height: u64,
  /** Zero for evidence that is about no job. */
  job: bytes32,
  attempt: u8,
  /** What the offender lost, nBLOCK. */
  slashed: u128,
  compensated: u128,
  burned: u128,
  reason: Reason,
})
export type EvidenceRecord = Decoded<typeof EvidenceRecordCodec>
/** Accepted evidence by its id, for who asks why. */
export const EVIDENCE = table('evidence', EvidenceRecordCodec)
/** The replay key `<type, two hex digits>/<offender>/<subject>`, until the offence is too old. */
export const EVIDENCE_SEEN = table('evidence-seen', container({ id: bytes32 }))

const TotalsCodec = container({
  /** Jobs that are not final. */
  openJobs: u32,
  /** Availability windows that are not decided. */
  pendingWindows: u32,
  /** Verification units and bytes of attempts that are matched or anchored. */
  verifyUnits: u64,
  verifyBytes: u64,
})
export type MarketTotals = Decoded<typeof TotalsCodec>
export const TOTALS = table('market-totals', TotalsCodec)

const NO_TOTALS: MarketTotals = { openJobs: 0, pendingWindows: 0, verifyUnits: 0n, verifyBytes: 0n }

export function totalsOf(reader: Reader): MarketTotals {
  return reader.get(TOTALS, 'totals') ?? NO_TOTALS
}

export function addTotals(view: View, change: Partial<MarketTotals>): void {
  const now = totalsOf(view)
  view.put(TOTALS, 'totals', {
    openJobs: now.openJobs + (change.openJobs ?? 0),
    pendingWindows: now.pendingWindows + (change.pendingWindows ?? 0),
    verifyUnits: now.verifyUnits + (change.verifyUnits ?? 0n),
    verifyBytes: now.verifyBytes + (change.verifyBytes ?? 0n),
  })
}

export function attemptKey(job: string, attempt: number): string {
  return `${job}/${attempt.toString(16).padStart(2, '0')}`
}

/** The current attempt of a job that has one. */
export function attemptOf(reader: Reader, job: string, attempt: number): AttemptRecord | undefined {
  return reader.get(ATTEMPTS, attemptKey(job, attempt))
}

export function jobOf(reader: Reader, job: string): JobRecord | undefined {
  return reader.get(JOBS, job)
}

export function requireJob(reader: Reader, job: string): JobRecord {
  const found = jobOf(reader, job)
  assert(found !== undefined, 'a job that is named in state is in state')
  return found
}

export function requireAttempt(reader: Reader, job: string, attempt: number): AttemptRecord {
  const found = attemptOf(reader, job, attempt)
  assert(found !== undefined, 'an attempt that is named in state is in state')
  return found
}

/** Genesis and governance: `digest` may stand in receipts from now on. */
export function registerKernelDigest(view: View, digest: Uint8Array, height: bigint): void {
  view.put(KERNEL_DIGESTS, toHex(digest), { height })
}

/** Ids as they stand in records. */
export function idBytes(hex: string): Uint8Array {
  return fromHex(hex, 32)
}

/** Removes a value that may be there: what was never written is not a change. */
export function drop<Value>(view: View, from: Table<Value>, key: string): void {
  if (view.get(from, key) !== undefined) view.remove(from, key)
}
