/** Runs a whole program with the scalar loops: slow, portable, and the judge of every backend. */

import { assert } from '../base/assert.ts'
import { definitionOf, valueTypes } from './ir.ts'
import { emptyTensor, tensorOf } from './tensor.ts'
import type { OpNode, Program, Tensor, TensorType } from './types.ts'

/** One op on whole tensors. */
export function evaluateOp(node: OpNode, args: readonly Tensor[], type: TensorType): Tensor {
  const out = emptyTensor(type)
  definitionOf(node).run(args, node.attrs, out)
  return out
}

/**
 * The outputs of all ops, in program order.
 * @param program checked
 * @throws RefusalError tensor_length when an input or weight has another length than its type.
 */
export function evaluate(
  program: Program,
  inputs: readonly Uint8Array[],
  weights: readonly Uint8Array[],
): Uint8Array[] {
  assert(inputs.length === program.inputs.length, 'every input is given')
  assert(weights.length === program.weights.length, 'every weight is given')
  const types = valueTypes(program)
  const values = [...inputs, ...weights].map((bytes, value) =>
    tensorOf(types[value] as TensorType, bytes),
  )
  const first = values.length
  for (const node of program.ops) {
    const args = node.args.map((value) => values[value] as Tensor)
    values.push(evaluateOp(node, args, types[values.length] as TensorType))
  }
  return values.slice(first).map(({ bytes }) => bytes)
}
