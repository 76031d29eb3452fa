/**
 * Request/response protocols: names, SSZ bodies, size caps, deadlines and quotas.
 *
 *   requester                              server
 *     | -- frame(request) ------------------> |   one request a stream, then the write side closes
 *     | <-- frame(result, context, chunk) --- |   0..n chunks; a result other than 0 ends the answer
 *
 * A frame is an unsigned varint length and that many bytes; the length is judged before the bytes
 * are read. `context` is the first four bytes of the genesis hash, so that an answer from another
 * chain is noticed before it is decoded. A quota counts items asked for, not requests.
 *
 * Source: docs/reference/wire.md, Streams.
 */

import {
  byteList,
  bytes32,
  type Codec,
  container,
  type Decoded,
  decode,
  list,
  u8,
  u16,
  u32,
  u64,
} from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import type { Protocol } from '../runtime/ports.ts'
import { PAYLOAD_BYTES_MAX } from './topics.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Every protocol on the wire; those beyond the port's are the adapter's own. */
export type WireProtocol = Protocol | 'goodbye' | 'peers' | 'blob'

export const PEER_RECORDS_MAX = 32
export const PEER_RECORD_BYTES_MAX = 2 * KIB
export const BLOCKS_PER_REQUEST_MAX = 64
export const PUSH_ITEMS_MAX = 64
/** A block travels as at most eight parts of 64 KiB; its certificate needs the rest. */
export const BLOCK_CHUNK_BYTES_MAX: number = 640 * KIB
/** One read of a blob; longer blobs are read in ranges. */
export const BLOB_RANGE_BYTES_MAX: number = 16 * MIB
export const BLOB_FRAME_BYTES: number = 64 * KIB
export const CONTEXT_BYTES = 4

/** `/blocktorch/<chain id>/<protocol>/1`. */
export function protocolName(chainId: string, protocol: WireProtocol): string {
  return `/blocktorch/${chainId}/${protocol}/1`
}

export const StatusBody: Codec<{
  readonly genesisHash: Uint8Array
  readonly headHeight: bigint
  readonly headId: Uint8Array
  readonly finalizedHeight: bigint
  readonly earliestHeight: bigint
  readonly version: Uint8Array
}> = container({
  genesisHash: bytes32,
  headHeight: u64,
  headId: bytes32,
  finalizedHeight: u64,
  earliestHeight: u64,
  version: byteList(64),
})
export type Status = Decoded<typeof StatusBody>

export const GOODBYE_CODES = {
  shutdown: 1,
  wrong_genesis: 2,
  fault: 3,
  too_many_peers: 129,
  score_too_low: 250,
  banned: 251,
} as const
export type GoodbyeName = keyof typeof GOODBYE_CODES

export const GoodbyeBody: Codec<{ readonly code: number }> = container({ code: u8 })
export const PeersBody: Codec<{ readonly count: number }> = container({ count: u8 })
export const BlocksByRangeBody: Codec<{ readonly from: bigint; readonly count: number }> =
  container({ from: u64, count: u16 })
export const BlocksByRootBody: Codec<readonly Uint8Array[]> = list(bytes32, BLOCKS_PER_REQUEST_MAX)
export const CertificateBody: Codec<{ readonly height: bigint }> = container({ height: u64 })
export const VotesBody: Codec<{ readonly height: bigint; readonly round: number }> = container({
  height: u64,
  round: u32,
})
/** `topic` is the position in TOPICS; `bytes` is what would have been its gossip payload. */
export const PushBody: Codec<readonly { readonly topic: number; readonly bytes: Uint8Array }[]> =
  list(container({ topic: u8, bytes: byteList(PAYLOAD_BYTES_MAX.transactions) }), PUSH_ITEMS_MAX)
export const ReceiptsByJobBody: Codec<{ readonly job: Uint8Array }> = container({ job: bytes32 })
export const EvidenceBody: Codec<{ readonly id: Uint8Array }> = container({ id: bytes32 })
export const BlobBody: Codec<{
  readonly digest: Uint8Array
  readonly from: bigint
  readonly length: bigint
}> = container({ digest: bytes32, from: u64, length: u64 })
/** First chunk of a blob's answer; the bytes of the range follow in frames. */
export const BlobHeaderBody: Codec<{ readonly totalBytes: bigint; readonly rangeBytes: bigint }> =
  container({ totalBytes: u64, rangeBytes: u64 })
/** What a refusal looks like on the wire. */
export const RefusalBody: Codec<{
  readonly code: Uint8Array
  readonly facts: readonly { readonly name: Uint8Array; readonly text: Uint8Array }[]
}> = container({
  code: byteList(64),
  facts: list(container({ name: byteList(32), text: byteList(128) }), 8),
})

