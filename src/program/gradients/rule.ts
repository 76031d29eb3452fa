/** What a gradient rule is: for one op, how the gradient of its output reaches each operand. */

import { assert } from '../../base/assert.ts'
import type { Emitted, Emitter } from '../emitter.ts'

/** An op that has been emitted. */
export interface Emission<Value extends Emitted> {
  readonly args: readonly Value[]
  readonly attrs: readonly bigint[]
  readonly out: Value
}

/**
 * The gradient of operand `index`, given the gradient `dy` of the output; undefined where the output
 * does not change with the operand, or only in steps.
 * @throws RefusalError differentiation_unsupported.
 */
export type GradientRule = <Value extends Emitted>(
  emit: Emitter<Value>,
  step: Emission<Value>,
  index: number,
  dy: Value,
) => Value | undefined

export type GradientRules = Readonly<Record<string, GradientRule>>

export function operand<Value extends Emitted>(step: Emission<Value>, index: number): Value {
  const found = step.args[index]
  assert(found !== undefined, 'a gradient rule knows the arity of its op')
  return found
}

/** An integer attribute of a checked op. */
export function integer(step: Emission<Emitted>, index: number): number {
  const attr = step.attrs[index]
  assert(attr !== undefined, 'a gradient rule knows the attributes of its op')
  return Number(BigInt.asIntN(64, attr))
}
