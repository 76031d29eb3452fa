/**
 * The write-ahead log: the inputs of the height in progress, in order, so that a restarted machine
 * comes back to the state it spoke from.
 *
 *   accepted input -> entry -> journal ... crash ... journal -> entries -> replay -> same state
 *
 * The log is cut when the next height begins. Judgements of bodies are in it, so that a proposal's
 * time is judged once; certificates are in it, because a quorum may rest on them.
 *
 * Invariant: replaying the entries through `step` performs nothing that was not already due.
 *
 * Source: protocol.md §3; malachite ADR-007, #1445 (certificates belong in the log).
 */

import { unreachable } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import {
  byteList,
  bytes32,
  type Codec,
  container,
  type Decoded,
  decode,
  encode,
  u8,
  u32,
  u64,
} from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import type { TimeoutKind } from './core.ts'
import {
  type Certificate,
  CertificateCodec,
  decodeCertificate,
  decodeProposalMessage,
  decodeVote,
  encodeCertificate,
  encodeProposalMessage,
  encodeVote,
  type Height,
  type Proposal,
  type Round,
  type ValueId,
  type Vote,
} from './types.ts'

/** A block this node built, with what its proposal says of it. */
export interface BuiltValue {
  readonly value: ValueId
  readonly partsRoot: Uint8Array
  readonly partsCount: number
  readonly bodyBytes: number
}

export type WalEntry =
  /** Round 0 began. */
  | { readonly kind: 'started' }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | {
      readonly kind: 'judged'
      readonly round: Round
      readonly value: ValueId
      readonly valid: boolean
    }
  | { readonly kind: 'built'; readonly round: Round; readonly built: BuiltValue }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'timeout'; readonly timeout: TimeoutKind; readonly round: Round }

const KINDS = ['started', 'vote', 'proposal', 'judged', 'built', 'certificate', 'timeout'] as const
const TIMEOUTS = ['propose', 'prevote', 'precommit'] as const

const walRecord = container({
  height: u64,
  kind: u8,
  round: u32,
  /** Validity, parts or kind of timeout, by kind. */
  detail: u8,
  bodyBytes: u32,
  value: bytes32,
  partsRoot: bytes32,
  payload: byteList(CertificateCodec.bytesMax + 1024),
})
type WalRecord = Decoded<typeof walRecord>
export const WalRecordCodec: Codec<WalRecord> = walRecord

const ZERO = new Uint8Array(32)
const NO_PAYLOAD = new Uint8Array(0)
export function encodeWalEntry(height: Height, entry: WalEntry): Uint8Array {
  const blank: WalRecord = {
    height,
    kind: KINDS.indexOf(entry.kind),
    round: 0,
    detail: 0,
    bodyBytes: 0,
    value: ZERO,
    partsRoot: ZERO,
    payload: NO_PAYLOAD,
  }
  return encode(WalRecordCodec, { ...blank, ...detailsOf(entry) })
}

function detailsOf(entry: WalEntry): Partial<WalRecord> {
  switch (entry.kind) {
    case 'started':
      return {}
    case 'vote':
      return { payload: encodeVote(entry.vote) }
    case 'proposal':
      return { payload: encodeProposalMessage({ kind: 'proposal', proposal: entry.proposal }) }
    case 'judged':
      return { round: entry.round, value: fromHex(entry.value, 32), detail: entry.valid ? 1 : 0 }
    case 'built': {
      const { value, partsRoot, partsCount, bodyBytes } = entry.built
      const built = { value: fromHex(value, 32), partsRoot, detail: partsCount, bodyBytes }
      return { round: entry.round, ...built }
    }
    case 'certificate':
      return { payload: encodeCertificate(entry.certificate) }
    case 'timeout':
      return { round: entry.round, detail: TIMEOUTS.indexOf(entry.timeout) }
    default:
      return unreachable(entry)
  }
}

/**
 * The entries of `height`, in order; records of other heights are left from before a cut.
 * @throws RefusalError wal_malformed, or of a codec.
 */
export function readWal(records: readonly Uint8Array[], height: Height): WalEntry[] {
  return records
    .map((bytes) => decode(WalRecordCodec, bytes))
    .filter((record) => record.height === height)
    .map(entryOf)
}

function entryOf(record: WalRecord): WalEntry {
  const kind = KINDS[record.kind]
  const { round, payload, detail } = record
  switch (kind) {
    case 'started':
      return { kind }
    case 'vote':
      return { kind, vote: decodeVote(payload) }
    case 'proposal': {
      const message = decodeProposalMessage(payload)
      if (message.kind !== 'proposal') return refuse('wal_malformed', { kind })
      return { kind, proposal: message.proposal }
    }
    case 'judged':
      return { kind, round, value: toHex(record.value), valid: detail === 1 }
    case 'built': {
      const { partsRoot, bodyBytes } = record
      const built = { value: toHex(record.value), partsRoot, partsCount: detail, bodyBytes }
      return { kind, round, built }
    }
    case 'certificate':
      return { kind, certificate: decodeCertificate(payload) }
    case 'timeout': {
      const timeout = TIMEOUTS[detail]
      return timeout === undefined
        ? refuse('wal_malformed', { kind, detail })
        : { kind, timeout, round }
    }
    case undefined:
      return refuse('wal_malformed', { kind: record.kind })
    default:
      return unreachable(kind)
  }
}
