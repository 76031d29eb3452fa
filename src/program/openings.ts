/**
 * Which bytes of which values one output element of an op depends on, and how many bytes it takes
 * to show them.
 *
 * What must be shown follows from the program and the number of the element alone; a proof never
 * says it. So there is exactly one well-formed proof of a given fault.
 */

import { assert } from '../base/assert.ts'
import { type ByteRange, CHUNK_BYTES, chunkCount, DIGEST_BYTES } from './blake3-tree.ts'
import { definitionOf, outputValue } from './ir.ts'
import { elementBytes, elementCount, tensorBytes } from './shape.ts'
import type {
  ArgWindow,
  ElementRun,
  OpDefinition,
  Program,
  Tensor,
  TensorType,
  Window,
} from './types.ts'

/** Largest fraud proof, bytes; an op whose elements need more cannot be policed by one. */
export const FRAUD_PROOF_BYTES_MAX: number = 30 * 1024
/** Longest path in a trace of 4096 ops. */
export const TRACE_PATH_MAX = 12
/** Encoding around the openings: kind, numbers, offsets. */
const PROOF_OVERHEAD_BYTES = 64
/** One leaf with the longest path, and the offsets of its opening. */
const VALUE_OVERHEAD_BYTES: number = 64 + DIGEST_BYTES + TRACE_PATH_MAX * DIGEST_BYTES

/** Bytes of one value that must be shown. */
export interface Need {
  readonly value: number
  readonly ranges: readonly ByteRange[]
}

/** The starts of a run's repetitions. */
function startsOf(run: ElementRun): number[] {
  return Array.from({ length: run.times }, (_, index) => run.start + index * run.stride)
}

function rangesOf(runs: readonly ElementRun[], width: number): ByteRange[] {
  return runs.flatMap((run) =>
    startsOf(run).map((start) => ({ start: start * width, end: (start + run.count) * width })),
  )
}

/** The local problem of element `element` of op `opIndex`. */
export function windowOf(
  program: Program,
  types: readonly TensorType[],
  opIndex: number,
  element: number,
): Window {
  const node = program.ops[opIndex]
  assert(node !== undefined, 'a window belongs to an op of the program')
  const out = types[outputValue(program, opIndex)] as TensorType
  const args = node.args.map((value) => types[value] as TensorType)
  return definitionOf(node).window(element, args, out)
}

/** What a judge of the element needs: operands by the window, and the element itself. */
export function needsOf(
  program: Program,
  types: readonly TensorType[],
  opIndex: number,
  element: number,
): Need[] {
  const window = windowOf(program, types, opIndex, element)
  const byValue = new Map<number, ByteRange[]>()
  const want = (value: number, runs: readonly ElementRun[]): void => {
    const width = elementBytes((types[value] as TensorType).dtype)
    byValue.set(value, [...(byValue.get(value) ?? []), ...rangesOf(runs, width)])
  }
  const node = program.ops[opIndex]
  node?.args.forEach((value, index) => {
    want(value, (window.args[index] as ArgWindow).runs)
  })
  want(outputValue(program, opIndex), [{ start: element, count: 1, times: 1, stride: 0 }])
  return [...byValue.entries()]
    .sort(([left], [right]) => left - right)
    .map(([value, ranges]) => ({ value, ranges }))
}

/** The small operand that a window cuts out, read through `read`. */
export function gather(
  type: TensorType,
  window: ArgWindow,
  read: (range: ByteRange) => Uint8Array,
): Tensor {
  const gathered: TensorType = { dtype: type.dtype, dims: window.dims }
  const bytes = new Uint8Array(tensorBytes(gathered))
  let at = 0
  for (const range of rangesOf(window.runs, elementBytes(type.dtype))) {
    bytes.set(read(range), at)
    at += range.end - range.start
  }
  assert(at === bytes.length, 'a window fills the operand it describes')
  return { type: gathered, bytes }
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right)
}

/** Most chunks that `lengthBytes` touch when they start at a multiple of their own length. */
function chunksTouched(lengthBytes: number): number {
  const step = greatestCommonDivisor(lengthBytes, CHUNK_BYTES)
  return Math.ceil((CHUNK_BYTES - step + lengthBytes) / CHUNK_BYTES)
}

/** Upper bound over all elements of the bytes that open the runs of one operand. */
function sliceBytes(type: TensorType, runs: readonly ElementRun[]): number {
  const width = elementBytes(type.dtype)
  const total = chunkCount(elementCount(type.dims) * width)
  const touched = runs.reduce((sum, run) => sum + run.times * chunksTouched(run.count * width), 0)
  const times = runs.reduce((sum, run) => sum + run.times, 0)
  const chunks = Math.min(total, touched)
  const depth = 32 - Math.clz32(total - 1)
  const siblings = Math.min(total - chunks, 2 * depth * times)
  return chunks * CHUNK_BYTES + siblings * DIGEST_BYTES
}

/** Upper bound over all elements of the size of a fraud proof for this op, bytes. */
export function openingBytes(
  definition: OpDefinition,
  args: readonly TensorType[],
  out: TensorType,
): number {
  const window = definition.window(0, args, out)
  const operands = args.reduce(
    (sum, type, index) =>
      sum + VALUE_OVERHEAD_BYTES + sliceBytes(type, (window.args[index] as ArgWindow).runs),
    0,
  )
  const element = sliceBytes(out, [{ start: 0, count: 1, times: 1, stride: 0 }])
  return PROOF_OVERHEAD_BYTES + operands + VALUE_OVERHEAD_BYTES + element
}
