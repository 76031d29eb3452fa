/**
 * The table of ops: one entry is everything that is known of an op.
 *
 *     shape   types in -> type out          work    static cost
 *     window  element -> operands it needs  run     the scalar loop
 *
 * Ids and versions are part of the protocol: an entry is never changed, only added to; other bits
 * are a new version under the same id.
 * Source: docs/reference/numerics.md, section 6, which gives each loop.
 */

import { argmaxF32, argmaxS8, argmaxS32 } from './semantics/argmax.ts'
import { addF32, mulF32, scaleF32, sgdF32, subF32 } from './semantics/arithmetic.ts'
import {
  addS32,
  dequantiseS8,
  dequantiseS32,
  quantiseF32,
  requantise,
} from './semantics/integer.ts'
import { matmulF32, matmulS8 } from './semantics/matmul.ts'
import { reluF32, reluGradF32, reluS8, transposeF32, transposeS8 } from './semantics/pointwise.ts'
import { softmaxF32, sumLastF32, sumRowsF32 } from './semantics/reduce.ts'
import {
  broadcastShape,
  dropLastShape,
  elementCount,
  lastAxis,
  MATMUL_S8_DEPTH_MAX,
  mapShape,
  matmulShape,
  pairShape,
  sumRowsShape,
  TENSOR_ELEMENTS_MAX,
  transposeShape,
} from './shape.ts'
import {
  type AttributeRule,
  F32,
  type OpDefinition,
  S8,
  S32,
  type TensorType,
  type Work,
} from './types.ts'
import {
  broadcastWindow,
  columnWindow,
  mapWindow,
  matmulWindow,
  reducedRowWindow,
  rowWindow,
  transposeWindow,
} from './windows.ts'

const ZERO_POINT: AttributeRule = { kind: 'int', name: 'zp', min: -128n, max: 127n }
const SCALE: AttributeRule = { kind: 'f32', name: 'scale', sign: 'positive' }

/** Steps per element of a softmax: two passes of loads, an exponential and a division. */
const SOFTMAX_STEPS = 16

type WorkRule = OpDefinition['work']

const matmulWork: WorkRule = (args, out) => ({
  macs: elementCount(out.dims) * lastAxis(args[0] as TensorType),
  steps: 0,
})
const outputSteps =
  (perElement: number): WorkRule =>
  (_args, out): Work => ({ macs: 0, steps: perElement * elementCount(out.dims) })
const inputSteps: WorkRule = (args) => ({
  macs: 0,
  steps: elementCount((args[0] as TensorType).dims),
})

type Entry = Omit<OpDefinition, 'version' | 'provable' | 'attributes'> &
  Partial<Pick<OpDefinition, 'provable' | 'attributes'>>

