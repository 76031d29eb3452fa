/**
 * One-shot fraud proofs: one output element, the operands it depends on, and everybody can judge.
 *
 *     statement: program, input digests, output digest, trace root        (a signed receipt)
 *     proof:     trace leaves of the computed values + BLAKE3 slices      (at most 30 KiB)
 *     verdict:   open the slices, run the op on them, compare the element
 *
 * Provable: a wrong element, a non-canonical element, an output digest that is not that of the
 * output ops. What must be shown follows from the program, so a proof has no freedom: a malformed
 * one convicts nobody. Pure, and never throws on a proof of any content.
 * Source: protocol, section 6 (P4).
 */

import { assert, unreachable } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import {
  byteList,
  bytes32,
  type Codec,
  container,
  decode,
  encode,
  list,
  u8,
  u16,
  u32,
} from '../base/codec.ts'
import { attempt, refuse } from '../base/refusal.ts'
import { type ByteRange, type OpenedBlob, openSlices, verifySlices } from './blake3-tree.ts'
import { outputDigest } from './digest.ts'
import { evaluateOp } from './evaluate.ts'
import { definitionOf, OUTPUTS_MAX, outputValue, producerOf, siteOf, valueTypes } from './ir.ts'
import {
  FRAUD_PROOF_BYTES_MAX,
  gather,
  indexIn,
  type Need,
  needsOf,
  openingBytes,
  pointerOf,
  TRACE_PATH_MAX,
  windowOf,
} from './openings.ts'
import { elementBytes, elementCount, tensorBytes } from './shape.ts'
import { storedBits, words } from './tensor.ts'
import { tracePath, verifyTracePath } from './trace.ts'
import { type ArgWindow, F32, type OpNode, type Program, type TensorType } from './types.ts'

const WRONG_ELEMENT = 1
const NON_CANONICAL = 2
const WRONG_OUTPUT = 3

export type FaultKind = 'wrong_element' | 'non_canonical' | 'wrong_output'

/** What is claimed to be wrong. */
export type Fault =
  | { readonly kind: 'wrong_element'; readonly opIndex: number; readonly element: number }
  | { readonly kind: 'non_canonical'; readonly opIndex: number; readonly element: number }
  | { readonly kind: 'wrong_output' }

interface Leaf {
  readonly opIndex: number
  readonly digest: Uint8Array
  readonly path: readonly Uint8Array[]
}

interface Opening {
  readonly value: number
  readonly chunks: Uint8Array
  readonly siblings: Uint8Array
}

export interface FraudProof {
  /** 1 wrong element, 2 non-canonical element, 3 wrong output digest. */
  readonly kind: number
  readonly opIndex: number
  readonly element: number
  /** Computed values in ascending order; for kind 3 the output ops in order of `outputs`. */
  readonly leaves: readonly Leaf[]
  /** Values in ascending order. */
  readonly openings: readonly Opening[]
}

/** What the accused has signed. */
export interface Statement {
  readonly inputDigests: readonly Uint8Array[]
  readonly outputDigest: Uint8Array
  readonly traceRoot: Uint8Array
}

/** All bytes of a run as its provider serves them. */
export interface TraceData {
  /** The bytes of any value of the program. */
  readonly bytesOf: (value: number) => Uint8Array
  /** BLAKE3 of every op output, in program order. */
  readonly opDigests: readonly Uint8Array[]
}

export type Judgement =
  | { readonly guilty: true; readonly reason: FaultKind }
  | { readonly guilty: false; readonly reason: InnocentReason }

export type InnocentReason =
  | 'proof_malformed'
  | 'element_out_of_range'
  | 'opening_too_large'
  | 'leaf_not_in_trace'
  | 'slice_not_in_value'
  | 'element_is_right'
  | 'element_is_canonical'
  | 'output_is_right'

const OPENINGS_MAX = 9
const PROOF_LIST_BYTES_MAX: number = FRAUD_PROOF_BYTES_MAX

