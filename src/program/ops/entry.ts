/** What the entries of the op table are made of: their form, common work rules, common attributes. */

import { elementCount, RANK_MAX } from '../shape.ts'
import type { AttributeRule, OpDefinition, Reach, TensorType } from '../types.ts'

type Optional = 'provable' | 'attributes' | 'reach'

/** One op of version 1; what is left out has its usual value. */
export type Entry = Omit<OpDefinition, 'version' | Optional> & Partial<Pick<OpDefinition, Optional>>

type WorkRule = OpDefinition['work']

/** So many steps for each element of the output. */
export function outputSteps(perElement: number): WorkRule {
  return ({ out }) => ({ macs: 0, steps: perElement * elementCount(out.dims) })
}

/** So many steps for each element of the first operand. */
export function inputSteps(perElement: number): WorkRule {
  return ({ args }) => ({ macs: 0, steps: perElement * elementCount((args[0] as TensorType).dims) })
}

export function int(name: string, min: number, max: number): AttributeRule {
  return { kind: 'int', name, min: BigInt(min), max: BigInt(max) }
}

/** Any finite f32. */
export function real(name: string): AttributeRule {
  return { kind: 'f32', name, sign: 'any' }
}

/** A finite f32 of at least 2^-103. */
export function positive(name: string): AttributeRule {
  return { kind: 'f32', name, sign: 'positive' }
}

/** One attribute for each axis that a tensor may have: name0 .. name7. */
export function perAxis(name: string, min: number, max: number): AttributeRule[] {
  return Array.from({ length: RANK_MAX }, (_, axis) => int(`${name}${axis}`, min, max))
}

/** One run of `count` elements that begins at a multiple of its length. */
export function run(count: number): Reach[] {
  return [{ times: 1, count, align: count }]
}
