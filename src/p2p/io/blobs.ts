/**
 * Blobs by stream: served in ranges, fetched from several peers in turn, resumed where one stopped.
 *
 *   request {digest, from, length} --> header {totalBytes, rangeBytes}, then frames of 64 KiB
 *
 * The length is known from the ledger before anything is asked, so a header that disagrees, or a
 * byte beyond what was asked, ends the stream and blames its sender. The digest is checked by the
 * sink when the last byte is there; if it is wrong, everything is thrown away, and the blame is
 * `fatal` only when a single peer sent it all.
 */

import { assert } from '../../base/assert.ts'
import { decode, encode } from '../../base/codec.ts'
import { attempt, type Refusal, refusal } from '../../base/refusal.ts'
import type { Blame, Meter, PeerId } from '../../runtime/ports.ts'
import { ANSWER_HEADER_BYTES, parseAnswer } from '../answers.ts'
import {
  BLOB_FRAME_BYTES,
  BLOB_RANGE_BYTES_MAX,
  BlobBody,
  BlobHeaderBody,
  CHUNK_MS,
  FIRST_BYTE_MS,
} from '../protocols.ts'
import { type Frames, isFramingFault, openFrames } from './frames.ts'
import type { Streams } from './streams.ts'

/** Where fetched bytes go. Bytes come in order, from `haveBytes` on. */
export interface BlobSink {
  /** Bytes kept from earlier, whole and in order. */
  haveBytes(): number
  write(bytes: Uint8Array): Promise<void>
  /** Every byte is there: checks the digest and, if it is right, keeps the blob. */
  complete(): Promise<boolean>
  /** Throws away what was written. */
  reset(): Promise<void>
}

/** Where served bytes come from. */
export interface BlobReader {
  /** Length of the blob in bytes, or undefined if it is not held. */
  sizeBytes(digest: Uint8Array): Promise<number | undefined>
  /** The range as frames of at most BLOB_FRAME_BYTES. */
  read(digest: Uint8Array, from: number, lengthBytes: number): AsyncIterable<Uint8Array>
}

export interface BlobFetch {
  readonly digest: Uint8Array
  readonly lengthBytes: number
  /** Asked in this order; a peer that fails is not asked again. */
  readonly peers: readonly PeerId[]
  readonly deadlineMs: number
}

export interface BlobStreamsOptions {
  readonly streams: Streams
  readonly context: Uint8Array
  readonly meter: Meter
  readonly blame: (peer: PeerId, blame: Blame, code: string) => void
}

/** Registers the blob server. */
export function serveBlobs(options: BlobStreamsOptions, reader: BlobReader): Promise<void> {
  return options.streams.serve('blob', (_peer, request, answer) => {
    const parsed = attempt(() => decode(BlobBody, request))
    if ('refused' in parsed) return answer({ refusal: parsed.refused })
    const { digest, from, length } = parsed.value
    reader.sizeBytes(digest).then(
      (sizeBytes) => {
        if (sizeBytes === undefined || from + length > BigInt(sizeBytes)) {
          return answer({ refusal: refusal('blob_unknown') })
        }
        if (length > BigInt(BLOB_RANGE_BYTES_MAX)) {
          return answer({ refusal: refusal('request_oversized', { lengthBytes: length }) })
        }
        const range = { digest, from: Number(from), length: Number(length), sizeBytes }
        answer({ chunks: rangeChunks(reader, range, options.meter) })
      },
      () => answer({ refusal: refusal('blob_unknown') }),
    )
  })
}

async function* rangeChunks(
  reader: BlobReader,
  range: {
    readonly digest: Uint8Array
    readonly from: number
    readonly length: number
    readonly sizeBytes: number
  },
  meter: Meter,
): AsyncGenerator<Uint8Array> {
  yield encode(BlobHeaderBody, {
    totalBytes: BigInt(range.sizeBytes),
    rangeBytes: BigInt(range.length),
  })
  for await (const bytes of reader.read(range.digest, range.from, range.length)) {
    for (let offset = 0; offset < bytes.length; offset += BLOB_FRAME_BYTES) {
      const frame = bytes.subarray(offset, offset + BLOB_FRAME_BYTES)
      meter.add('p2p_blob_bytes_total', frame.length, { direction: 'out' })
      yield frame
    }
  }
}

