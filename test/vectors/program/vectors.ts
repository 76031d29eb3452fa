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
import { elementBytes, elementCount } from '../../../src/program/shape.ts'
import { F32, type OpDefinition, S8, S32, type Tensor } from '../../../src/program/types.ts'

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

/** xorshift32: the same numbers on every machine. */
class Stream {
  private state: number

  constructor(seed: number) {
    this.state = seed | 1
  }

  word(): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return this.state >>> 0
  }

  below(limit: number): number {
    return this.word() % limit
  }
}

/** Zeros, subnormals, both bounds of the rules and their neighbours, NaN of four kinds, infinities. */
export const SPECIAL_F32: readonly number[] = [
  0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x0bffffff,
  0x0c000000, 0x8c000000, 0x8bffffff, 0x2b7fffff, 0x2b800000, 0xab800000, 0xab7fffff, 0x3f800000,
  0xbf800000, 0x3f800001, 0x3f000000, 0x40200000, 0x42b17218, 0xc2aeac4f, 0x4b400000, 0x4f000000,
  0xcf000000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001,
  0xff812345,
]
const SPECIAL_S32: readonly number[] = [
  0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000, 0x7ffffffe, 0x10000, -0x10000, 0xffff,
]

type Fill = 'plain' | 'special' | 'wild' | 'tiny' | 'equal'

function f32Bits(stream: Stream, fill: Fill): number {
  const word = stream.word()
  switch (fill) {
    case 'special':
      return SPECIAL_F32[word % SPECIAL_F32.length] as number
    case 'wild':
      return word
    case 'tiny':
      // Exponents around 2^-103 and 2^-40.
      return (
        ((word & 0x807fffff) | (((stream.below(2) === 0 ? 22 : 85) + stream.below(5)) << 23)) >>> 0
      )
    case 'equal':
      return 0x3f800000
    case 'plain':
      // Magnitudes from 2^-6 to 2^3.
      return ((word & 0x807fffff) | ((121 + stream.below(9)) << 23)) >>> 0
  }
}

function s32Value(stream: Stream, fill: Fill): number {
  if (fill === 'special') return SPECIAL_S32[stream.below(SPECIAL_S32.length)] as number
  if (fill === 'equal') return 7
  return fill === 'wild' ? stream.word() | 0 : (stream.word() % 200_001) - 100_000
}

function tensor(stream: Stream, dtype: number, dims: readonly number[], fill: Fill): Tensor {
  const bytes = new Uint8Array(elementCount(dims) * elementBytes(dtype))
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += elementBytes(dtype)) {
    if (dtype === F32) view.setUint32(at, f32Bits(stream, fill), true)
    else if (dtype === S32) view.setInt32(at, s32Value(stream, fill), true)
    else view.setUint8(at, fill === 'special' ? 128 : fill === 'equal' ? 7 : stream.below(256))
  }
  return { type: { dtype, dims }, bytes }
}

function describe(value: Tensor): VectorTensor {
  return {
    dtype: DTYPE_NAMES[value.type.dtype] ?? 'unknown',
    dims: value.type.dims,
    hex: toHex(value.bytes),
  }
}

function vectorOf(op: OpDefinition, args: readonly Tensor[], attrs: readonly bigint[]): Vector {
  const type = op.shape(args.map((arg) => arg.type))
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
    return 'value' in attempt(() => op.shape(types))
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
