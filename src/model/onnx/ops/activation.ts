/** Functions of one operand that take a few ops: rectifiers, bounds, powers, gelu, softplus. */

import { refuse } from '../../../base/refusal.ts'
import { f32Attribute } from '../../../program/builder.ts'
import type { Draft } from '../../draft.ts'
import { constantNumber, type NodeReader } from '../node.ts'
import { type Placed, placed } from '../value.ts'
import { applied, binary, scaled, select, shifted } from './elementwise.ts'

const COMMUTES = { isCommutative: true }
const ORDERED = { isCommutative: false }
/** Products that a power may be written as. */
const POWER_MAX = 8

function times(draft: Draft, a: Placed, b: Placed): Placed {
  return binary(draft, 'mul_f32', a, b, COMMUTES)
}

function one(draft: Draft, value: number): Placed {
  return placed(draft.number(value))
}

/** Both bounds may be left out; they are attributes before operator set 11. */
export function clip(node: NodeReader): Placed {
  const value = node.float(0)
  const { draft } = node
  const bound = (name: string, index: number): number | undefined => {
    const attribute = node.maybeReal(name)
    return attribute ?? node.maybeNumbers(index)?.[0]
  }
  const low = finite(bound('min', 1))
  const high = finite(bound('max', 2))
  if (low !== undefined && high !== undefined && low <= high) {
    return applied(draft, 'clip_f32', value, [f32Attribute(low), f32Attribute(high)])
  }
  const raised =
    low === undefined ? value : binary(draft, 'max_f32', value, one(draft, low), COMMUTES)
  return high === undefined ? raised : binary(draft, 'min_f32', raised, one(draft, high), COMMUTES)
}

/** An infinite bound is none. */
function finite(bound: number | undefined): number | undefined {
  return bound !== undefined && Number.isFinite(bound) ? bound : undefined
}

export function leakyRelu(node: NodeReader): Placed {
  const value = node.float(0)
  return select(node.draft, value, value, scaled(node.draft, value, node.real('alpha', 0.01)))
}

export function prelu(node: NodeReader): Placed {
  const value = node.float(0)
  return select(node.draft, value, value, times(node.draft, value, node.float(1)))
}

/** clip(alpha x + beta, 0, 1). */
function hardSigmoidOf(draft: Draft, value: Placed, alpha: number, beta: number): Placed {
  const line = shifted(draft, scaled(draft, value, alpha), beta)
  return applied(draft, 'clip_f32', line, [f32Attribute(0), f32Attribute(1)])
}

export function hardSigmoid(node: NodeReader): Placed {
  const [alpha, beta] = [node.real('alpha', 0.2), node.real('beta', 0.5)]
  return hardSigmoidOf(node.draft, node.float(0), alpha, beta)
}

export function hardSwish(node: NodeReader): Placed {
  const value = node.float(0)
  return times(node.draft, value, hardSigmoidOf(node.draft, value, 1 / 6, 0.5))
}

/** max(x, 0) + log(1 + exp(-|x|)), which neither overflows nor loses the small results. */
export function softplus(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const away = applied(draft, 'exp_f32', scaled(draft, applied(draft, 'abs_f32', value), -1))
  const rest = applied(draft, 'log_f32', shifted(draft, away, 1))
  return binary(draft, 'add_f32', applied(draft, 'relu_f32', value), rest, COMMUTES)
}

export function negate(node: NodeReader): Placed {
  return scaled(node.draft, node.float(0), -1)
}

export function reciprocal(node: NodeReader): Placed {
  return inverted(node.draft, node.float(0))
}

function inverted(draft: Draft, value: Placed): Placed {
  return binary(draft, 'div_f32', one(draft, 1), value, ORDERED)
}

/** Exponents 0.5, -0.5 and whole numbers from -8 to 8. */
export function power(node: NodeReader): Placed {
  const { draft } = node
  const base = node.float(0)
  const exponent = constantNumber(draft, node.operand(1))
  if (exponent === undefined) return refuse('onnx_operand_not_constant', { operand: 1 })
  if (exponent === 0.5) return applied(draft, 'sqrt_f32', base)
  if (exponent === -0.5) return applied(draft, 'rsqrt_f32', base)
  const size = Math.abs(exponent)
  if (!Number.isInteger(exponent) || size < 1 || size > POWER_MAX) {
    return refuse('onnx_operand_unsupported', { operand: 1, exponent })
  }
  let product = base
  for (let count = 1; count < size; count++) product = times(draft, product, base)
  return exponent < 0 ? inverted(draft, product) : product
}

const SQRT_2_OVER_PI = 0.7978845608028654
const GELU_CUBE = 0.044715

/** Exact by default; `approximate = "tanh"` is the formula with tanh. */
export function gelu(node: NodeReader): Placed {
  const { draft } = node
  const value = node.float(0)
  const approximate = node.text('approximate', 'none')
  if (approximate === 'none') return applied(draft, 'gelu_f32', value)
  if (approximate !== 'tanh') {
    return refuse('onnx_attribute_unsupported', { attribute: 'approximate', value: approximate })
  }
  const cube = scaled(draft, times(draft, times(draft, value, value), value), GELU_CUBE)
  const inner = scaled(draft, binary(draft, 'add_f32', value, cube, COMMUTES), SQRT_2_OVER_PI)
  const half = scaled(draft, shifted(draft, applied(draft, 'tanh_f32', inner), 1), 0.5)
  return times(draft, value, half)
}
