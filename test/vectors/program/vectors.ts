/**
 * The golden vectors of every op, made by the scalar evaluator from a seeded stream.
 *
 * Run as a program, this file writes `<op>.json` and `digests.json` beside its source; the test
 * makes them again and compares. A difference means that an op has changed a bit.
 */

import { toHex } from '../../../src/base/bytes.ts'
import { attempt } from '../../../src/base/refusal.ts'
import { f32Attribute, intAttribute } from '../../../src/program/builder.ts'
import { evaluateOp } from '../../../src/program/evaluate.ts'
import { F32, type OpDefinition, S8, S32, type Tensor } from '../../../src/program/types.ts'
import { outputType } from '../../../src/program/typing.ts'
import { casesOf } from './cases.ts'
import { type Fill, SPECIAL_F32, Stream, tensor } from './stream.ts'

export interface VectorTensor {
  readonly dtype: string
  readonly dims: readonly number[]
  readonly hex: string
}

export interface Vector {
  readonly id: number
  readonly op: string
  readonly version: number
  /** Decimal u64. */
  readonly attrs: readonly string[]
  readonly args: readonly VectorTensor[]
  readonly out: VectorTensor
}

export const DTYPE_NAMES: Readonly<Record<number, string>> = {
  [F32]: 'f32',
  [S8]: 's8',
  [S32]: 's32',
}

function describe(value: Tensor): VectorTensor {
  return {
    dtype: DTYPE_NAMES[value.type.dtype] ?? 'unknown',
    dims: value.type.dims,
    hex: toHex(value.bytes),
  }
}

function vectorOf(op: OpDefinition, args: readonly Tensor[], attrs: readonly bigint[]): Vector {
  const type = outputType(
    op,
    args.map((arg) => arg.type),
    attrs,
  )
  const node = { op: op.id, version: op.version, args: [], attrs }
  return {
    id: op.id,
    op: op.name,
    version: op.version,
    attrs: attrs.map(String),
    args: args.map(describe),
    out: describe(evaluateOp(node, args, type)),
  }
}

const MATRICES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [2, 3, 5],
  [3, 2, 64],
  [1, 2, 511],
  [1, 2, 512],
  [2, 1, 513],
  [2, 2, 1100],
]
const SHAPES: readonly (readonly number[])[] = [
  [1],
  [7],
  [3, 5],
  [1, 64],
  [2, 65],
  [2, 3, 4],
  [1, 33],
]
const FILLS: readonly Fill[] = ['plain', 'special', 'wild', 'tiny', 'equal']

function matrixVectors(op: OpDefinition, stream: Stream): Vector[] {
  const dtype = op.name.endsWith('s8') ? S8 : F32
  return MATRICES.flatMap(([rows, columns, depth]) =>
    FILLS.filter((fill) => depth < 600 || fill === 'plain' || fill === 'tiny').map((fill) => {
      const args = [
        [rows, depth],
        [columns, depth],
      ].map((dims) => tensor(stream, dtype, dims, fill))
      return vectorOf(op, args, [])
    }),
  )
}

const DTYPES_IN: Readonly<Record<string, number>> = {
  add_s32: S32,
  requantise: S32,
  dequantise_s32: S32,
  argmax_s32: S32,
  dequantise_s8: S8,
  relu_s8: S8,
  argmax_s8: S8,
  transpose_s8: S8,
}

/** Attribute lists that reach the ends of their ranges. */
function attributeLists(op: OpDefinition): readonly (readonly bigint[])[] {
  const f32 = f32Attribute
  switch (op.name) {
    case 'requantise':
      return [
        [1n, 1n, 0n],
        [0x7fffffffn, 62n, 0n],
        [0x7fffffffn, 1n, intAttribute(-128)],
        [1_234_567_891n, 31n, 3n],
        [65_537n, 16n, intAttribute(-7)],
        [98_304n, 17n, 127n],
      ]
    case 'quantise_f32':
    case 'dequantise_s8':
      return [
        [f32(1), 0n],
        [f32(0.1), intAttribute(-3)],
        [f32(3.5), 127n],
        [0x0c000000n, intAttribute(-128)],
      ]
    case 'dequantise_s32':
      return [[f32(1)], [f32(0.0078125)], [f32(0.1)], [0x0c000000n], [0x7f7fffffn]]
    case 'scale_f32':
      return [[f32(1)], [f32(-0.1)], [0x80000000n], [1n], [0x0c000000n], [0x7f7fffffn]]
    case 'sgd_f32':
      return [[f32(0.1)], [f32(-0.5)], [f32(1)], [1n], [0x7f7fffffn]]
    default:
      return [[]]
  }
}