export const FraudProofCodec: Codec<FraudProof> = container({
  kind: u8,
  opIndex: u16,
  element: u32,
  leaves: list(
    container({ opIndex: u16, digest: bytes32, path: list(bytes32, TRACE_PATH_MAX) }),
    OUTPUTS_MAX,
  ),
  openings: list(
    container({
      value: u16,
      chunks: byteList(PROOF_LIST_BYTES_MAX),
      siblings: byteList(PROOF_LIST_BYTES_MAX),
    }),
    OPENINGS_MAX,
  ),
})

/** @throws RefusalError codec_oversized | codec_malformed | codec_not_canonical. */
export function decodeFraudProof(bytes: Uint8Array): FraudProof {
  if (bytes.length > FRAUD_PROOF_BYTES_MAX) {
    refuse('codec_oversized', { bytes: bytes.length, bytesMax: FRAUD_PROOF_BYTES_MAX })
  }
  return decode(FraudProofCodec, bytes)
}

/**
 * The encoded proof of a fault that really is in the data.
 * @throws RefusalError opening_too_large when the program was not one that `admits` takes.
 */
export function buildFraudProof(program: Program, data: TraceData, fault: Fault): Uint8Array {
  const bytes = encode(FraudProofCodec, proofOf(program, data, fault))
  if (bytes.length > FRAUD_PROOF_BYTES_MAX) {
    refuse('opening_too_large', { bytes: bytes.length, bytesMax: FRAUD_PROOF_BYTES_MAX })
  }
  return bytes
}

function proofOf(program: Program, data: TraceData, fault: Fault): FraudProof {
  if (fault.kind === 'wrong_output') {
    const leaves = program.outputs.map((value) => leafOf(data, producerOf(program, value)))
    return { kind: WRONG_OUTPUT, opIndex: 0, element: 0, leaves, openings: [] }
  }
  const types = valueTypes(program)
  const { opIndex, element } = fault
  if (proofBytesMax(program, types, opIndex) > FRAUD_PROOF_BYTES_MAX) {
    refuse('opening_too_large', { op: opIndex, bytesMax: FRAUD_PROOF_BYTES_MAX })
  }
  const pointed = pointedIn(program, types, data, opIndex, element)
  const needs = faultNeeds(program, types, fault, pointed)
  return {
    kind: fault.kind === 'wrong_element' ? WRONG_ELEMENT : NON_CANONICAL,
    opIndex,
    element,
    leaves: computedValues(program, needs).map((value) => leafOf(data, producerOf(program, value))),
    openings: needs.map(({ value, ranges }) => {
      const { chunks, siblings } = openSlices(data.bytesOf(value), ranges)
      return { value, chunks, siblings }
    }),
  }
}

function leafOf(data: TraceData, opIndex: number): Leaf {
  const digest = data.opDigests[opIndex]
  assert(digest !== undefined, 'there is one digest for every op')
  return { opIndex, digest, path: tracePath(data.opDigests, opIndex) }
}

/** The index by which the op finds what the element needs, from the bytes of the run. */
function pointedIn(
  program: Program,
  types: readonly TensorType[],
  data: TraceData,
  opIndex: number,
  element: number,
): number {
  const pointer = pointerOf(program, types, opIndex, element)
  if (pointer === null) return 0
  const [{ start, end }] = pointer.ranges as readonly [ByteRange]
  return indexIn(data.bytesOf(pointer.value).slice(start, end))
}

/** Upper bound of a proof about this op. */
function proofBytesMax(program: Program, types: readonly TensorType[], opIndex: number): number {
  const node = program.ops[opIndex] as OpNode
  return openingBytes(definitionOf(node), siteOf(program, types, opIndex))
}

type ElementFault = Exclude<Fault, { readonly kind: 'wrong_output' }>

function faultNeeds(
  program: Program,
  types: readonly TensorType[],
  { kind, opIndex, element }: ElementFault,
  pointed: number,
): Need[] {
  if (kind === 'wrong_element') return needsOf(program, types, opIndex, element, pointed)
  const value = outputValue(program, opIndex)
  const width = elementBytes((types[value] as TensorType).dtype)
  return [{ value, ranges: [{ start: element * width, end: (element + 1) * width }] }]
}