const VERSION_1: readonly Entry[] = [
  {
    id: 1,
    name: 'matmul_f32',
    arity: 2,
    shape: matmulShape(F32, F32, TENSOR_ELEMENTS_MAX),
    work: matmulWork,
    window: matmulWindow,
    run: matmulF32,
  },
  {
    id: 2,
    name: 'matmul_s8',
    arity: 2,
    shape: matmulShape(S8, S32, MATMUL_S8_DEPTH_MAX),
    work: matmulWork,
    window: matmulWindow,
    run: matmulS8,
    provable: 'freivalds',
  },
  {
    id: 10,
    name: 'add_f32',
    arity: 2,
    shape: broadcastShape(F32),
    work: outputSteps(1),
    window: broadcastWindow,
    run: addF32,
  },
  {
    id: 11,
    name: 'sub_f32',
    arity: 2,
    shape: broadcastShape(F32),
    work: outputSteps(1),
    window: broadcastWindow,
    run: subF32,
  },
  {
    id: 12,
    name: 'mul_f32',
    arity: 2,
    shape: broadcastShape(F32),
    work: outputSteps(1),
    window: broadcastWindow,
    run: mulF32,
  },
  {
    id: 13,
    name: 'scale_f32',
    arity: 1,
    attributes: [{ kind: 'f32', name: 'factor', sign: 'any' }],
    shape: mapShape(F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: scaleF32,
  },
  {
    id: 20,
    name: 'add_s32',
    arity: 2,
    shape: broadcastShape(S32),
    work: outputSteps(1),
    window: broadcastWindow,
    run: addS32,
  },
  {
    id: 30,
    name: 'requantise',
    arity: 1,
    attributes: [
      { kind: 'int', name: 'm', min: 1n, max: (1n << 31n) - 1n },
      { kind: 'int', name: 's', min: 1n, max: 62n },
      ZERO_POINT,
    ],
    shape: mapShape(S32, S8),
    work: outputSteps(2),
    window: mapWindow,
    run: requantise,
  },
  {
    id: 31,
    name: 'quantise_f32',
    arity: 1,
    attributes: [SCALE, ZERO_POINT],
    shape: mapShape(F32, S8),
    work: outputSteps(4),
    window: mapWindow,
    run: quantiseF32,
  },
  {
    id: 32,
    name: 'dequantise_s8',
    arity: 1,
    attributes: [SCALE, ZERO_POINT],
    shape: mapShape(S8, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: dequantiseS8,
  },
  {
    id: 33,
    name: 'dequantise_s32',
    arity: 1,
    attributes: [SCALE],
    shape: mapShape(S32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: dequantiseS32,
  },
  {
    id: 40,
    name: 'relu_f32',
    arity: 1,
    shape: mapShape(F32, F32),
    work: outputSteps(1),
    window: mapWindow,
    run: reluF32,
  },
  {
    id: 41,
    name: 'relu_s8',
    arity: 1,
    shape: mapShape(S8, S8),
    work: outputSteps(1),
    window: mapWindow,
    run: reluS8,
  },
  {
    id: 42,
    name: 'relu_grad_f32',
    arity: 2,
    shape: pairShape(F32),
    work: outputSteps(1),
    window: mapWindow,
    run: reluGradF32,
  },
  {
    id: 50,
    name: 'softmax_f32',
    arity: 1,
    shape: mapShape(F32, F32),
    work: outputSteps(SOFTMAX_STEPS),
    window: rowWindow,
    run: softmaxF32,
  },
  {
    id: 51,
    name: 'argmax_f32',
    arity: 1,
    shape: dropLastShape(F32, S32),
    work: inputSteps,
    window: reducedRowWindow,
    run: argmaxF32,
  },
  {
    id: 52,
    name: 'argmax_s32',
    arity: 1,
    shape: dropLastShape(S32, S32),
    work: inputSteps,
    window: reducedRowWindow,
    run: argmaxS32,
  },
  {
    id: 53,
    name: 'argmax_s8',
    arity: 1,
    shape: dropLastShape(S8, S32),
    work: inputSteps,
    window: reducedRowWindow,
    run: argmaxS8,
  },
  {
    id: 60,
    name: 'transpose_f32',
    arity: 1,
    shape: transposeShape(F32),
    work: outputSteps(1),
    window: transposeWindow,
    run: transposeF32,
  },
  {
    id: 61,
    name: 'transpose_s8',
    arity: 1,
    shape: transposeShape(S8),
    work: outputSteps(1),
    window: transposeWindow,
    run: transposeS8,
  },
  {
    id: 70,
    name: 'sum_rows_f32',
    arity: 1,
    shape: sumRowsShape,
    work: inputSteps,
    window: columnWindow,
    run: sumRowsF32,
  },
  {
    id: 71,
    name: 'sum_last_f32',
    arity: 1,
    shape: dropLastShape(F32, F32),
    work: inputSteps,
    window: reducedRowWindow,
    run: sumLastF32,
  },
  {
    id: 80,
    name: 'sgd_f32',
    arity: 2,
    attributes: [{ kind: 'f32', name: 'lr', sign: 'any' }],
    shape: pairShape(F32),
    work: outputSteps(1),
    window: mapWindow,
    run: sgdF32,
  },
]

/** All ops, in order of id and version. */
export const OPS: readonly OpDefinition[] = VERSION_1.map((entry) => ({
  attributes: [],
  provable: 'recompute',
  ...entry,
  version: 1,
}))

const BY_KEY: ReadonlyMap<number, OpDefinition> = new Map(
  OPS.map((op) => [key(op.id, op.version), op]),
)
const BY_NAME: ReadonlyMap<string, OpDefinition> = new Map(OPS.map((op) => [op.name, op]))
const IDS: ReadonlySet<number> = new Set(OPS.map((op) => op.id))

function key(id: number, version: number): number {
  return id * 0x1_0000 + version
}

/** The definition, or undefined when the id or the version is not known. */
export function findOp(id: number, version: number): OpDefinition | undefined {
  return BY_KEY.get(key(id, version))
}

export function isOpId(id: number): boolean {
  return IDS.has(id)
}

/** The latest version of the op called `name`. */
export function opNamed(name: string): OpDefinition | undefined {
  return BY_NAME.get(name)
}
