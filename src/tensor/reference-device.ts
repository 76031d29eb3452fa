/**
 * The loops of the specification in TypeScript, as a device: slow, and the judge of all others.
 */

import { evaluateOp } from '../program/evaluate.ts'
import { elementBytes, elementCount, tensorBytes } from '../program/shape.ts'
import type { OpNode, Tensor } from '../program/types.ts'
import type { Device, OpCall, Operand } from './device.ts'

/** @param allocate zeros, aligned as the memory of all hosts */
export function referenceDevice(allocate: (lengthBytes: number) => Uint8Array): Device {
  return {
    name: 'reference',
    kind: 'host',
    zeros: (type) => allocate(tensorBytes(type)),
    adopt: (_type, bytes) => bytes,
    run: ({ signature, args }: OpCall) => {
      const out = evaluateOp(signature.program.ops[0] as OpNode, args.map(tensorOf), signature.out)
      const bytes = allocate(out.bytes.byteLength)
      bytes.set(out.bytes)
      return bytes
    },
    bytesOf: (_type, block) => block as Uint8Array,
    release: () => {},
  }
}

/** The elements of an operand, in the memory in which they lie. */
export function tensorOf({ type, block, offset }: Operand): Tensor {
  const width = elementBytes(type.dtype)
  const start = offset * width
  const bytes = (block as Uint8Array).subarray(start, start + elementCount(type.dims) * width)
  return { type, bytes }
}