/** Fetches a blob into `sink`; undefined means that it is whole and its digest right. */
export async function fetchBlob(
  options: BlobStreamsOptions,
  fetch: BlobFetch,
  sink: BlobSink,
): Promise<Refusal | undefined> {
  const endMs = performance.now() + fetch.deadlineMs
  const senders = new Set<PeerId>()
  if (sink.haveBytes() > fetch.lengthBytes) await sink.reset()
  for (const peer of fetch.peers) {
    while (sink.haveBytes() < fetch.lengthBytes && performance.now() < endMs) {
      const before = sink.haveBytes()
      const went = await fetchRange(options, fetch, sink, { peer, endMs })
      if (sink.haveBytes() > before) senders.add(peer)
      if (!went) break
    }
    if (sink.haveBytes() === fetch.lengthBytes) return conclude(options, sink, senders)
  }
  if (fetch.lengthBytes === 0) return conclude(options, sink, senders)
  return refusal('blob_not_found', {
    haveBytes: sink.haveBytes(),
    lengthBytes: fetch.lengthBytes,
    peersAsked: fetch.peers.length,
  })
}

async function conclude(
  options: BlobStreamsOptions,
  sink: BlobSink,
  senders: ReadonlySet<PeerId>,
): Promise<Refusal | undefined> {
  if (await sink.complete()) return undefined
  await sink.reset()
  const blame: Blame = senders.size === 1 ? 'fatal' : 'mid'
  for (const peer of senders) options.blame(peer, blame, 'blob_digest_mismatch')
  return refusal('blob_digest_mismatch', { senders: senders.size })
}

/** One range from one peer; false when that peer is not worth asking again. */
async function fetchRange(
  options: BlobStreamsOptions,
  fetch: BlobFetch,
  sink: BlobSink,
  from: { readonly peer: PeerId; readonly endMs: number },
): Promise<boolean> {
  const { peer, endMs } = from
  const leftMs = Math.max(1, endMs - performance.now())
  const stream = await options.streams.open(peer, 'blob', leftMs)
  if (stream === undefined) return false
  const frames = openFrames(stream, BLOB_FRAME_BYTES + ANSWER_HEADER_BYTES, CHUNK_MS)
  const timer = setTimeout(() => frames.reset(new Error('deadline')), leftMs)
  try {
    const start = sink.haveBytes()
    const rangeBytes = Math.min(BLOB_RANGE_BYTES_MAX, fetch.lengthBytes - start)
    await frames.write([
      encode(BlobBody, {
        digest: fetch.digest,
        from: BigInt(start),
        length: BigInt(rangeBytes),
      }),
    ])
    return await readRange(options, frames, { fetch, sink, peer, rangeBytes })
  } catch (error) {
    if (isFramingFault(error)) options.blame(peer, 'mid', 'request_oversized')
    frames.reset(error as Error)
    return false
  } finally {
    clearTimeout(timer)
  }
}

async function readRange(
  options: BlobStreamsOptions,
  frames: Frames,
  range: {
    readonly fetch: BlobFetch
    readonly sink: BlobSink
    readonly peer: PeerId
    readonly rangeBytes: number
  },
): Promise<boolean> {
  const { fetch, sink, peer, rangeBytes } = range
  const lie = (code: string): false => {
    options.blame(peer, 'fatal', code)
    frames.reset(new Error(code))
    return false
  }
  const first = await frames.read(FIRST_BYTE_MS)
  if (first === undefined) return false
  const header = parseAnswer(options.context, first)
  if (header.kind !== 'chunk') return header.kind === 'broken' ? lie(header.reason) : false
  const declared = attempt(() => decode(BlobHeaderBody, header.bytes))
  if ('refused' in declared) return lie('blob_header_malformed')
  const { totalBytes } = declared.value
  if (totalBytes !== BigInt(fetch.lengthBytes)) return lie('blob_length_mismatch')
  if (declared.value.rangeBytes !== BigInt(rangeBytes)) return lie('blob_length_mismatch')
  let leftBytes = rangeBytes
  for (;;) {
    const frame = await frames.read(CHUNK_MS)
    if (frame === undefined) return leftBytes === 0
    const chunk = parseAnswer(options.context, frame)
    if (chunk.kind !== 'chunk') return lie('blob_frame_broken')
    if (chunk.bytes.length > leftBytes || chunk.bytes.length === 0) return lie('blob_too_long')
    leftBytes -= chunk.bytes.length
    assert(leftBytes >= 0, 'no more is taken than was asked for')
    options.meter.add('p2p_blob_bytes_total', chunk.bytes.length, { direction: 'in' })
    await sink.write(chunk.bytes)
  }
}
