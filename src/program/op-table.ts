/**
 * The flat op table: what a fabric is told of a program, in place of the program.
 *
 * A checked program has one table, and every field stands at a fixed place, so that native code
 * reads it without parsing. Little-endian, unused places zero:
 *
 *   header   u32 magic "BTOT", version 1, inputs, weights, ops, outputs, bytes in all, zero
 *   values   u32 dtype, u32 rank, u32 dims[8]           inputs, weights, op outputs
 *   ops      u16 id, u16 version, u32 args, u32 attrs, u32 zero, u32 arg[8], u64 attr[16]
 *   outputs  u32 value number
 *
 * Source: native/runtime/op-table.h, which reads it and checks it again.
 */

import { assert } from '../base/assert.ts'
import { ARGS_MAX, ATTRS_MAX, outputValue, producerOf, valueTypes } from './ir.ts'
import { RANK_MAX, tensorBytes } from './shape.ts'
import type { OpNode, Program, TensorType } from './types.ts'

const MAGIC = 0x544f_5442
const TABLE_VERSION = 1
const HEADER_BYTES = 32
const VALUE_BYTES: number = 8 + 4 * RANK_MAX
const OP_BYTES: number = 16 + 4 * ARGS_MAX + 8 * ATTRS_MAX

/** A cursor over a buffer of exactly the right length. */
interface Pen {
  readonly view: DataView
  offset: number
}

function u16(pen: Pen, value: number): void {
  pen.view.setUint16(pen.offset, value, true)
  pen.offset += 2
}

function u32(pen: Pen, value: number): void {
  pen.view.setUint32(pen.offset, value, true)
  pen.offset += 4
}

function writeValue(pen: Pen, type: TensorType): void {
  u32(pen, type.dtype)
  u32(pen, type.dims.length)
  for (let axis = 0; axis < RANK_MAX; axis++) u32(pen, type.dims[axis] ?? 0)
}

function writeOp(pen: Pen, node: OpNode): void {
  u16(pen, node.op)
  u16(pen, node.version)
  u32(pen, node.args.length)
  u32(pen, node.attrs.length)
  u32(pen, 0)
  for (let index = 0; index < ARGS_MAX; index++) u32(pen, node.args[index] ?? 0)
  for (let index = 0; index < ATTRS_MAX; index++) {
    pen.view.setBigUint64(pen.offset, node.attrs[index] ?? 0n, true)
    pen.offset += 8
  }
}

/**
 * @param program checked
 * @param types of all its values
 */
export function encodeOpTable(
  program: Program,
  types: readonly TensorType[] = valueTypes(program),
): Uint8Array {
  const lengthBytes =
    HEADER_BYTES +
    types.length * VALUE_BYTES +
    program.ops.length * OP_BYTES +
    4 * program.outputs.length
  const bytes = new Uint8Array(lengthBytes)
  const pen: Pen = { view: new DataView(bytes.buffer), offset: 0 }
  u32(pen, MAGIC)
  u32(pen, TABLE_VERSION)
  u32(pen, program.inputs.length)
  u32(pen, program.weights.length)
  u32(pen, program.ops.length)
  u32(pen, program.outputs.length)
  u32(pen, lengthBytes)
  u32(pen, 0)
  for (const type of types) writeValue(pen, type)
  for (const node of program.ops) writeOp(pen, node)
  for (const value of program.outputs) u32(pen, value)
  assert(pen.offset === lengthBytes, 'a table is as long as its header says')
  return bytes
}

/** Length in bytes of every op output, in program order. */
export function opOutputBytes(program: Program): number[] {
  const types = valueTypes(program)
  return program.ops.map((_, opIndex) =>
    tensorBytes(types[outputValue(program, opIndex)] as TensorType),
  )
}

/** Length in bytes of every input and weight, in value order. */
export function givenBytes(program: Program): number[] {
  return valueTypes(program)
    .slice(0, program.inputs.length + program.weights.length)
    .map(tensorBytes)
}

/** The op that makes each program output. */
export function outputOps(program: Program): number[] {
  return program.outputs.map((value) => producerOf(program, value))
}
