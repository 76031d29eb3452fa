/**
 * Which bytes of which values one output element of an op depends on, and how many bytes it takes
 * to show them.
 *
 * What must be shown follows from the program and the number of the element alone; a proof never
 * says it. So there is exactly one well-formed proof of a given fault.
 */

import { assert } from '../base/assert.ts'
import { type ByteRange, CHUNK_BYTES, chunkCount, DIGEST_BYTES } from './blake3-tree.ts'
import { definitionOf, outputValue, siteOf } from './ir.ts'
import { elementBytes, elementCount, tensorBytes } from './shape.ts'
import { words } from './tensor.ts'
import type {
  ArgWindow,
  ElementRun,
  OpDefinition,
  OpSite,
  Program,
  Reach,
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

/** The element by which an op finds what one of its elements needs; null for ops without one. */
export function pointerOf(
  program: Program,
  types: readonly TensorType[],
  opIndex: number,
  element: number,
): Need | null {
  const node = program.ops[opIndex]
  assert(node !== undefined, 'a pointer belongs to an op of the program')
  const { pointer } = definitionOf(node)
  if (pointer === undefined) return null
  const at = pointer.at(element, siteOf(program, types, opIndex))
  const value = node.args[pointer.arg] as number
  const width = elementBytes((types[value] as TensorType).dtype)
  return { value, ranges: [{ start: at * width, end: (at + 1) * width }] }
}

/** The index that an opened pointer holds. */
export function indexIn(bytes: Uint8Array): number {
  const [index] = words(bytes)
  return (index as number) | 0
}

/**
 * The local problem of element `element` of op `opIndex`.
 * @param pointed the index that its pointer holds; 0 where it has none
 */
export function windowOf(
  program: Program,
  types: readonly TensorType[],
  opIndex: number,
  element: number,
  pointed: number,
): Window {
  const node = program.ops[opIndex]
  assert(node !== undefined, 'a window belongs to an op of the program')
  return definitionOf(node).window(element, siteOf(program, types, opIndex), pointed)
}

/** What a judge of the element needs: operands by the window, and the element itself. */
export function needsOf(
  program: Program,
  types: readonly TensorType[],
  opIndex: number,
  element: number,
  pointed: number,
): Need[] {
  const window = windowOf(program, types, opIndex, element, pointed)
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

/** Most chunks that `lengthBytes` touch when they start at a multiple of `alignBytes`. */
function chunksTouched(lengthBytes: number, alignBytes: number): number {
  const step = greatestCommonDivisor(alignBytes, CHUNK_BYTES)
  return Math.ceil((CHUNK_BYTES - step + lengthBytes) / CHUNK_BYTES)
}

/** Upper bound of the bytes that open what lies within `reach`. */
function sliceBytes(type: TensorType, { times, count, align }: Reach): number {
  const width = elementBytes(type.dtype)
  const total = chunkCount(elementCount(type.dims) * width)
  const touched = chunksTouched(count * width, align * width)
  const chunks = Math.min(total, times * touched)
  const depth = 32 - Math.clz32(total - 1)
  // Beside one chunk there is one subtree a level, beside several there are two.
  const siblings = Math.min(total - chunks, (touched === 1 ? depth : 2 * depth) * times)
  return chunks * CHUNK_BYTES + siblings * DIGEST_BYTES
}

/** Upper bound over all elements of the bytes that open one operand: the best of its bounds. */
function operandBytes(type: TensorType, bounds: readonly Reach[]): number {
  return Math.min(...bounds.map((reach) => sliceBytes(type, reach)))
}

/** Upper bound over all elements of the size of a fraud proof for this op, bytes. */
export function openingBytes(definition: OpDefinition, site: OpSite): number {
  const reach = definition.reach(site)
  const operands = site.args.reduce(
    (sum, type, index) =>
      sum + VALUE_OVERHEAD_BYTES + operandBytes(type, reach[index] as readonly Reach[]),
    0,
  )
  const element = sliceBytes(site.out, { times: 1, count: 1, align: 1 })
  return PROOF_OVERHEAD_BYTES + operands + VALUE_OVERHEAD_BYTES + element
}
