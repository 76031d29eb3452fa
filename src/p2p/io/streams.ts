/**
 * Request/response over streams: both ends, with size caps, deadlines and quotas.
 *
 * Server: read one frame within its deadline -> cost in items -> quota -> serve -> answer, waiting
 * for room before each chunk. Requester: one frame, close, then chunks until the end, a refusal, or
 * silence. What a peer does wrong is blamed by code; what a line does wrong is silence.
 */

import type { Connection, Stream } from '@libp2p/interface'
import type { Libp2p } from 'libp2p'

import { assert } from '../../base/assert.ts'
import { attempt, type Refusal, refusal } from '../../base/refusal.ts'
import type { Answer, Blame, Meter, PeerId } from '../../runtime/ports.ts'
import { ANSWER_HEADER_BYTES, chunkFrame, parseAnswer, refusalFrame } from '../answers.ts'
import {
  CHUNK_MS,
  FIRST_BYTE_MS,
  protocolName,
  REQUEST_READ_MS,
  RULES,
  type WireProtocol,
} from '../protocols.ts'
import { QuotaTable } from '../quota.ts'
import { type Frames, isFramingFault, openFrames } from './frames.ts'

/** Streams of one protocol that one connection may have open towards us. */
const STREAMS_PER_PROTOCOL_MAX = 16
/** Streams served at once, all peers and protocols together. */
const SERVED_AT_ONCE_MAX = 256
/** A server of ours has this long to answer. */
const SERVE_MS = 10_000

export type Reply =
  | { readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array> }
  | { readonly refusal: Refusal }
export type Serve = (from: PeerId, request: Uint8Array, answer: (reply: Reply) => void) => void

export interface StreamsOptions {
  readonly host: Libp2p
  readonly chainId: string
  /** First four bytes of the genesis hash. */
  readonly context: Uint8Array
  readonly meter: Meter
  readonly blame: (peer: PeerId, blame: Blame, code: string) => void
}

export class Streams {
  readonly #options: StreamsOptions
  readonly #quotas = new QuotaTable()
  readonly #serves = new Map<WireProtocol, Serve>()
  #served = 0

  constructor(options: StreamsOptions) {
    this.#options = options
  }

  /** Registers the one server of a protocol; `replace` takes over from an earlier one. */
  async serve(protocol: WireProtocol, serve: Serve): Promise<void> {
    const known = this.#serves.has(protocol)
    this.#serves.set(protocol, serve)
    if (known) return
    await this.#options.host.handle(
      protocolName(this.#options.chainId, protocol),
      (stream, connection) => this.#accept(protocol, stream, connection),
      { maxInboundStreams: STREAMS_PER_PROTOCOL_MAX, maxOutboundStreams: 64 },
    )
  }

