/** Memory of this process that begins at a multiple of 64 bytes, as vectors of every width like it. */

import type { NativeTensors } from './native-tensors.ts'

const ALIGNMENT = 64

/** Zeros. @throws RangeError when the process has no memory left */
export function alignedBytes(native: NativeTensors, lengthBytes: number): Uint8Array {
  const room = new Uint8Array(lengthBytes + ALIGNMENT)
  const start = (ALIGNMENT - native.memoryPlace(room)) % ALIGNMENT
  return room.subarray(start, start + lengthBytes)
}
