/** Whole networks as exporters write them: a perceptron, a convolution network, a transformer block. */

import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import {
  type AttributeSpec,
  type NodeSpec,
  type TensorSpec,
  writeModel,
} from '../unit/model/onnx-writer.ts'
import { drawn, NETWORK, type OracleCase } from './case.ts'

/** Nodes and weights of a graph under construction. */
class Sketch {
  readonly nodes: NodeSpec[] = []
  readonly weights: TensorSpec[] = []
  readonly rng = new SeededRng(7)

  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeSpec>> = {},
  ): string {
    const output = `v${this.nodes.length}`
    this.nodes.push({ op, inputs, outputs: [output], attributes })
    return output
  }

  /** Small numbers, so that values keep their size from layer to layer. */
  weight(...dims: number[]): string {
    const reach = 1 / Math.sqrt(dims.length > 1 ? dims.slice(1).reduce((a, b) => a * b, 1) : 4)
    return this.#add('float', dims, drawn(this.rng, { dims, from: -reach, to: reach }))
  }

  positive(...dims: number[]): string {
    return this.#add('float', dims, drawn(this.rng, { dims, from: 0.5, to: 1.5 }))
  }

  number(value: number): string {
    return this.#add('float', [], [value])
  }

  ints(...values: number[]): string {
    return this.#add('int64', [values.length], values)
  }

  #add(dtype: 'float' | 'int64', dims: readonly number[], values: readonly number[]): string {
    const name = `w${this.weights.length}`
    this.weights.push({ name, dtype, dims, values })
    return name
  }

  finish(name: string, dims: readonly number[], output: string, opset = 17): OracleCase {
    const { nodes, weights } = this
    const model = writeModel({
      opset,
      nodes,
      weights,
      inputs: [{ name: 'x', dims }],
      outputs: [{ name: output }],
    })
    const values = drawn(new SeededRng(3), { dims, from: -1, to: 1 })
    const operands = [{ name: 'x', dtype: 'float', dims, values } as const]
    return { name, op: undefined, model, operands, tolerance: NETWORK }
  }
}

function perceptron(): OracleCase {
  const net = new Sketch()
  const hidden = net.op('Gemm', ['x', net.weight(64, 32), net.weight(64)], { transB: 1 })
  const bent = net.op('Relu', [hidden])
  const scores = net.op('Gemm', [bent, net.weight(10, 64), net.weight(10)], { transB: 1 })
  return net.finish('perceptron', [8, 32], net.op('Softmax', [scores], { axis: -1 }))
}

/** Convolution, normalisation, squeeze and excitation, a shortcut, pools and a classifier. */
function convolutionNetwork(): OracleCase {
  const net = new Sketch()
  const conv = (value: string, out: number, into: number, size: number, groups = 1): string => {
    const pads = [size >> 1, size >> 1, size >> 1, size >> 1]
    const sum = net.op('Conv', [value, net.weight(out, into / groups, size, size)], {
      pads,
      group: groups,
    })
    const [gamma, beta, mean] = [net.positive(out), net.weight(out), net.weight(out)]
    return net.op('BatchNormalization', [sum, gamma, beta, mean, net.positive(out)])
  }
  const swish = (value: string): string => {
    const six = net.op('Clip', [
      net.op('Add', [value, net.number(3)]),
      net.number(0),
      net.number(6),
    ])
    return net.op('Div', [net.op('Mul', [value, six]), net.number(6)])
  }
  const first = swish(conv('x', 8, 3, 3))
  const deep = net.op('Relu', [conv(first, 8, 8, 5, 8)])
  const mean = net.op('GlobalAveragePool', [deep])
  const gate = net.op('Conv', [mean, net.weight(8, 8, 1, 1), net.weight(8)])
  const scaled = net.op('Mul', [deep, net.op('HardSigmoid', [gate])])
  const joined = net.op('Add', [first, conv(scaled, 8, 8, 1)])
  const pooled = net.op('MaxPool', [joined], { kernel_shape: [2, 2], strides: [2, 2] })
  const tiles = { kernel_shape: [3, 3], strides: [3, 3] }
  const flat = net.op('Flatten', [net.op('AveragePool', [pooled], tiles)])
  const scores = net.op('Add', [net.op('MatMul', [flat, net.weight(32, 10)]), net.weight(10)])
  return net.finish('convolution network', [2, 3, 13, 13], net.op('Softmax', [scores], { axis: 1 }))
}

const WIDTH = 32
const HEADS = 4

/** The shape arithmetic and the decomposed normalisation are those of common exporters. */
function transformerBlock(): OracleCase {
  const net = new Sketch()
  const linear = (value: string, into: number, out: number): string =>
    net.op('Add', [net.op('MatMul', [value, net.weight(into, out)]), net.weight(out)])
  const normed = (value: string): string => {
    const centred = net.op('Sub', [value, net.op('ReduceMean', [value], { axes: [-1] })])
    const square = net.op('Pow', [centred, net.number(2)])
    const variance = net.op('ReduceMean', [square], { axes: [-1] })
    const deviation = net.op('Sqrt', [net.op('Add', [variance, net.number(1e-5)])])
    const unit = net.op('Div', [centred, deviation])
    return net.op('Add', [net.op('Mul', [unit, net.positive(WIDTH)]), net.weight(WIDTH)])
  }
  const shape = net.op('Shape', ['x'])
  const part = (index: number): string => {
    const size = net.op('Gather', [shape, net.ints(index)])
    return size
  }
  const split = net.op('Concat', [part(0), part(1), net.ints(HEADS), net.ints(WIDTH / HEADS)], {
    axis: 0,
  })
  const before = normed('x')
  const heads = (perm: readonly number[]): string =>
    net.op('Transpose', [net.op('Reshape', [linear(before, WIDTH, WIDTH), split])], { perm })
  const [query, key, value] = [heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])]
  const scores = net.op('Div', [net.op('MatMul', [query, key]), net.number(Math.sqrt(8))])
  const weights = net.op('Softmax', [scores], { axis: -1 })
  const mixed = net.op('Transpose', [net.op('MatMul', [weights, value])], { perm: [0, 2, 1, 3] })
  const merged = net.op('Reshape', [mixed, net.ints(0, 0, -1)])
  const attended = net.op('Add', ['x', linear(merged, WIDTH, WIDTH)])
  const wide = linear(
    net.op('LayerNormalization', [attended, net.positive(WIDTH), net.weight(WIDTH)]),
    WIDTH,
    4 * WIDTH,
  )
  const erf = net.op('Erf', [net.op('Div', [wide, net.number(Math.SQRT2)])])
  const gelu = net.op('Mul', [
    net.op('Mul', [wide, net.op('Add', [erf, net.number(1)])]),
    net.number(0.5),
  ])
  const output = net.op('Add', [attended, linear(gelu, 4 * WIDTH, WIDTH)])
  return net.finish('transformer block', [2, 12, WIDTH], output)
}

/** Weights that are stored in eight bits, with a scale for each column. */
function storedInBytes(): OracleCase {
  const net = new Sketch()
  const q: TensorSpec = {
    name: 'q',
    dtype: 'int8',
    dims: [16, 4],
    values: Array.from({ length: 64 }, (_, index) => (index * 37) % 256),
  }
  net.weights.push(q)
  const w = net.op('DequantizeLinear', ['q', net.positive(4)], { axis: 1 })
  return net.finish('weights in bytes', [3, 16], net.op('MatMul', ['x', w]))
}

export function networkCases(): OracleCase[] {
  return [perceptron(), convolutionNetwork(), transformerBlock(), storedInBytes()]
}