/** First byte of each response frame. */
export const RESULT = { ok: 0, refused: 1, fault: 2 } as const

export interface Quota {
  /** Items that may be asked for at once. */
  readonly items: number
  /** Milliseconds in which that many items grow back. */
  readonly perMs: number
}

export interface ProtocolRules {
  readonly requestBytesMax: number
  readonly chunkBytesMax: number
  readonly chunksMax: number
  /** All chunks of one answer together. */
  readonly answerBytesMax: number
  readonly quota: Quota
  /** Items a request asks for; throws RefusalError when it cannot be decoded. */
  readonly cost: (request: Uint8Array) => number
}

/** From the first byte of a request to its end, on the server. */
export const REQUEST_READ_MS = 5_000
/** Until the first byte of an answer; then between chunks. */
export const FIRST_BYTE_MS = 5_000
export const CHUNK_MS = 10_000

const one = (): number => 1

function rules(
  requestBytesMax: number,
  chunk: { readonly bytesMax: number; readonly countMax: number; readonly answerBytesMax?: number },
  quota: Quota,
  cost: (request: Uint8Array) => number = one,
): ProtocolRules {
  return {
    requestBytesMax,
    chunkBytesMax: chunk.bytesMax,
    chunksMax: chunk.countMax,
    answerBytesMax: chunk.answerBytesMax ?? chunk.bytesMax * chunk.countMax,
    quota,
    cost,
  }
}

function blocksAsked(request: Uint8Array): number {
  const { count } = decode(BlocksByRangeBody, request)
  if (count < 1 || count > BLOCKS_PER_REQUEST_MAX) {
    refuse('request_count_invalid', { count, countMax: BLOCKS_PER_REQUEST_MAX })
  }
  return count
}

const rootsAsked = (request: Uint8Array): number =>
  atLeastOne(decode(BlocksByRootBody, request).length)
const itemsPushed = (request: Uint8Array): number => atLeastOne(decode(PushBody, request).length)

function atLeastOne(count: number): number {
  if (count < 1) refuse('request_count_invalid', { count, countMax: BLOCKS_PER_REQUEST_MAX })
  return count
}

function recordsAsked(request: Uint8Array): number {
  const { count } = decode(PeersBody, request)
  if (count < 1 || count > PEER_RECORDS_MAX) {
    refuse('request_count_invalid', { count, countMax: PEER_RECORDS_MAX })
  }
  return 1
}

const tenSeconds = (items: number): Quota => ({ items, perMs: 10_000 })
const blocks = {
  bytesMax: BLOCK_CHUNK_BYTES_MAX,
  countMax: BLOCKS_PER_REQUEST_MAX,
  answerBytesMax: 16 * MIB,
}

export const RULES: Readonly<Record<WireProtocol, ProtocolRules>> = {
  status: rules(
    StatusBody.bytesMax,
    { bytesMax: StatusBody.bytesMax, countMax: 1 },
    tenSeconds(10),
  ),
  goodbye: rules(GoodbyeBody.bytesMax, { bytesMax: 1, countMax: 1 }, tenSeconds(2)),
  peers: rules(
    PeersBody.bytesMax,
    { bytesMax: PEER_RECORD_BYTES_MAX, countMax: PEER_RECORDS_MAX },
    tenSeconds(10),
    recordsAsked,
  ),
  'blocks-by-range': rules(BlocksByRangeBody.bytesMax, blocks, tenSeconds(1024), blocksAsked),
  'blocks-by-root': rules(BlocksByRootBody.bytesMax, blocks, tenSeconds(256), rootsAsked),
  certificate: rules(
    CertificateBody.bytesMax,
    { bytesMax: 64 * KIB, countMax: 1 },
    tenSeconds(100),
  ),
  votes: rules(
    VotesBody.bytesMax,
    { bytesMax: PAYLOAD_BYTES_MAX['consensus-proposals'], countMax: 256, answerBytesMax: MIB },
    tenSeconds(100),
  ),
  push: rules(512 * KIB, { bytesMax: 1, countMax: 1 }, tenSeconds(512), itemsPushed),
  'receipts-by-job': rules(
    ReceiptsByJobBody.bytesMax,
    { bytesMax: PAYLOAD_BYTES_MAX.receipts, countMax: 16 },
    tenSeconds(100),
  ),
  evidence: rules(
    EvidenceBody.bytesMax,
    { bytesMax: PAYLOAD_BYTES_MAX['slashing-evidence'], countMax: 1 },
    tenSeconds(50),
  ),
  blob: rules(
    BlobBody.bytesMax,
    { bytesMax: BLOB_FRAME_BYTES, countMax: BLOB_RANGE_BYTES_MAX / BLOB_FRAME_BYTES + 1 },
    tenSeconds(200),
  ),
}
