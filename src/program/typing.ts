/**
 * What an op makes of its operands and attributes: the type of its output, or a refusal.
 *
 * Attributes are u64 words; here they are held against the op's own rules before its shape rule
 * sees them, so a shape rule reads numbers within their ranges.
 */

import { refuse } from '../base/refusal.ts'
import { checkType } from './shape.ts'
import { storedBits } from './tensor.ts'
import type { AttributeRule, OpDefinition, TensorType } from './types.ts'

const F32_INFINITY = 0x7f80_0000

/** The number that a two's complement attribute stands for; exact within 2^53. */
export function integerOf(attr: bigint | undefined): number {
  return Number(BigInt.asIntN(64, attr ?? 0n))
}

/**
 * @throws RefusalError op_arity | op_attributes | attribute_out_of_range, and every code of the
 *   op's shape rule and of `checkType`.
 */
export function outputType(
  definition: OpDefinition,
  args: readonly TensorType[],
  attrs: readonly bigint[],
): TensorType {
  checkArity(definition, args.length)
  checkAttributes(definition, attrs)
  const out = definition.shape(args, attrs)
  checkType(out)
  return out
}

/** @throws RefusalError op_arity. */
export function checkArity({ name, arity }: OpDefinition, operands: number): void {
  if (operands !== arity) refuse('op_arity', { op: name, operands, expected: arity })
}

/** @throws RefusalError op_attributes | attribute_out_of_range. */
function checkAttributes({ name, attributes }: OpDefinition, attrs: readonly bigint[]): void {
  if (attrs.length !== attributes.length) {
    refuse('op_attributes', { op: name, attributes: attrs.length, expected: attributes.length })
  }
  attributes.forEach((rule, index) => {
    const attr = attrs[index] as bigint
    if (!admitsAttribute(rule, attr)) {
      refuse('attribute_out_of_range', { op: name, attribute: rule.name, value: attr })
    }
  })
}

function admitsAttribute(rule: AttributeRule, attr: bigint): boolean {
  if (rule.kind === 'int') {
    const value = BigInt.asIntN(64, attr)
    return value >= rule.min && value <= rule.max
  }
  if (attr > 0xffff_ffffn) return false
  const bits = Number(attr)
  if ((bits & 0x7fff_ffff) >= F32_INFINITY) return false
  return rule.sign === 'any' || (bits < F32_INFINITY && storedBits(bits) !== 0)
}
