/**
 * A libp2p stream as a duplex for it-pipe, with the backpressure that upstream's lacks.
 *
 * Reading pauses the stream while more than a window of bytes waits to be taken, so that the other
 * end stops instead of filling our memory. Writing waits until the stream's own buffer is nearly
 * empty, because one `drain` event only says that some of it went out.
 *
 * Three facts of libp2p 3.3 explain the shape. A pause inside a message listener is undone by the
 * caller, hence the microtask. `remoteCloseWrite` comes while paused bytes are still held, so only
 * `end` ends the source. The promise of `onDrain()` stays resolved for ever, so events are used.
 */

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'

type Bytes = Uint8Array | Uint8ArrayList

export interface StreamDuplex {
  readonly source: AsyncGenerator<Bytes>
  readonly sink: (source: AsyncIterable<Bytes> | Iterable<Bytes>) => Promise<void>
}

/** Unread bytes at which the stream is paused, and below which it goes on. */
const PAUSE_ABOVE_BYTES: number = 256 * 1024
const RESUME_BELOW_BYTES: number = 64 * 1024
/** Unsent bytes that may stay in the stream's buffer before more are handed to it. */
const UNSENT_BYTES_MAX: number = 128 * 1024

export class StreamTimeout extends Error {
  override readonly name = 'StreamTimeout'
}

/** `stallMs` bounds each wait for the other end to take bytes. */
export function openDuplex(stream: Stream, stallMs: number): StreamDuplex {
  return { source: read(stream), sink: (source) => write(stream, source, stallMs) }
}

interface Inbox {
  readonly chunks: Bytes[]
  waitingBytes: number
  ended: boolean
  error: Error | undefined
  wake: () => void
}

function read(stream: Stream): AsyncGenerator<Bytes> {
  const inbox: Inbox = {
    chunks: [],
    waitingBytes: 0,
    ended: stream.readableEnded,
    error: undefined,
    wake: () => {},
  }
  stream.addEventListener('message', (event: StreamMessageEvent) => {
    inbox.chunks.push(event.data)
    inbox.waitingBytes += event.data.byteLength
    if (inbox.waitingBytes > PAUSE_ABOVE_BYTES) queueMicrotask(() => pause(stream))
    inbox.wake()
  })
  stream.addEventListener('end', () => {
    inbox.ended = true
    inbox.wake()
  })
  stream.addEventListener('close', (event: StreamCloseEvent) => {
    inbox.error = event.error
    // Bytes held by a pause still come after a graceful close; `end` follows them.
    if (event.error !== undefined || stream.readBufferLength === 0) inbox.ended = true
    inbox.wake()
  })
  return take(stream, inbox)
}

async function* take(stream: Stream, inbox: Inbox): AsyncGenerator<Bytes> {
  for (;;) {
    const chunk = inbox.chunks.shift()
    if (chunk !== undefined) {
      inbox.waitingBytes -= chunk.byteLength
      if (inbox.waitingBytes < RESUME_BELOW_BYTES) resume(stream)
      yield chunk
      continue
    }
    if (inbox.error !== undefined) throw inbox.error
    if (inbox.ended) return
    resume(stream)
    await new Promise<void>((wake) => {
      inbox.wake = wake
    })
  }
}

async function write(
  stream: Stream,
  source: AsyncIterable<Bytes> | Iterable<Bytes>,
  stallMs: number,
): Promise<void> {
  for await (const chunk of source) {
    stream.send(chunk)
    while (stream.writeBufferLength > UNSENT_BYTES_MAX) await roomToSend(stream, stallMs)
  }
  await stream.close({ signal: AbortSignal.timeout(stallMs) })
}

/** Resolves when some bytes went out, rejects when the stream closes or nothing moves in time. */
export function roomToSend(stream: Stream, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      stream.removeEventListener('drain', onRoom)
      stream.removeEventListener('idle', onRoom)
      stream.removeEventListener('close', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    // The stream's own listener sends what it held in a microtask of its own; look after it.
    const onRoom = (): void => {
      setImmediate(() => settle())
    }
    const onClose = (event: StreamCloseEvent): void =>
      settle(event.error ?? new StreamTimeout('the stream closed while bytes were unsent'))
    const timer = setTimeout(
      () => settle(new StreamTimeout('the other end takes no bytes')),
      stallMs,
    )
    stream.addEventListener('drain', onRoom)
    stream.addEventListener('idle', onRoom)
    stream.addEventListener('close', onClose)
    if (stream.writeStatus !== 'writable') settle(new StreamTimeout('the stream is closed'))
  })
}

export function pause(stream: Stream): void {
  if (stream.status === 'open' && stream.readStatus === 'readable') stream.pause()
}

/** Gives the stream its window back; a stream that closed meanwhile still gives what it held. */
export function resume(stream: Stream): void {
  if (stream.readStatus !== 'paused') return
  try {
    stream.resume()
  } catch (error) {
    // The bytes were given before the window update failed on a closed connection.
    stream.abort(error as Error)
  }
}
