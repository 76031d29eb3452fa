/** Ready programs: multilayer perceptrons over s8 and over f32. */

import { assert } from '../base/assert.ts'
import { type Handle, intAttribute, type NamedProgram, ProgramBuilder } from './builder.ts'
import { f32Tensor, s8Tensor, s32Tensor } from './tensor.ts'
import { F32, S8 } from './types.ts'

/** One dense layer: y = x W^T + b, W row-major [outputs, inputs]. */
export interface Int8Layer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Int8Array
  readonly bias: Int32Array
  /** s32 -> s8 after the layer: y * multiplier / 2^shift. Not used after the last layer. */
  readonly multiplier: number
  readonly shift: number
}

export interface FloatLayer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Float32Array
  readonly bias: Float32Array
}

function checkLayers(
  layers: readonly { readonly inputs: number; readonly outputs: number }[],
): void {
  assert(layers.length > 0, 'a network has at least one layer')
  layers.forEach((layer, index) => {
    const before = layers[index - 1]
    assert(
      before === undefined || before.outputs === layer.inputs,
      'each layer takes what the layer before it gives',
    )
  })
}

/**
 * Classifies `batch` rows of s8: matmul, bias, requantise and relu per hidden layer, then argmax.
 * Input `x` s8[batch, inputs]; output `classes` s32[batch].
 */
export function int8Mlp(batch: number, layers: readonly Int8Layer[]): NamedProgram {
  checkLayers(layers)
  const builder = new ProgramBuilder()
  let value = builder.input('x', { dtype: S8, dims: [batch, layers[0]?.inputs ?? 0] })
  layers.forEach((layer, index) => {
    const name = `layer${index + 1}`
    const weights = s8Tensor([layer.outputs, layer.inputs], layer.weights)
    const w = builder.weight(`${name}.weights`, weights)
    const b = builder.weight(`${name}.bias`, s32Tensor([layer.outputs], layer.bias))
    const sum = builder.op('add_s32', [builder.op('matmul_s8', [value, w]), b])
    value = index === layers.length - 1 ? sum : narrow(builder, sum, layer)
  })
  builder.output('classes', builder.op('argmax_s32', [value]))
  return builder.build()
}

function narrow(builder: ProgramBuilder, sum: Handle, layer: Int8Layer): Handle {
  const attributes = [intAttribute(layer.multiplier), intAttribute(layer.shift), 0n]
  return builder.op('relu_s8', [builder.op('requantise', [sum], attributes)])
}

/** Weights and bias of one layer as values of a program. */
export interface LayerValues {
  readonly weights: Handle
  readonly bias: Handle
}

/** The scores of a perceptron before softmax, relu between layers. */
export function perceptron(
  builder: ProgramBuilder,
  x: Handle,
  layers: readonly LayerValues[],
): Handle {
  let value = x
  layers.forEach(({ weights, bias }, index) => {
    const sum = builder.op('add_f32', [builder.op('matmul_f32', [value, weights]), bias])
    value = index === layers.length - 1 ? sum : builder.op('relu_f32', [sum])
  })
  return value
}

/** Input `x` f32[batch, inputs]; output `probabilities` f32[batch, classes]. */
export function floatMlp(batch: number, layers: readonly FloatLayer[]): NamedProgram {
  checkLayers(layers)
  const builder = new ProgramBuilder()
  const x = builder.input('x', { dtype: F32, dims: [batch, layers[0]?.inputs ?? 0] })
  const values = layers.map((layer, index) => ({
    weights: builder.weight(
      `layer${index + 1}.weights`,
      f32Tensor([layer.outputs, layer.inputs], layer.weights),
    ),
    bias: builder.weight(`layer${index + 1}.bias`, f32Tensor([layer.outputs], layer.bias)),
  }))
  builder.output('probabilities', builder.op('softmax_f32', [perceptron(builder, x, values)]))
  return builder.build()
}
