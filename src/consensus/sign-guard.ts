/**
 * The only holder of the validator's key: never signs two different things at one position.
 *
 *   request -> judged against what was signed -> signed -> record durable -> signature handed out
 *                        |-> same digest: the stored signature
 *                        `-> lower, or other digest: refused
 *
 * A position is (height, round, step), steps ordered proposal < prevote < precommit. The journal is
 * append-only; a crash between durable and handed out costs a vote, never a double vote. Records
 * hold what was signed, so that a restarted machine takes up its lock and its place from them even
 * when its write-ahead log lost its tail.
 *
 * Invariants
 *   - A signature leaves only after its record is durable.
 *   - Positions in the journal only grow.
 *
 * Source: protocol.md §3; cometbft #6031, tendermint #3418 (what happens otherwise).
 */

import { assert } from '../base/assert.ts'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import {
  bytes32,
  bytes64,
  type Codec,
  container,
  type Decoded,
  decode,
  encode,
  optional,
  u8,
  u32,
  u64,
} from '../base/codec.ts'
import { type Refusal, refusal, refuse } from '../base/refusal.ts'
import type { Journal, Signer } from '../runtime/ports.ts'
import {
  type Height,
  type ProposalClaim,
  proposalSigningDigest,
  type Round,
  type ValueId,
  type VoteClaim,
  voteSigningDigest,
} from './types.ts'

export type SignStep = 'proposal' | 'prevote' | 'precommit'

export type SignRequest =
  | { readonly step: 'proposal'; readonly claim: ProposalClaim }
  | { readonly step: 'prevote' | 'precommit'; readonly claim: VoteClaim }

/** One thing signed. */
export interface GuardRecord {
  readonly height: Height
  readonly round: Round
  readonly step: SignStep
  readonly value: ValueId | null
  readonly validRound: Round
  readonly digest: Uint8Array
  readonly signature: Uint8Array
}

