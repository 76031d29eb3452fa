/**
 * Headers: what a block commits to, and whether a header fits the chain it continues.
 *
 * State root and events root are those of the parent, so a header can be made, and judged, before
 * its block is executed.
 *
 * Source: protocol.md §3 (Header, Beacon).
 */

import { compareBytes, concatBytes, equalBytes, toHex, u64Bytes, utf8 } from '../base/bytes.ts'
import { bytes32, encode, hashTreeRoot, list } from '../base/codec.ts'
import { vrfOutput, vrfVerify } from '../base/ecvrf.ts'
import { sha256 } from '../base/hash.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import { type Params, paramsHash } from '../governance/params.ts'
import type { Reader } from './state.ts'
import { EVENTS_MAX } from './store-schema.ts'
import {
  BLOCK_VERSION,
  type Block,
  type Commit,
  CommitCodec,
  type Header,
  SECTION_MAX,
  type SectionName,
} from './types/block.ts'
import { type Envelope, EnvelopeCodec, objectId, objectKind } from './types/envelope.ts'
import { type EncodedEvent, EventCodec } from './types/event.ts'
import { validatorSet, validatorsHash } from './types/validator-set.ts'
import { memberOf, validatorsAt } from './validators.ts'

/** What the next header continues: the last block, or genesis. */
export interface Parent {
  readonly height: bigint
  readonly id: Uint8Array
  readonly timeMs: bigint
  readonly stateRoot: Uint8Array
  readonly eventsRoot: Uint8Array
  readonly beacon: Uint8Array
}

const EventDigestsCodec = list(bytes32, EVENTS_MAX)

/**
 * Over SHA-256 of each event, in order. How many rounds it took to decide the block is no part of
 * it: nodes may hold commits of different rounds for one block.
 */
export function eventsRootOf(events: readonly EncodedEvent[]): Uint8Array {
  return hashTreeRoot(
    EventDigestsCodec,
    events.map((event) => sha256(encode(EventCodec, event))),
  )
}

export type Sections = Pick<Block, SectionName>

export interface HeaderInput {
  readonly genesisHash: Uint8Array
  readonly parent: Parent
  readonly reader: Reader
  readonly params: Params
  readonly timeMs: bigint
  readonly proposer: Uint8Array
  readonly beaconProof: Uint8Array
  readonly lastCommit: Commit
  readonly sections: Sections
}

const IdListCodec = list(bytes32, 4096)

/** The input of the beacon at `height`, after `beacon`. */
export function beaconAlpha(
  genesisHash: Uint8Array,
  height: bigint,
  beacon: Uint8Array,
): Uint8Array {
  return concatBytes(utf8('bt/beacon/1'), genesisHash, u64Bytes(height), beacon)
}

/** beacon(h) = SHA-256(beacon(h-1) || output). Precondition: the proof holds. */
export function nextBeacon(beacon: Uint8Array, proof: Uint8Array): Uint8Array {
  return sha256(beacon, vrfOutput(proof))
}

export function makeHeader(input: HeaderInput): Header {
  const { genesisHash, parent, reader, params, sections } = input
  const height = parent.height + 1n
  return {
    version: BLOCK_VERSION,
    height,
    time: input.timeMs,
    parentId: parent.id,
    lastCommitHash: hashTreeRoot(CommitCodec, input.lastCommit),
    sectionRoots: {
      evidence: sectionRoot(sections.evidence, 'evidence'),
      attestations: sectionRoot(sections.attestations, 'attestations'),
      receipts: sectionRoot(sections.receipts, 'receipts'),
      transactions: sectionRoot(sections.transactions, 'transactions'),
      offers: sectionRoot(sections.offers, 'offers'),
    },
    receiptRoot: idRoot(genesisHash, sections.receipts),
    evidenceRoot: idRoot(genesisHash, sections.evidence),
    eventsRoot: parent.eventsRoot,
    stateRoot: parent.stateRoot,
    paramsHash: paramsHash(params),
    validatorsHash: validatorsHash(validatorSet(validatorsAt(reader, height))),
    nextValidatorsHash: validatorsHash(validatorSet(validatorsAt(reader, height + 1n))),
    proposer: input.proposer,
    beaconProof: input.beaconProof,
  }
}

const CHECKED_FIELDS = [
  'parentId',
  'lastCommitHash',
  'receiptRoot',
  'evidenceRoot',
  'eventsRoot',
  'stateRoot',
  'paramsHash',
  'validatorsHash',
  'nextValidatorsHash',
] as const

/** Nothing when the header is the one that fits parent, state and sections. */
export function checkHeader(
  header: Header,
  input: Omit<HeaderInput, 'timeMs' | 'proposer' | 'beaconProof'>,
): Refusal | undefined {
  const { parent, reader, params } = input
  const height = parent.height + 1n
  if (header.version !== BLOCK_VERSION) {
    return refusal('block_version_unknown', { version: header.version })
  }
  if (header.height !== height) {
    return refusal('block_height_wrong', { height: header.height, expected: height })
  }
  const earliest = parent.timeMs + params.min_block_interval_ms
  if (header.time < earliest) return refusal('block_too_early', { time: header.time, earliest })
  const { proposer, beaconProof, time: timeMs } = header
  const expected = makeHeader({ ...input, timeMs, proposer, beaconProof })
  const wrong =
    CHECKED_FIELDS.find((field) => !equalBytes(header[field], expected[field])) ??
    sectionNames.find((name) => !equalBytes(header.sectionRoots[name], expected.sectionRoots[name]))
  if (wrong !== undefined) return refusal('block_field_wrong', { field: wrong, height })
  return checkBeacon(header, input.genesisHash, parent, reader)
}

const sectionNames = Object.keys(SECTION_MAX) as SectionName[]

function checkBeacon(
  { height, proposer, beaconProof }: Header,
  genesisHash: Uint8Array,
  parent: Parent,
  reader: Reader,
): Refusal | undefined {
  const member = memberOf(validatorsAt(reader, height), toHex(proposer))
  if (member === undefined) return refusal('block_proposer_unknown', { proposer: toHex(proposer) })
  const alpha = beaconAlpha(genesisHash, height, parent.beacon)
  if (vrfVerify(member.vrfKey, alpha, beaconProof) !== undefined) return undefined
  return refusal('block_beacon_invalid', { height })
}

function sectionRoot(envelopes: readonly Envelope[], name: SectionName): Uint8Array {
  return hashTreeRoot(
    list(bytes32, SECTION_MAX[name]),
    envelopes.map((envelope) => sha256(encode(EnvelopeCodec, envelope))),
  )
}

/** Over the sorted ids: a light client is shown one of them by its path. */
function idRoot(genesisHash: Uint8Array, envelopes: readonly Envelope[]): Uint8Array {
  const ids = envelopes.map((envelope) => envelopeId(genesisHash, envelope))
  return hashTreeRoot(IdListCodec, ids.sort(compareBytes))
}

/** The id of an envelope; of an unknown kind, the hash of nothing that could be signed. */
export function envelopeId(genesisHash: Uint8Array, envelope: Envelope): Uint8Array {
  const kind = objectKind(envelope)
  return kind === undefined
    ? sha256(encode(EnvelopeCodec, envelope))
    : objectId(kind, genesisHash, envelope.body)
}
