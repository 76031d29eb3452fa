/**
 * Reverse-mode differentiation as a program transformation.
 *
 * The forward steps stand in a builder; walking them backwards adds, for each, the steps that carry
 * the gradient of its output to its operands. The result is an ordinary program: gradients are
 * values with digests, verified like every other value. The rules, in `gradients/`, are written
 * against the port of whatever emits ops, so that tensors which compute at once share them.
 */

import { refuse } from '../base/refusal.ts'
import type { Handle, ProgramBuilder } from './builder.ts'
import { MOVEMENT } from './gradients/movement.ts'
import { POINTWISE } from './gradients/pointwise.ts'
import { PRODUCTS } from './gradients/products.ts'
import { ROWS } from './gradients/rows.ts'
import type { GradientRule, GradientRules } from './gradients/rule.ts'

/** By the name of the op. */
export const GRADIENT_RULES: GradientRules = { ...POINTWISE, ...PRODUCTS, ...ROWS, ...MOVEMENT }

/** @throws RefusalError differentiation_unsupported when the op has no rule. */
export function gradientRule(op: string): GradientRule {
  return GRADIENT_RULES[op] ?? refuse('differentiation_unsupported', { op })
}

/** Computed values that depend on one of `wrt`, and these themselves. */
function dependents(builder: ProgramBuilder, wrt: readonly Handle[]): ReadonlySet<Handle> {
  const found = new Set<Handle>(wrt)
  for (const handle of builder.computed()) {
    const step = builder.stepOf(handle)
    if (step?.args.some((arg) => found.has(arg)) === true) found.add(handle)
  }
  return found
}

/**
 * Gradients with respect to `wrt`, given the gradient `seed` with respect to `from`.
 * @throws RefusalError differentiation_unsupported when an op on the way has no rule, or when
 *   nothing leads from one of `wrt` to `from`.
 */
export function gradients(
  builder: ProgramBuilder,
  from: Handle,
  seed: Handle,
  wrt: readonly Handle[],
): Handle[] {
  const relevant = dependents(builder, wrt)
  // Copied, because the walk itself adds steps to the builder.
  const forward = builder.computed().slice(0, from.index + 1)
  const sums = new Map<Handle, Handle>([[from, seed]])
  for (const out of [...forward].reverse()) {
    const dy = sums.get(out)
    const step = builder.stepOf(out)
    if (dy === undefined || step === undefined) continue
    step.args.forEach((arg, index) => {
      if (!relevant.has(arg)) return
      const rule = gradientRule(step.definition.name)
      const own = rule(builder, { args: step.args, attrs: step.attrs, out }, index, dy)
      if (own === undefined) return
      const earlier = sums.get(arg)
      sums.set(arg, earlier === undefined ? own : builder.op('add_f32', [earlier, own]))
    })
  }
  return wrt.map(
    (handle) =>
      sums.get(handle) ??
      refuse('differentiation_unsupported', { op: 'none', operand: handle.name }),
  )
}