/** The needed values that an op computed; the others are bound by digests known from elsewhere. */
function computedValues(program: Program, needs: readonly Need[]): number[] {
  return needs.map(({ value }) => value).filter((value) => producerOf(program, value) >= 0)
}

function innocent(reason: InnocentReason): Judgement {
  return { guilty: false, reason }
}

/**
 * Whether the proof convicts whoever signed the statement.
 * @param program checked
 * @param proofBytes anything at all
 */
export function adjudicate(
  program: Program,
  statement: Statement,
  proofBytes: Uint8Array,
): Judgement {
  if (statement.inputDigests.length !== program.inputs.length) return innocent('proof_malformed')
  const decoded = attempt(() => decodeFraudProof(proofBytes))
  if ('refused' in decoded) return innocent('proof_malformed')
  const proof = decoded.value
  const digests = leafDigests(program, statement, proof)
  if (digests === null) return innocent('leaf_not_in_trace')
  switch (proof.kind) {
    case WRONG_OUTPUT:
      return judgeOutput(program, statement, proof)
    case WRONG_ELEMENT:
      return judgeElement(program, statement, proof, digests, 'wrong_element')
    case NON_CANONICAL:
      return judgeElement(program, statement, proof, digests, 'non_canonical')
    default:
      return innocent('proof_malformed')
  }
}

/** Digests of op outputs by op index, or null if a leaf is not under the trace root. */
function leafDigests(
  program: Program,
  statement: Statement,
  proof: FraudProof,
): ReadonlyMap<number, Uint8Array> | null {
  const digests = new Map<number, Uint8Array>()
  for (const { opIndex, digest, path } of proof.leaves) {
    const isInTrace = verifyTracePath(
      statement.traceRoot,
      program.ops.length,
      opIndex,
      digest,
      path,
    )
    if (!isInTrace) return null
    digests.set(opIndex, digest)
  }
  return digests
}

function isLeafOrder(proof: FraudProof, opIndices: readonly number[]): boolean {
  return (
    proof.leaves.length === opIndices.length &&
    proof.leaves.every((leaf, index) => leaf.opIndex === opIndices[index])
  )
}

function judgeOutput(program: Program, statement: Statement, proof: FraudProof): Judgement {
  const producers = program.outputs.map((value) => producerOf(program, value))
  const isBare = proof.opIndex === 0 && proof.element === 0 && proof.openings.length === 0
  if (!isBare || !isLeafOrder(proof, producers)) return innocent('proof_malformed')
  const actual = outputDigest(proof.leaves.map(({ digest }) => digest))
  return equalBytes(actual, statement.outputDigest)
    ? innocent('output_is_right')
    : { guilty: true, reason: 'wrong_output' }
}

function judgeElement(
  program: Program,
  statement: Statement,
  proof: FraudProof,
  digests: ReadonlyMap<number, Uint8Array>,
  kind: 'wrong_element' | 'non_canonical',
): Judgement {
  const types = valueTypes(program)
  const node = program.ops[proof.opIndex]
  const out = types[outputValue(program, proof.opIndex)]
  if (node === undefined || out === undefined || proof.element >= elementCount(out.dims)) {
    return innocent('element_out_of_range')
  }
  if (proofBytesMax(program, types, proof.opIndex) > FRAUD_PROOF_BYTES_MAX) {
    return innocent('opening_too_large')
  }
  const fault: ElementFault = { kind, opIndex: proof.opIndex, element: proof.element }
  const pointed = pointedBy(program, statement, types, proof, fault, digests)
  if (typeof pointed === 'string') return innocent(pointed)
  const needs = faultNeeds(program, types, fault, pointed)
  const producers = computedValues(program, needs).map((value) => producerOf(program, value))
  const isShaped =
    proof.openings.length === needs.length &&
    proof.openings.every(({ value }, index) => value === needs[index]?.value)
  if (!isShaped || !isLeafOrder(proof, producers)) return innocent('proof_malformed')
  const opened = openAll(program, statement, types, proof, needs, digests)
  if (opened === null) return innocent('slice_not_in_value')
  switch (kind) {
    case 'wrong_element':
      return compareElement(program, types, proof, opened, pointed)
    case 'non_canonical':
      return inspectElement(program, out, proof, opened)
    default:
      return unreachable(kind)
  }
}

