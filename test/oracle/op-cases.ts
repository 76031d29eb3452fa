/** For every op of the table at least one model of a single node, old forms of its operands too. */

import type { TensorSpec } from '../unit/model/onnx-writer.ts'
import { real } from '../unit/model/onnx-writer.ts'
import { type Drawn, FUNCTION, type OpOptions, type OracleCase, opCase, SUM } from './case.ts'

const x = (...dims: number[]): Drawn => ({ dims })
const positive = (...dims: number[]): Drawn => ({ dims, from: 0.01, to: 9 })
const ints = (values: readonly number[], dims = [values.length]): TensorSpec => ({
  dtype: 'int64',
  dims,
  values,
})
const numbers = (values: readonly number[], dims = [values.length]): TensorSpec => ({
  dtype: 'float',
  dims,
  values,
})
const scalar = (value: number): TensorSpec => numbers([value], [])
const wave = (dims: readonly number[]): TensorSpec => {
  const count = dims.reduce((product, size) => product * size, 1)
  const values = Array.from({ length: count }, (_, index) => Math.fround(Math.sin(1.7 * index + 1)))
  return { dtype: 'float', dims, values }
}

const near: OpOptions = { tolerance: FUNCTION }
const summed: OpOptions = { tolerance: SUM }

function elementwise(): OracleCase[] {
  const pairs = ['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
    opCase(op, [x(2, 3, 4), x(2, 3, 4)]),
    opCase(op, [x(2, 3, 4), x(4)], { label: 'row' }),
    opCase(op, [x(3, 1), x(2, 1, 4)], { label: 'both broadcast' }),
    opCase(op, [x(4), x(2, 3, 4)], { label: 'first broadcast' }),
    opCase(op, [x(2, 3), scalar(0.3)], { label: 'number' }),
    opCase(op, [scalar(0.3), x(2, 3)], { label: 'number first' }),
    opCase(op, [x(2, 3), scalar(4)], { label: 'power of two' }),
  ])
  const integers = ['Add', 'Sub', 'Mul'].map((op) =>
    opCase(
      op,
      [
        { dims: [2, 3], dtype: 'int32', from: -9, to: 9 },
        { dims: [3], dtype: 'int32' },
      ],
      {
        outputs: ['int32'],
        label: 'integers',
      },
    ),
  )
  const compared = ['Greater', 'Less', 'Equal'].map((op) =>
    opCase(op, [x(2, 5), wave([5])], { outputs: ['bool'] }),
  )
  const least = ['Max', 'Min'].flatMap((op) => [
    opCase(op, [x(2, 3), x(2, 3)]),
    opCase(op, [x(2, 3), x(3), scalar(0.1)], { label: 'of three' }),
  ])
  return [
    ...pairs,
    ...integers,
    ...compared,
    ...least,
    opCase('Equal', [{ dims: [4], from: 0, to: 2, dtype: 'float' }, numbers([1, 1, 1, 1])], {
      outputs: ['bool'],
      label: 'numbers',
    }),
    opCase('Not', [{ dims: [6], dtype: 'bool', from: 0, to: 2 }], { outputs: ['bool'] }),
    opCase('Where', [{ dims: [2, 3], dtype: 'bool', from: 0, to: 2 }, x(2, 3), x(3)]),
    opCase('Where', [{ dtype: 'bool', dims: [3, 1], values: [1, 0, 1] }, x(3, 4), scalar(-1)], {
      label: 'constant mask',
    }),
  ]
}

function functions(): OracleCase[] {
  const plain = ['Abs', 'Neg', 'Relu'].map((op) => opCase(op, [x(2, 3, 5)]))
  const smooth = ['Exp', 'Tanh', 'Sigmoid', 'Erf', 'Softplus'].map((op) =>
    opCase(op, [{ dims: [4, 64], from: -8, to: 8 }], near),
  )
  return [
    ...plain,
    ...smooth,
    opCase('Sqrt', [positive(3, 5)]),
    opCase('Log', [positive(3, 50)], near),
    opCase('Reciprocal', [positive(3, 5)]),
    ...[2, 3, 0.5, -0.5, -1].map((exponent) =>
      opCase('Pow', [positive(3, 5), scalar(exponent)], { ...near, label: String(exponent) }),
    ),
    opCase('Clip', [x(3, 5), scalar(-0.5), scalar(1)]),
    opCase('Clip', [x(3, 5), scalar(0.25)], { label: 'from below' }),
    opCase('Clip', [x(3, 5)], {
      label: 'attributes',
      opset: 9,
      attributes: { min: real(0), max: real(1) },
    }),
    opCase('LeakyRelu', [x(3, 5)], { attributes: { alpha: real(0.1) } }),
    opCase('PRelu', [x(2, 3, 2, 2), wave([3, 1, 1])]),
    opCase('HardSigmoid', [{ dims: [40], from: -4, to: 4 }], {
      ...near,
      attributes: { alpha: real(0.2), beta: real(0.5) },
    }),
    opCase('HardSwish', [{ dims: [40], from: -4, to: 4 }], near),
    opCase('Gelu', [{ dims: [4, 64], from: -6, to: 6 }], { ...near, opset: 20 }),
    opCase('Gelu', [{ dims: [4, 64], from: -6, to: 6 }], {
      tolerance: { absolute: 5e-7, relative: 5e-6 },
      opset: 20,
      label: 'tanh',
      attributes: { approximate: 'tanh' },
    }),
  ]
}

