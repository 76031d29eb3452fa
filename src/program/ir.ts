/**
 * The program representation: a straight line of ops with static shapes, and its one encoding.
 *
 *     bytes --decodeProgram--> Program, every rule below checked --encodeProgram--> the same bytes
 *
 * Invariants of a Program that this file returned: values are defined before they are used, every
 * input, weight and op output leads to an output, operands fit their op, outputs are distinct op
 * outputs, and no size exceeds its bound. Such a program cannot fail at run time.
 */

import { assert } from '../base/assert.ts'
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
import { attempt, refuse } from '../base/refusal.ts'
import { findOp, isOpId } from './ops.ts'
import { checkType, RANK_MAX, tensorBytes } from './shape.ts'
import type { OpDefinition, OpNode, OpSite, Program, TensorType, WeightType } from './types.ts'
import { checkArity, outputType } from './typing.ts'

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
/** Multiply-accumulates and steps of a program together: 2^52. */
export const PROGRAM_WORK_MAX = 0x10_0000_0000_0000

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
  const types = givenTypes(program)
  program.ops.forEach((node, opIndex) => {
    types.push(typeOfStep(node, opIndex, types))
  })
  return types
}

/** @throws RefusalError with the first rule broken. */
export function checkProgram(program: Program): void {
  if (program.version !== PROGRAM_VERSION) {
    refuse('program_version_unknown', { version: program.version, known: PROGRAM_VERSION })
  }
  checkCounts(program)
  const types = valueTypes(program)
  checkWork(program, types)
  const bytes = types.reduce((sum, type) => sum + tensorBytes(type), 0)
  if (bytes > PROGRAM_TENSORS_BYTES_MAX) {
    refuse('program_bytes_exceeded', { bytes, bytesMax: PROGRAM_TENSORS_BYTES_MAX })
  }
  checkOutputs(program, types.length)
  checkUse(program, types.length)
}

/** The type of what op `opIndex` makes of earlier values. A refusal says which op it was. */
function typeOfStep(node: OpNode, opIndex: number, types: readonly TensorType[]): TensorType {
  const made = attempt(() => {
    const definition = definitionOf(node)
    checkArity(definition, node.args.length)
    const args = node.args.map((value) => {
      const type = types[value]
      // A value at or past the op itself is not there yet: this is what a cycle looks like.
      return (
        type ?? refuse('forward_reference', { op: definition.name, value, known: types.length })
      )
    })
    return outputType(definition, args, node.attrs)
  })
  if ('value' in made) return made.value
  const op = findOp(node.op, node.version)?.name ?? node.op
  return refuse(made.refused.code, { opIndex, op, ...made.refused.facts })
}

/** The types of inputs and weights, checked. A refusal says which value it was. */
function givenTypes({ inputs, weights }: Program): TensorType[] {
  const types = [...inputs, ...weights.map(({ type }) => type)]
  types.forEach((type, value) => {
    const checked = attempt(() => checkType(type))
    if ('refused' in checked) refuse(checked.refused.code, { value, ...checked.refused.facts })
  })
  return types
}

/** Bounds on the lists, for programs that were not decoded. */
function checkCounts({ inputs, weights, ops, outputs }: Program): void {
  for (const [what, count, countMax] of [
    ['inputs', inputs.length, INPUTS_MAX],
    ['weights', weights.length, WEIGHTS_MAX],
    ['ops', ops.length, OPS_MAX],
    ['outputs', outputs.length, OUTPUTS_MAX],
  ] as const) {
    if (count > countMax) refuse('program_entries_exceeded', { what, count, countMax })
  }
}

/** So that every cost is a whole number below 2^53. */
function checkWork(program: Program, types: readonly TensorType[]): void {
  let total = 0
  program.ops.forEach((node, opIndex) => {
    const definition = definitionOf(node)
    const { macs, steps } = definition.work(siteOf(program, types, opIndex))
    total += macs + steps
    if (total <= PROGRAM_WORK_MAX) return
    refuse('program_work_exceeded', { opIndex, op: definition.name, workMax: PROGRAM_WORK_MAX })
  })
}

/** Op `opIndex` with the types of its operands and output. */
export function siteOf(program: Program, types: readonly TensorType[], opIndex: number): OpSite {
  const node = program.ops[opIndex]
  assert(node !== undefined, 'a site is that of an op of the program')
  return {
    args: node.args.map((value) => types[value] as TensorType),
    attrs: node.attrs,
    out: types[outputValue(program, opIndex)] as TensorType,
  }
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