export type SignOutcome =
  | { readonly kind: 'signed'; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

export interface SignGuard {
  readonly publicKey: Uint8Array
  /**
   * `done` is called once: with the signature when its record is durable, or with a refusal. It may
   * be called before this returns when nothing has to be written.
   */
  sign(request: SignRequest, done: (outcome: SignOutcome) => void): void
  /** What was signed at `height`, oldest first; what a restarted machine takes up. */
  signedAt(height: Height): readonly GuardRecord[]
}

export interface SignGuardConfig {
  readonly genesisHash: Uint8Array
  readonly journal: Journal
  readonly signer: Signer
  /** What the journal held when it was opened. */
  readonly records: readonly Uint8Array[]
  /** Height of the last block this key may have signed for; 0 for a key that never voted. */
  readonly signedHeightAtLeast: Height
}

const STEPS: readonly SignStep[] = ['proposal', 'prevote', 'precommit']
/** Records after which the journal is cut down to the last two heights. */
export const GUARD_RECORDS_MAX = 4096
/** Heights before the one signed now whose records a cut keeps. */
const HEIGHTS_KEPT = 1n

const guardRecord = container({
  height: u64,
  round: u32,
  step: u8,
  value: optional(bytes32),
  validRound: u32,
  digest: bytes32,
  signature: bytes64,
})
type GuardRecordWire = Decoded<typeof guardRecord>
export const GuardRecordCodec: Codec<GuardRecordWire> = guardRecord

interface Kept {
  readonly record: GuardRecord
  durable: boolean
  readonly waiting: ((outcome: SignOutcome) => void)[]
}

/**
 * Opens the guard on what its journal held.
 * @throws RefusalError sign_guard_missing when the key has signed before and the journal is empty;
 *   sign_guard_malformed when a record cannot be read or positions do not grow.
 */
export function openSignGuard(config: SignGuardConfig): SignGuard {
  const { genesisHash, journal, signer, signedHeightAtLeast } = config
  const kept: Kept[] = config.records.map((bytes) => ({
    record: decodeRecord(bytes),
    durable: true,
    waiting: [],
  }))
  if (kept.length === 0 && signedHeightAtLeast > 0n) {
    refuse('sign_guard_missing', { height: signedHeightAtLeast })
  }
  for (let at = 1; at < kept.length; at++) {
    const [before, after] = [kept[at - 1]?.record, kept[at]?.record]
    assert(before !== undefined && after !== undefined, 'the records are dense')
    if (comparePositions(before, after) >= 0) refuse('sign_guard_malformed', { record: at })
  }
  const append = (fresh: Kept): void => {
    kept.push(fresh)
    const settle = (): void => {
      fresh.durable = true
      for (const done of fresh.waiting.splice(0)) done(signed(fresh.record))
    }
    if (kept.length < GUARD_RECORDS_MAX) {
      journal.append(encodeRecord(fresh.record), settle)
      return
    }
    const recent = kept.filter(({ record }) => record.height + HEIGHTS_KEPT >= fresh.record.height)
    kept.splice(0, kept.length, ...recent)
    journal.replace(
      kept.map(({ record }) => encodeRecord(record)),
      settle,
    )
  }
  return {
    publicKey: signer.publicKey,
    signedAt: (height) =>
      kept.map(({ record }) => record).filter((record) => record.height === height),
    sign: (request, done) => {
      const position = positionOf(request)
      const digest = digestOf(request, genesisHash)
      const same = kept.findLast(({ record }) => comparePositions(record, position) === 0)
      if (same !== undefined) {
        answerAgain(same, digest, done)
        return
      }
      const last = kept[kept.length - 1]?.record
      if (last !== undefined && comparePositions(last, position) > 0) {
        done({ kind: 'refused', refusal: refusal('sign_regression', positionFacts(position)) })
        return
      }
      const record = { ...position, ...subjectOf(request), digest, signature: signer.sign(digest) }
      append({ record, durable: false, waiting: [done] })
    },
  }
}

function answerAgain(same: Kept, digest: Uint8Array, done: (outcome: SignOutcome) => void): void {
  if (!equalBytes(same.record.digest, digest)) {
    done({ kind: 'refused', refusal: refusal('sign_conflict', positionFacts(same.record)) })
  } else if (same.durable) {
    done(signed(same.record))
  } else {
    same.waiting.push(done)
  }
}

export interface SignPosition {
  readonly height: Height
  readonly round: Round
  readonly step: SignStep
}

export function positionOf(request: SignRequest): SignPosition {
  return { height: request.claim.height, round: request.claim.round, step: request.step }
}

/** Negative when `left` comes first. */
export function comparePositions(left: SignPosition, right: SignPosition): number {
  if (left.height !== right.height) return left.height < right.height ? -1 : 1
  if (left.round !== right.round) return left.round - right.round
  return STEPS.indexOf(left.step) - STEPS.indexOf(right.step)
}

function digestOf(request: SignRequest, genesisHash: Uint8Array): Uint8Array {
  return request.step === 'proposal'
    ? proposalSigningDigest(genesisHash, request.claim)
    : voteSigningDigest(genesisHash, request.claim)
}

function subjectOf({ claim }: SignRequest): Pick<GuardRecord, 'value' | 'validRound'> {
  return { value: claim.value, validRound: claim.validRound }
}

function signed({ signature }: GuardRecord): SignOutcome {
  return { kind: 'signed', signature }
}

function positionFacts({ height, round, step }: SignPosition) {
  return { height, round, step }
}

export function encodeRecord(record: GuardRecord): Uint8Array {
  return encode(GuardRecordCodec, {
    height: record.height,
    round: record.round,
    step: STEPS.indexOf(record.step),
    value: record.value === null ? null : fromHex(record.value, 32),
    validRound: record.validRound + 1,
    digest: record.digest,
    signature: record.signature,
  })
}

/** @throws RefusalError sign_guard_malformed, or of the codec. */
export function decodeRecord(bytes: Uint8Array): GuardRecord {
  const wire = decode(GuardRecordCodec, bytes)
  const step = STEPS[wire.step]
  if (step === undefined) return refuse('sign_guard_malformed', { step: wire.step })
  const value = wire.value === null ? null : toHex(wire.value)
  const { height, round, digest, signature } = wire
  return { height, round, step, value, validRound: wire.validRound - 1, digest, signature }
}