/** The index by which the op finds what the element needs, as the proof shows it; 0 without one. */
function pointedBy(
  program: Program,
  statement: Statement,
  types: readonly TensorType[],
  proof: FraudProof,
  { kind, opIndex, element }: ElementFault,
  digests: ReadonlyMap<number, Uint8Array>,
): number | InnocentReason {
  const pointer = kind === 'wrong_element' ? pointerOf(program, types, opIndex, element) : null
  if (pointer === null) return 0
  const { value, ranges } = pointer
  const opening = proof.openings.find((each) => each.value === value)
  const producer = producerOf(program, value)
  if (opening === undefined || (producer >= 0 && !digests.has(producer))) return 'proof_malformed'
  const digest = digestOf(program, statement, digests, value)
  const blob = verifySlices(digest, tensorBytes(types[value] as TensorType), ranges, opening)
  return blob === null ? 'slice_not_in_value' : indexIn(blob.read(ranges[0] as ByteRange))
}

/** Every opened value by its number, or null when a slice does not belong to its digest. */
function openAll(
  program: Program,
  statement: Statement,
  types: readonly TensorType[],
  proof: FraudProof,
  needs: readonly Need[],
  digests: ReadonlyMap<number, Uint8Array>,
): ReadonlyMap<number, OpenedBlob> | null {
  const opened = new Map<number, OpenedBlob>()
  for (const [index, { value, ranges }] of needs.entries()) {
    const blob = verifySlices(
      digestOf(program, statement, digests, value),
      tensorBytes(types[value] as TensorType),
      ranges,
      proof.openings[index] as Opening,
    )
    if (blob === null) return null
    opened.set(value, blob)
  }
  return opened
}

function digestOf(
  program: Program,
  statement: Statement,
  digests: ReadonlyMap<number, Uint8Array>,
  value: number,
): Uint8Array {
  const known =
    statement.inputDigests[value] ??
    program.weights[value - program.inputs.length]?.digest ??
    digests.get(producerOf(program, value))
  assert(known !== undefined, 'every needed value has a digest')
  return known
}

function openedElement(
  program: Program,
  out: TensorType,
  proof: FraudProof,
  opened: ReadonlyMap<number, OpenedBlob>,
): Uint8Array {
  const width = elementBytes(out.dtype)
  const blob = opened.get(outputValue(program, proof.opIndex)) as OpenedBlob
  return blob.read({ start: proof.element * width, end: (proof.element + 1) * width })
}

/** Recomputes the element from its opened operands. */
function compareElement(
  program: Program,
  types: readonly TensorType[],
  proof: FraudProof,
  opened: ReadonlyMap<number, OpenedBlob>,
  pointed: number,
): Judgement {
  const node = program.ops[proof.opIndex] as OpNode
  const out = types[outputValue(program, proof.opIndex)] as TensorType
  const window = windowOf(program, types, proof.opIndex, proof.element, pointed)
  const args = node.args.map((value, index) =>
    gather(
      types[value] as TensorType,
      window.args[index] as ArgWindow,
      (opened.get(value) as OpenedBlob).read,
    ),
  )
  const small = { ...node, attrs: window.attrs ?? node.attrs }
  const local = evaluateOp(small, args, { dtype: out.dtype, dims: window.dims })
  const width = elementBytes(out.dtype)
  const right = local.bytes.subarray(window.at * width, (window.at + 1) * width)
  return equalBytes(right, openedElement(program, out, proof, opened))
    ? innocent('element_is_right')
    : { guilty: true, reason: 'wrong_element' }
}

/** Whether the element is one that no op could have stored. */
function inspectElement(
  program: Program,
  out: TensorType,
  proof: FraudProof,
  opened: ReadonlyMap<number, OpenedBlob>,
): Judgement {
  if (out.dtype !== F32) return innocent('element_is_canonical')
  const bits = words(openedElement(program, out, proof, opened))[0] as number
  return storedBits(bits) === bits
    ? innocent('element_is_canonical')
    : { guilty: true, reason: 'non_canonical' }
}
