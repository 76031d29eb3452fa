/**
 * One step of stochastic gradient descent on a perceptron, as a program.
 *
 *     scores = perceptron(x)             forward
 *     seed   = (softmax(scores) - target) / batch      gradient of the mean cross-entropy
 *     grads  = gradients(scores, seed)   backward, by transformation
 *     w'     = fma(-rate, grad, w)       update
 *
 * Weights are inputs, not weights of the program, so one registered program serves every step.
 */

import { assert } from '../base/assert.ts'
import { gradients } from './autograd.ts'
import { f32Attribute, type Handle, type NamedProgram, ProgramBuilder } from './builder.ts'
import { type LayerValues, perceptron } from './networks.ts'
import { F32 } from './types.ts'

export interface SgdStep {
  /** Rows of `x` and `target`. */
  readonly batch: number
  /** Widths: inputs, hidden layers, classes. */
  readonly widths: readonly number[]
  readonly learningRate: number
}

/** At most four layers: each gives four of the sixteen outputs. */
export const LAYERS_MAX = 4

/**
 * Inputs: `x` f32[batch, in], `target` f32[batch, classes] (one-hot rows), then per layer
 * `layer<i>.weights` f32[out, in] and `layer<i>.bias` f32[out].
 * Outputs: the updated weights and biases in that order, then their gradients (`grad.` names).
 */
export function sgdStep({ batch, widths, learningRate }: SgdStep): NamedProgram {
  const count = widths.length - 1
  assert(count >= 1 && count <= LAYERS_MAX, 'a training step has one to four layers')
  const builder = new ProgramBuilder()
  const x = builder.input('x', { dtype: F32, dims: [batch, widths[0] as number] })
  const classes = widths[count] as number
  const target = builder.input('target', { dtype: F32, dims: [batch, classes] })
  const layers = Array.from({ length: count }, (_, index) => layerInputs(builder, widths, index))
  const scores = perceptron(builder, x, layers)
  const off = builder.op('sub_f32', [builder.op('softmax_f32', [scores]), target])
  const seed = builder.op('scale_f32', [off], [f32Attribute(1 / batch)])
  const parameters = layers.flatMap(({ weights, bias }) => [weights, bias])
  const grads = gradients(builder, scores, seed, parameters)
  parameters.forEach((parameter, index) => {
    const operands = [parameter, grads[index] as Handle]
    builder.output(parameter.name, builder.op('sgd_f32', operands, [f32Attribute(learningRate)]))
  })
  parameters.forEach((parameter, index) => {
    builder.output(`grad.${parameter.name}`, grads[index] as Handle)
  })
  return builder.build()
}

function layerInputs(
  builder: ProgramBuilder,
  widths: readonly number[],
  index: number,
): LayerValues {
  const [inputs, outputs] = [widths[index] as number, widths[index + 1] as number]
  const name = `layer${index + 1}`
  return {
    weights: builder.input(`${name}.weights`, { dtype: F32, dims: [outputs, inputs] }),
    bias: builder.input(`${name}.bias`, { dtype: F32, dims: [outputs] }),
  }
}
