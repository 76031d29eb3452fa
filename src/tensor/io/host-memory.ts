/**
 * Memory of this process that begins at a multiple of 64 bytes, as vectors of every width like it.
 *
 * Fresh pages cost more than most ops, so what is given back is kept for the next tensor of its
 * size, up to POOL_BYTES_MAX in all. Small pieces are not worth it.
 */

import type { NativeTensors } from './native-tensors.ts'

const ALIGNMENT = 64
/** Bytes kept for later: 256 MiB; what is given back beyond them is left to the collector. */
export const POOL_BYTES_MAX: number = 256 * 1024 * 1024
const POOLED_BYTES_MIN: number = 16 * 1024

export class HostMemory {
  readonly #native: NativeTensors
  /** What may be given back: memory that was taken from here. */
  readonly #own = new WeakSet<Uint8Array>()
  readonly #idle = new Map<number, Uint8Array[]>()
  #idleBytes = 0

  constructor(native: NativeTensors) {
    this.#native = native
  }

  /** Bytes of any contents. @throws RangeError when the process has no memory left */
  take(lengthBytes: number): Uint8Array {
    const idle = this.#idle.get(lengthBytes)?.pop()
    if (idle === undefined) return this.#fresh(lengthBytes)
    this.#idleBytes -= lengthBytes
    return idle
  }

  zeros(lengthBytes: number): Uint8Array {
    const idle = this.#idle.get(lengthBytes)?.length ?? 0
    return idle > 0 ? this.take(lengthBytes).fill(0) : this.#fresh(lengthBytes)
  }

  /** Precondition: nobody reads or writes these bytes any more. Memory of others is left alone. */
  give(bytes: Uint8Array): void {
    const { byteLength } = bytes
    const isWanted =
      byteLength >= POOLED_BYTES_MIN && this.#idleBytes + byteLength <= POOL_BYTES_MAX
    if (!isWanted || !this.#own.has(bytes)) return
    this.#idleBytes += byteLength
    const idle = this.#idle.get(byteLength)
    if (idle === undefined) this.#idle.set(byteLength, [bytes])
    else idle.push(bytes)
  }

  #fresh(lengthBytes: number): Uint8Array {
    const room = new Uint8Array(lengthBytes + ALIGNMENT)
    const start = (ALIGNMENT - this.#native.memoryPlace(room)) % ALIGNMENT
    const bytes = room.subarray(start, start + lengthBytes)
    this.#own.add(bytes)
    return bytes
  }
}
