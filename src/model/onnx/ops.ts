/**
 * The table of ONNX ops that are imported: one entry says what becomes of a node.
 *
 * docs/reference/models.md lists this table, and a test compares the two.
 */

import type { NodeReader } from './node.ts'
import {
  clip,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  negate,
  power,
  prelu,
  reciprocal,
  softplus,
} from './ops/activation.ts'
import { batchNormalization, convolution } from './ops/convolution.ts'
import {
  add,
  divide,
  equal,
  extreme,
  greater,
  less,
  multiply,
  not,
  subtract,
  unary,
  where,
} from './ops/elementwise.ts'
import { constant, constantOfShape, FOLDS, shapeOf, sizeOf } from './ops/integers.ts'
import {
  concat,
  expand,
  flatten,
  gather,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from './ops/movement.ts'
import { averagePool, globalPool, maxPool } from './ops/pool.ts'
import { gemm, matMul } from './ops/product.ts'
import { cast, dequantizeLinear, identity, quantizeLinear } from './ops/quantisation.ts'
import { argMax, layerNormalization, logSoftmax, reduction, softmax } from './ops/reduce.ts'
import type { Value } from './value.ts'

export interface Lowering {
  /** The ops of a program that it becomes, and what is not taken; for docs/reference/models.md. */
  readonly becomes: string
  readonly lower: (node: NodeReader) => Value | readonly Value[]
}

const TABLE: Readonly<Record<string, Lowering>> = {
  Abs: { becomes: 'abs_f32', lower: unary('abs_f32') },
  Add: { becomes: 'add_f32, add_s32, shift_f32 for a constant number', lower: add },
  ArgMax: { becomes: 'argmax_f32; the first index only', lower: argMax },
  AveragePool: {
    becomes: 'avgpool2d_f32, one or two spatial axes; rounding up does not go with counted padding',
    lower: averagePool,
  },
  BatchNormalization: {
    becomes: 'folded into the product before it, else mul_f32 and add_f32; inference only',
    lower: batchNormalization,
  },
  Cast: {
    becomes: 'dequantise_s32, dequantise_s8, truncate_f32; nothing between floats',
    lower: cast,
  },
  Clip: { becomes: 'clip_f32, max_f32, min_f32; constant bounds', lower: clip },
  Concat: { becomes: 'concat_f32, concat_s8', lower: concat },
  Constant: { becomes: 'a weight', lower: constant },
  ConstantOfShape: { becomes: 'a weight', lower: constantOfShape },
  Conv: {
    becomes: 'conv2d_f32 and add_f32; one or two spatial axes, groups, dilations, auto_pad',
    lower: convolution,
  },
  DequantizeLinear: {
    becomes: 'dequantise_s8, dequantise_s32; weights may have a scale for each slice of an axis',
    lower: dequantizeLinear,
  },
  Div: { becomes: 'div_f32, scale_f32 for a power of two', lower: divide },
  Dropout: { becomes: 'nothing', lower: dropout },
  Equal: { becomes: 'greater_f32 and max_f32; a NaN equals everything', lower: equal },
  Erf: { becomes: 'erf_f32', lower: unary('erf_f32') },
  Exp: { becomes: 'exp_f32', lower: unary('exp_f32') },
  Expand: { becomes: 'expand_f32; constant shape', lower: expand },
  Flatten: { becomes: 'reshape', lower: flatten },
  Gather: { becomes: 'gather_f32, slice for one constant row', lower: gather },
  Gelu: { becomes: 'gelu_f32, or its formula with tanh_f32', lower: gelu },
  Gemm: { becomes: 'matmul_f32, add_f32, scale_f32', lower: gemm },
  GlobalAveragePool: { becomes: 'mean_last_f32', lower: globalPool('mean_last_f32') },
  GlobalMaxPool: { becomes: 'max_last_f32', lower: globalPool('max_last_f32') },
  Greater: { becomes: 'greater_f32', lower: greater },
  HardSigmoid: { becomes: 'scale_f32, shift_f32, clip_f32', lower: hardSigmoid },
  HardSwish: { becomes: 'scale_f32, shift_f32, clip_f32, mul_f32', lower: hardSwish },
  Identity: { becomes: 'nothing', lower: identity },
  LayerNormalization: { becomes: 'layernorm_f32', lower: layerNormalization },
  LeakyRelu: { becomes: 'scale_f32, select_f32', lower: leakyRelu },
  Less: { becomes: 'greater_f32', lower: less },
  Log: { becomes: 'log_f32', lower: unary('log_f32') },
  LogSoftmax: {
    becomes: 'max_last_f32, sub_f32, exp_f32, sum_last_f32, log_f32',
    lower: logSoftmax,
  },
  MatMul: { becomes: 'matmul_f32, bmm_f32', lower: matMul },
  Max: { becomes: 'max_f32', lower: extreme('max_f32') },
  MaxPool: { becomes: 'maxpool2d_f32; no dilations, no indices', lower: maxPool },
  Min: { becomes: 'min_f32', lower: extreme('min_f32') },
  Mul: { becomes: 'mul_f32, mul_s32, scale_f32 for a constant number', lower: multiply },
  Neg: { becomes: 'scale_f32', lower: negate },
  Not: { becomes: 'scale_f32, shift_f32', lower: not },
  PRelu: { becomes: 'mul_f32, select_f32', lower: prelu },
  Pad: { becomes: 'pad_f32; constant 0, constant sizes', lower: pad },
  Pow: {
    becomes: 'sqrt_f32, rsqrt_f32, mul_f32, div_f32; constant exponents 0.5, -0.5, -8 to 8',
    lower: power,
  },
  QuantizeLinear: { becomes: 'quantise_f32; one scale, int8 or uint8', lower: quantizeLinear },
  Reciprocal: { becomes: 'div_f32', lower: reciprocal },
  ReduceMax: { becomes: 'max_last_f32', lower: reduction('max_last_f32') },
  ReduceMean: { becomes: 'mean_last_f32', lower: reduction('mean_last_f32') },
  ReduceSum: { becomes: 'sum_last_f32', lower: reduction('sum_last_f32') },
  Relu: { becomes: 'relu_f32', lower: unary('relu_f32') },
  Reshape: { becomes: 'reshape; constant shape', lower: reshape },
  Shape: { becomes: 'a constant', lower: shapeOf },
  Sigmoid: { becomes: 'sigmoid_f32', lower: unary('sigmoid_f32') },
  Size: { becomes: 'a constant', lower: sizeOf },
  Slice: { becomes: 'slice; constant bounds, step 1', lower: slice },
  Softmax: { becomes: 'softmax_f32', lower: softmax },
  Softplus: {
    becomes: 'abs_f32, scale_f32, exp_f32, shift_f32, log_f32, relu_f32, add_f32',
    lower: softplus,
  },
  Split: { becomes: 'slice', lower: split },
  Sqrt: { becomes: 'sqrt_f32', lower: unary('sqrt_f32') },
  Squeeze: { becomes: 'reshape', lower: squeeze },
  Sub: { becomes: 'sub_f32, sub_s32, shift_f32 for a constant number', lower: subtract },
  Tanh: { becomes: 'tanh_f32', lower: unary('tanh_f32') },
  Transpose: { becomes: 'permute, only where an op needs the order', lower: transpose },
  Unsqueeze: { becomes: 'reshape', lower: unsqueeze },
  Where: { becomes: 'select_f32', lower: where },
}

function dropout(node: NodeReader): Value {
  node.ignore('ratio', 'seed', 'is_test')
  node.outputsAtMost(1)
  return node.operand(0)
}

export const LOWERINGS: ReadonlyMap<string, Lowering> = new Map(Object.entries(TABLE))

/** Ops that are only done on constants: what is known of shapes. */
export const FOLDED_ONLY: readonly string[] = [...FOLDS.keys()].filter(
  (name) => !LOWERINGS.has(name),
)