  /** Opens a stream to a connected peer; undefined when there is no connection or it fails. */
  async open(
    peer: PeerId,
    protocol: WireProtocol,
    deadlineMs: number,
  ): Promise<Stream | undefined> {
    const connection = this.#options.host
      .getConnections()
      .find(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === peer)
    if (connection === undefined) return undefined
    try {
      const signal = AbortSignal.timeout(Math.ceil(Math.min(deadlineMs, FIRST_BYTE_MS)))
      return await connection.newStream(protocolName(this.#options.chainId, protocol), { signal })
    } catch (error) {
      this.#count(protocol, 'asked', `failed_${nameOf(error)}`)
      return undefined
    }
  }

  /** Asks a connected peer and collects its chunks. Never rejects. */
  async ask(
    peer: PeerId,
    protocol: WireProtocol,
    request: Uint8Array,
    deadlineMs: number,
  ): Promise<Answer> {
    const rules = RULES[protocol]
    assert(request.length <= rules.requestBytesMax, 'a request is within its protocol')
    const stream = await this.open(peer, protocol, deadlineMs)
    if (stream === undefined) return this.#silence(protocol, 'not_connected')
    const frames = openFrames(stream, rules.chunkBytesMax + ANSWER_HEADER_BYTES, CHUNK_MS)
    const timer = setTimeout(() => frames.reset(new Error('deadline')), deadlineMs)
    try {
      await frames.write([request])
      return await this.#collect(peer, protocol, frames)
    } catch (error) {
      if (isFramingFault(error)) this.#options.blame(peer, 'mid', 'request_oversized')
      frames.reset(error as Error)
      return this.#silence(protocol, nameOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  async #collect(peer: PeerId, protocol: WireProtocol, frames: Frames): Promise<Answer> {
    const rules = RULES[protocol]
    const chunks: Uint8Array[] = []
    let bytes = 0
    for (let patienceMs = FIRST_BYTE_MS + SERVE_MS; ; patienceMs = CHUNK_MS) {
      const frame = await frames.read(patienceMs)
      if (frame === undefined) break
      const parsed = parseAnswer(this.#options.context, frame)
      if (parsed.kind === 'broken') {
        this.#options.blame(peer, 'mid', parsed.reason)
        frames.reset(new Error(parsed.reason))
        return this.#silence(protocol, parsed.reason)
      }
      if (parsed.kind === 'refused') {
        this.#count(protocol, 'asked', 'refused')
        return parsed
      }
      chunks.push(parsed.bytes)
      bytes += parsed.bytes.length
      if (chunks.length > rules.chunksMax || bytes > rules.answerBytesMax) {
        this.#options.blame(peer, 'mid', 'request_oversized')
        frames.reset(new Error('answer too long'))
        return this.#silence(protocol, 'answer_too_long')
      }
    }
    this.#count(protocol, 'asked', 'answered')
    return { kind: 'answer', chunks }
  }

  async #accept(protocol: WireProtocol, stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const rules = RULES[protocol]
    const frames = openFrames(stream, rules.requestBytesMax, CHUNK_MS)
    this.#served++
    try {
      const request = await frames.read(REQUEST_READ_MS)
      if (request === undefined) return frames.reset(new Error('no request'))
      const reply = await this.#reply(protocol, peer, request)
      const refused = 'refusal' in reply
      this.#count(protocol, 'served', refused ? reply.refusal.code : 'answered')
      const { context } = this.#options
      if (refused) await frames.write([refusalFrame(context, reply.refusal)])
      else await frames.write(framesOf(reply.chunks, (chunk) => chunkFrame(context, chunk)))
    } catch (error) {
      if (isFramingFault(error)) this.#options.blame(peer, 'mid', 'request_oversized')
      this.#count(protocol, 'served', (error as Error).name)
      frames.reset(error as Error)
    } finally {
      this.#served--
    }
  }

  #reply(protocol: WireProtocol, peer: PeerId, request: Uint8Array): Promise<Reply> | Reply {
    const serve = this.#serves.get(protocol)
    if (serve === undefined) return { refusal: refusal('request_not_served') }
    if (this.#served > SERVED_AT_ONCE_MAX) return { refusal: refusal('peer_busy') }
    const { quota, cost } = RULES[protocol]
    const items = attempt(() => cost(request))
    if ('refused' in items) {
      this.#options.blame(peer, 'mid', items.refused.code)
      return { refusal: items.refused }
    }
    const key = `${protocol} ${peer}`
    if (!this.#quotas.take(key, quota, items.value, performance.now())) {
      this.#options.blame(peer, 'low', 'request_rate_limited')
      return { refusal: refusal('request_rate_limited', { items: items.value }) }
    }
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve({ refusal: refusal('request_not_served', { reason: 'no answer in time' }) }),
        SERVE_MS,
      )
      serve(peer, request, (reply) => {
        clearTimeout(timer)
        resolve(reply)
      })
    })
  }

  #silence(protocol: WireProtocol, reason: string): Answer {
    this.#count(protocol, 'asked', reason)
    return { kind: 'silence', reason }
  }

  #count(protocol: WireProtocol, side: 'asked' | 'served', result: string): void {
    this.#options.meter.add('p2p_requests_total', 1, { protocol, side, result })
  }
}

/** What was thrown, in a word; streams also end with things that are no errors. */
function nameOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.name !== '' ? thrown.name : 'aborted'
}

async function* framesOf(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  wrap: (chunk: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield wrap(chunk)
}