function mapVectors(op: OpDefinition, stream: Stream): Vector[] {
  const dtype = DTYPES_IN[op.name] ?? F32
  const isMatrixOp = op.name.startsWith('transpose') || op.name === 'sum_rows_f32'
  const shapes = SHAPES.filter((dims) => !isMatrixOp || dims.length === 2)
  const vectors: Vector[] = []
  for (const attrs of attributeLists(op)) {
    for (const dims of shapes) {
      for (const fill of FILLS) {
        for (const second of secondShapes(op, dims)) {
          const args = [dims, ...second].map((shape) => tensor(stream, dtype, shape, fill))
          vectors.push(vectorOf(op, args, attrs))
        }
      }
    }
  }
  return vectors
}

/** Shapes of the second operand, if any: the same, a row and a scalar where broadcasting is taken. */
function secondShapes(
  op: OpDefinition,
  dims: readonly number[],
): readonly (readonly (readonly number[])[])[] {
  if (op.arity === 1) return [[]]
  const all = [[dims], [[dims.at(-1) as number]], [[1]]]
  const fits = (second: readonly (readonly number[])[]): boolean => {
    const dtype = DTYPES_IN[op.name] ?? F32
    const types = [dims, ...second].map((shape) => ({ dtype, dims: shape }))
    return 'value' in attempt(() => op.shape(types, []))
  }
  return all.filter(fits)
}

/** All special values against one another. */
function specialPairs(op: OpDefinition): Vector[] {
  const count = SPECIAL_F32.length
  const table = (pick: (row: number, column: number) => number): Tensor => {
    const bytes = new Uint8Array(4 * count * count)
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < count * count; i++) {
      const bits = SPECIAL_F32[pick(Math.trunc(i / count), i % count)] as number
      view.setUint32(4 * i, bits, true)
    }
    return { type: { dtype: F32, dims: [count, count] }, bytes }
  }
  const args = [table((row) => row), table((_, column) => column)].slice(0, op.arity)
  return [vectorOf(op, args, attributeLists(op)[0] ?? [])]
}

/** Rows longer than a block of the reduction, and columns of several lanes. */
function longVectors(op: OpDefinition, stream: Stream): Vector[] {
  switch (op.name) {
    case 'sum_last_f32':
      return [
        [1, 1000],
        [1, 65_600],
      ].map((dims) => vectorOf(op, [tensor(stream, F32, dims, 'plain')], []))
    case 'sum_rows_f32':
      return [
        [130, 3],
        [1000, 1],
      ].map((dims) => vectorOf(op, [tensor(stream, F32, dims, 'plain')], []))
    case 'softmax_f32':
      return [vectorOf(op, [tensor(stream, F32, [2, 1000], 'plain')], [])]
    default:
      return []
  }
}

/** Every vector of one op. */
export function vectorsOf(op: OpDefinition): Vector[] {
  const stream = new Stream(0x9e3779b9 ^ op.id)
  const cases = casesOf(op, stream)
  if (cases !== undefined) return cases.map(({ args, attrs }) => vectorOf(op, args, attrs))
  if (op.name.startsWith('matmul')) return matrixVectors(op, stream)
  const isF32 = (DTYPES_IN[op.name] ?? F32) === F32
  return [...mapVectors(op, stream), ...(isF32 ? specialPairs(op) : []), ...longVectors(op, stream)]
}

/** The text of `<op>.json`: an array, one vector a line. */
export function vectorFile(op: OpDefinition): string {
  return `[\n${vectorsOf(op)
    .map((vector) => JSON.stringify(vector))
    .join(',\n')}\n]\n`
}
