/**
 * Frames over a libp2p stream: a varint length, then that many bytes; the length is judged first.
 *
 * Reading and writing are it-pipe chains over our duplex. Each read has a deadline of its own; a
 * stream that misses one, or breaks a limit, is reset and the error says which.
 */

import type { Stream } from '@libp2p/interface'
import { decode, encode } from 'it-length-prefixed'
import { pipe } from 'it-pipe'

import { openDuplex, StreamTimeout } from './stream-duplex.ts'

/** A varint of four bytes reaches 256 MiB, beyond any frame of ours. */
const LENGTH_BYTES_MAX = 4

export interface Frames {
  /** The next frame, or undefined when the other end has closed its side. */
  read(deadlineMs: number): Promise<Uint8Array | undefined>
  /** Sends the frames, waits for room, closes our side. */
  write(frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>
  reset(reason: Error): void
}

export function openFrames(stream: Stream, frameBytesMax: number, stallMs: number): Frames {
  const duplex = openDuplex(stream, stallMs)
  const incoming = pipe(duplex.source, (source) =>
    decode(source, { maxDataLength: frameBytesMax, maxLengthLength: LENGTH_BYTES_MAX }),
  )[Symbol.asyncIterator]()
  const reset = (reason: Error): void => stream.abort(reason)
  return {
    read: async (deadlineMs) => {
      const next = await within(incoming.next(), deadlineMs, reset)
      return next.done === true ? undefined : plain(next.value.subarray())
    },
    write: (frames) => pipe(frames, (source) => encode(source), duplex.sink),
    reset,
  }
}

/** Libp2p hands out Node's buffers; the rest of the program knows only plain byte arrays. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** True for the errors by which a peer breaks the framing, as opposed to a line that broke. */
export function isFramingFault(error: unknown): boolean {
  const name = (error as { readonly name?: string }).name ?? ''
  return name.startsWith('InvalidDataLength') || name === 'InvalidMessageLengthError'
}

/** Settles with `promise`, or resets and rejects after `deadlineMs`. */
async function within<Value>(
  promise: Promise<Value>,
  deadlineMs: number,
  reset: (reason: Error) => void,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = new StreamTimeout('the deadline of a frame has passed')
      reset(reason)
      reject(reason)
    }, deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