function products(): OracleCase[] {
  return [
    opCase('MatMul', [x(3, 7), wave([7, 5])], summed),
    opCase('MatMul', [x(2, 3, 7), wave([7, 5])], { ...summed, label: 'rows of any rank' }),
    opCase('MatMul', [x(2, 4, 3, 7), x(2, 4, 7, 5)], { ...summed, label: 'batched' }),
    opCase('MatMul', [x(2, 1, 3, 7), x(4, 7, 5)], { ...summed, label: 'batches broadcast' }),
    opCase('MatMul', [x(7), x(7, 5)], { ...summed, label: 'vector first' }),
    opCase('MatMul', [x(2, 3, 7), x(7)], { ...summed, label: 'vector last' }),
    opCase('MatMul', [x(7), x(7)], { ...summed, label: 'vectors' }),
    opCase('Gemm', [x(3, 7), wave([5, 7]), wave([5])], { ...summed, attributes: { transB: 1 } }),
    opCase('Gemm', [x(7, 3), wave([7, 5]), x(3, 1)], {
      ...summed,
      label: 'all attributes',
      attributes: { transA: 1, alpha: real(0.5), beta: real(2) },
    }),
    opCase('Gemm', [x(3, 7), wave([7, 5])], { ...summed, label: 'no C' }),
  ]
}

