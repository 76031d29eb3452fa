/**
 * The program representation: a straight line of ops with static shapes, and its one encoding.
 *
 *     bytes --decodeProgram--> Program, every rule below checked --encodeProgram--> the same bytes
 *
 * Invariants of a Program that this file returned: values are defined before they are used, every
 * input, weight and op output leads to an output, operands fit their op, outputs are distinct op
 * outputs, and no size exceeds its bound. Such a program cannot fail at run time.
 */

import {
  bytes32,
  type Codec,
  container,
  decode,
  encode,
  list,
  u8,
  u16,
  u32,
  u64,
} from '../base/codec.ts'
import { blake3 } from '../base/hash.ts'
import { refuse } from '../base/refusal.ts'
import { findOp, isOpId } from './ops.ts'
import { checkType, RANK_MAX, tensorBytes } from './shape.ts'
import { storedBits } from './tensor.ts'
import type {
  AttributeRule,
  OpDefinition,
  OpNode,
  Program,
  TensorType,
  WeightType,
} from './types.ts'

export const PROGRAM_VERSION = 1
export const PROGRAM_BYTES_MAX: number = 64 * 1024
export const INPUTS_MAX = 16
export const WEIGHTS_MAX = 64
export const OPS_MAX = 4096
export const OUTPUTS_MAX = 16
export const ARGS_MAX = 8
export const ATTRS_MAX = 16
/** Bytes of all inputs, weights and op outputs together: 4 GiB. */
export const PROGRAM_TENSORS_BYTES_MAX: number = 4 * 1024 * 1024 * 1024

export const TensorTypeCodec: Codec<TensorType> = container({
  dtype: u8,
  dims: list(u32, RANK_MAX),
})
const WeightTypeCodec: Codec<WeightType> = container({ type: TensorTypeCodec, digest: bytes32 })
const OpNodeCodec: Codec<OpNode> = container({
  op: u16,
  version: u16,
  args: list(u16, ARGS_MAX),
  attrs: list(u64, ATTRS_MAX),
})
export const ProgramCodec: Codec<Program> = container({
  version: u16,
  inputs: list(TensorTypeCodec, INPUTS_MAX),
  weights: list(WeightTypeCodec, WEIGHTS_MAX),
  ops: list(OpNodeCodec, OPS_MAX),
  outputs: list(u16, OUTPUTS_MAX),
})

/** @throws RefusalError program_oversized, every code of the codec and of `checkProgram`. */
export function decodeProgram(bytes: Uint8Array): Program {
  if (bytes.length > PROGRAM_BYTES_MAX) {
    refuse('program_oversized', { bytes: bytes.length, bytesMax: PROGRAM_BYTES_MAX })
  }
  const program = decode(ProgramCodec, bytes)
  checkProgram(program)
  return program
}

/** @throws RefusalError program_oversized and every code of `checkProgram`. */
export function encodeProgram(program: Program): Uint8Array {
  checkProgram(program)
  const bytes = encode(ProgramCodec, program)
  if (bytes.length > PROGRAM_BYTES_MAX) {
    refuse('program_oversized', { bytes: bytes.length, bytesMax: PROGRAM_BYTES_MAX })
  }
  return bytes
}

/** BLAKE3 of the canonical encoding. */
export function programDigest(programBytes: Uint8Array): Uint8Array {
  return blake3(programBytes)
}

/** The number of the value that op `opIndex` computes. */
export function outputValue(program: Program, opIndex: number): number {
  return program.inputs.length + program.weights.length + opIndex
}

/** The index of the op that computes `value`; negative for inputs and weights. */
export function producerOf(program: Program, value: number): number {
  return value - program.inputs.length - program.weights.length
}

/** The definition of an op of a checked program. */
export function definitionOf(node: OpNode): OpDefinition {
  const found = findOp(node.op, node.version)
  if (found !== undefined) return found
  return isOpId(node.op)
    ? refuse('op_version_unknown', { op: node.op, version: node.version })
    : refuse('op_unknown', { op: node.op, version: node.version })
}

/**
 * The types of all values, in order of their numbers.
 * @throws RefusalError when an op's operands, attributes or sizes break a rule.
 */
export function valueTypes(program: Program): readonly TensorType[] {
  const types: TensorType[] = [...program.inputs, ...program.weights.map(({ type }) => type)]
  for (const type of types) checkType(type)
  for (const node of program.ops) types.push(outputType(node, types))
  return types
}

/** @throws RefusalError with the first rule broken. */
export function checkProgram(program: Program): void {
  if (program.version !== PROGRAM_VERSION) {
    refuse('program_version_unknown', { version: program.version, known: PROGRAM_VERSION })
  }
  const types = valueTypes(program)
  const bytes = types.reduce((sum, type) => sum + tensorBytes(type), 0)
  if (bytes > PROGRAM_TENSORS_BYTES_MAX) {
    refuse('program_bytes_exceeded', { bytes, bytesMax: PROGRAM_TENSORS_BYTES_MAX })
  }
  checkOutputs(program, types.length)
  checkUse(program, types.length)
}

function outputType(node: OpNode, types: readonly TensorType[]): TensorType {
  const definition = definitionOf(node)
  if (node.args.length !== definition.arity) {
    refuse('op_arity', {
      op: definition.name,
      operands: node.args.length,
      expected: definition.arity,
    })
  }
  checkAttributes(node, definition)
  const args = node.args.map((value) => {
    const type = types[value]
    // A value at or past the op itself is not there yet: this is what a cycle looks like.
    return type ?? refuse('forward_reference', { op: definition.name, value, known: types.length })
  })
  const out = definition.shape(args)
  checkType(out)
  return out
}

function checkAttributes(node: OpNode, definition: OpDefinition): void {
  if (node.attrs.length !== definition.attributes.length) {
    refuse('op_attributes', {
      op: definition.name,
      attributes: node.attrs.length,
      expected: definition.attributes.length,
    })
  }
  definition.attributes.forEach((rule, index) => {
    const attr = node.attrs[index] as bigint
    if (!admitsAttribute(rule, attr)) {
      refuse('attribute_out_of_range', { op: definition.name, attribute: rule.name, value: attr })
    }
  })
}

const F32_INFINITY = 0x7f80_0000

function admitsAttribute(rule: AttributeRule, attr: bigint): boolean {
  if (rule.kind === 'int') {
    const value = BigInt.asIntN(64, attr)
    return value >= rule.min && value <= rule.max
  }
  if (attr > 0xffff_ffffn) return false
  const bits = Number(attr)
  if ((bits & 0x7fff_ffff) >= F32_INFINITY) return false
  return rule.sign === 'any' || (bits < F32_INFINITY && storedBits(bits) !== 0)
}

function checkOutputs(program: Program, values: number): void {
  if (program.outputs.length === 0) refuse('outputs_missing', { ops: program.ops.length })
  const seen = new Set<number>()
  for (const value of program.outputs) {
    if (producerOf(program, value) < 0 || value >= values) {
      refuse('output_not_computed', { value, values })
    }
    if (seen.has(value)) refuse('output_repeated', { value })
    seen.add(value)
  }
}

function checkUse(program: Program, values: number): void {
  const used = new Set<number>(program.outputs)
  for (const node of program.ops) for (const value of node.args) used.add(value)
  for (let value = 0; value < values; value++) {
    if (!used.has(value)) refuse('value_unused', { value, values })
  }
}
