/**
 * The line between a node and a child of its own: structured clones in frames, over descriptor 3.
 *
 *   u32 length, little-endian | v8 structured clone
 *
 * Not Node's own channel, because a child that carries a stranger's code may write anything to it,
 * and what does not parse must end the child and not the node.
 */

import { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'

/** The descriptor that a child finds its line at. */
export const CHANNEL_DESCRIPTOR = 3
const LENGTH_BYTES = 4

export function frameOf(message: unknown): Buffer {
  const body = serialize(message)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length)
  frame.writeUInt32LE(body.length, 0)
  body.copy(frame, LENGTH_BYTES)
  return frame
}

/** Cuts a stream of bytes back into messages. */
export class FrameReader {
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #bytes = 0

  /** @param bytesMax of one frame; a longer one is no frame */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The messages that are whole now; undefined once something was no message. */
  push(chunk: Buffer): unknown[] | undefined {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const messages: unknown[] = []
    for (;;) {
      const lengthBytes = this.#length()
      if (lengthBytes === undefined) return messages
      if (lengthBytes > this.#bytesMax) return undefined
      if (this.#bytes < LENGTH_BYTES + lengthBytes) return messages
      const joined = Buffer.concat(this.#chunks)
      const end = LENGTH_BYTES + lengthBytes
      this.#chunks = [joined.subarray(end)]
      this.#bytes -= end
      try {
        messages.push(deserialize(joined.subarray(LENGTH_BYTES, end)))
      } catch {
        // The reason lies in bytes that a stranger wrote: there is nothing to be learned from it.
        return undefined
      }
    }
  }

  #length(): number | undefined {
    if (this.#bytes < LENGTH_BYTES) return undefined
    const [first] = this.#chunks
    if (first === undefined || first.length < LENGTH_BYTES) {
      this.#chunks = [Buffer.concat(this.#chunks)]
    }
    return (this.#chunks[0] as Buffer).readUInt32LE(0)
  }
}

/**
 * The child's end of the line. The process ends when the node hangs up: at once, because an orderly
 * exit would wait for kernels that nobody waits for any more.
 * @returns what says something to the node; it is on its way when the call returns.
 */
export function openParent<ToParent, FromParent>(
  listen: (message: FromParent) => void,
): (message: ToParent) => void {
  const line = new Socket({ fd: CHANNEL_DESCRIPTOR, readable: true, writable: true })
  const reader = new FrameReader(Number.MAX_SAFE_INTEGER)
  line.on('data', (chunk) => {
    for (const message of reader.push(chunk) ?? []) listen(message as FromParent)
  })
  for (const end of ['end', 'error', 'close']) {
    line.on(end, () => process.kill(process.pid, 'SIGKILL'))
  }
  return (message) => void line.write(frameOf(message))
}