function convolutions(): OracleCase[] {
  const conv = (
    label: string,
    dims: readonly number[],
    kernels: readonly number[],
    attributes: OpOptions['attributes'] = {},
  ): OracleCase =>
    opCase('Conv', [x(...dims), wave(kernels), wave([kernels[0] as number])], {
      ...summed,
      label,
      attributes,
    })
  return [
    conv('3 x 3', [2, 3, 8, 7], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }),
    conv('strides, uneven pads', [1, 3, 9, 8], [4, 3, 3, 2], {
      strides: [2, 3],
      pads: [0, 1, 2, 0],
    }),
    conv('dilations', [1, 2, 9, 9], [3, 2, 3, 3], { dilations: [2, 3] }),
    conv('groups', [1, 4, 6, 6], [6, 2, 3, 3], { group: 2 }),
    conv('depthwise', [1, 4, 6, 6], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
    conv('SAME_UPPER', [1, 2, 7, 6], [3, 2, 4, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
    conv('SAME_LOWER', [1, 2, 7, 6], [3, 2, 4, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
    conv('VALID', [1, 2, 7, 6], [3, 2, 4, 3], { auto_pad: 'VALID' }),
    conv('one axis', [2, 3, 10], [4, 3, 3], { pads: [1, 2], strides: [2] }),
    opCase('Conv', [x(1, 2, 5, 5), wave([3, 2, 1, 1])], { ...summed, label: 'no bias' }),
    opCase(
      'BatchNormalization',
      [x(2, 3, 4, 5), wave([3]), wave([3]), wave([3]), numbers([0.5, 1, 2])],
      { ...summed, attributes: { epsilon: real(1e-3) } },
    ),
  ]
}

function pools(): OracleCase[] {
  const attributes = { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] }
  return [
    opCase('MaxPool', [x(2, 3, 8, 7)], { attributes }),
    opCase('MaxPool', [x(1, 2, 8, 7)], {
      label: 'rounded up',
      attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    }),
    opCase('MaxPool', [x(1, 2, 9)], { label: 'one axis', attributes: { kernel_shape: [2] } }),
    opCase('AveragePool', [x(2, 3, 8, 7)], { ...near, attributes }),
    opCase('AveragePool', [x(2, 3, 8, 7)], {
      ...near,
      label: 'padding counted',
      attributes: { ...attributes, count_include_pad: 1 },
    }),
    opCase('AveragePool', [x(1, 2, 7, 7)], {
      ...near,
      label: 'SAME_UPPER',
      attributes: { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' },
    }),
    opCase('GlobalAveragePool', [x(2, 3, 5, 7)], near),
    opCase('GlobalMaxPool', [x(2, 3, 5, 7)]),
  ]
}

function rows(): OracleCase[] {
  const reductions = (['ReduceSum', 'ReduceMean', 'ReduceMax'] as const).flatMap((op) => {
    // Axes are an attribute of two of them up to operator set 17.
    const isOld = op !== 'ReduceSum'
    const axes = (values: readonly number[]): TensorSpec[] => (isOld ? [] : [ints(values)])
    const named = (values: readonly number[], keepdims: number): OpOptions => ({
      ...near,
      attributes: isOld ? { axes: values, keepdims } : { keepdims },
    })
    return [
      opCase(op, [x(2, 3, 4), ...axes([1])], { ...named([1], 1), label: 'middle' }),
      opCase(op, [x(2, 3, 4), ...axes([0, -1])], { ...named([0, -1], 0), label: 'outer' }),
      opCase(op, [x(2, 3, 4)], { ...near, label: 'all' }),
      opCase(op, [x(2, 3, 4), ints([2])], { ...near, opset: 18, label: 'opset 18' }),
    ]
  })
  return [
    ...reductions,
    opCase('Softmax', [x(2, 3, 9)], { ...near, attributes: { axis: -1 } }),
    opCase('Softmax', [x(2, 3, 9)], { ...near, attributes: { axis: 1 }, label: 'middle' }),
    opCase('Softmax', [x(2, 9)], { ...near, opset: 9, attributes: { axis: 1 }, label: 'opset 9' }),
    opCase('LogSoftmax', [x(2, 3, 9)], { tolerance: SUM, attributes: { axis: -1 } }),
    opCase('LayerNormalization', [x(2, 3, 16), wave([16]), wave([16])], summed),
    opCase('LayerNormalization', [x(2, 3, 4), wave([3, 4])], {
      ...summed,
      label: 'two axes',
      attributes: { axis: 1 },
    }),
    opCase('ArgMax', [x(2, 3, 9)], { outputs: ['int64'], attributes: { axis: 1, keepdims: 0 } }),
    opCase('ArgMax', [x(2, 9)], { outputs: ['int64'], attributes: { axis: -1 }, label: 'last' }),
  ]
}

function movements(): OracleCase[] {
  return [
    opCase('Identity', [x(2, 3)]),
    opCase('Dropout', [x(2, 3)]),
    opCase('Flatten', [x(2, 3, 4)]),
    opCase('Flatten', [x(2, 3, 4)], { attributes: { axis: -1 }, label: 'last' }),
    opCase('Reshape', [x(2, 3, 4), ints([0, -1])]),
    opCase('Squeeze', [x(2, 1, 3, 1), ints([1])]),
    opCase('Squeeze', [x(2, 1, 3, 1)], { label: 'all' }),
    opCase('Squeeze', [x(2, 1, 3)], { label: 'opset 11', opset: 11, attributes: { axes: [1] } }),
    opCase('Unsqueeze', [x(2, 3), ints([0, -1])]),
    opCase('Unsqueeze', [x(2, 3)], { label: 'opset 11', opset: 11, attributes: { axes: [1] } }),
    opCase('Transpose', [x(2, 3, 4)]),
    opCase('Transpose', [x(2, 3, 4, 5)], { attributes: { perm: [0, 2, 3, 1] }, label: 'perm' }),
    opCase('Concat', [x(2, 3), x(2, 1), x(2, 2)], { attributes: { axis: 1 } }),
    opCase('Split', [x(2, 6), ints([1, 5])], {
      attributes: { axis: 1 },
      outputs: ['float', 'float'],
    }),
    opCase('Split', [x(7, 2)], {
      label: 'uneven',
      opset: 18,
      attributes: { num_outputs: 3 },
      outputs: ['float', 'float', 'float'],
    }),
    opCase('Slice', [x(4, 5, 6), ints([1, -3]), ints([3, 2 ** 40]), ints([0, 2])]),
    opCase('Slice', [x(4, 5)], {
      label: 'opset 9',
      opset: 9,
      attributes: { starts: [1], ends: [9], axes: [1] },
    }),
    opCase('Gather', [x(5, 3), { dims: [2, 2], dtype: 'int64', from: 0, to: 5 }]),
    opCase('Gather', [x(2, 5, 3), ints([4, -1, 0])], { attributes: { axis: 1 }, label: 'middle' }),
    opCase('Gather', [x(2, 5, 3), ints([2], [])], { attributes: { axis: 1 }, label: 'one row' }),
    opCase('Expand', [x(3, 1), ints([2, 1, 4])]),
    opCase('Pad', [x(2, 3), ints([1, 0, 2, 3])]),
    opCase('Pad', [x(2, 3)], { label: 'opset 9', opset: 9, attributes: { pads: [0, 1, 0, 1] } }),
  ]
}

function conversions(): OracleCase[] {
  const byte = (dtype: 'int8' | 'uint8', value: number): TensorSpec => ({
    dtype,
    dims: [],
    values: [value],
  })
  return [
    opCase('Cast', [{ dims: [2, 3], dtype: 'int32', from: -90, to: 90 }], {
      attributes: { to: 1 },
    }),
    opCase('Cast', [{ dims: [9], from: -9, to: 9 }], {
      label: 'to integers',
      attributes: { to: 6 },
      outputs: ['int32'],
    }),
    opCase('QuantizeLinear', [{ dims: [64], from: -9, to: 9 }, scalar(0.05), byte('int8', 3)], {
      outputs: ['int8'],
    }),
    opCase('DequantizeLinear', [{ dims: [64], dtype: 'int8', from: -128, to: 128 }, scalar(0.05)]),
  ]
}

export function opCases(): OracleCase[] {
  return [
    elementwise(),
    functions(),
    products(),
    convolutions(),
    pools(),
    rows(),
    movements(),
    conversions(),
  ].flat()
}
