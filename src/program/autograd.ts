/**
 * Reverse-mode differentiation as a program transformation.
 *
 * The forward steps stand in a builder; walking them backwards adds, for each, the steps that carry
 * the gradient of its output to its operands. The result is an ordinary program: gradients are
 * values with digests, verified like every other value.
 */

import { assert } from '../base/assert.ts'
import { refuse } from '../base/refusal.ts'
import { f32Attribute, type Handle, type ProgramBuilder, type Step } from './builder.ts'
import { sameDims } from './shape.ts'

/** Gradient of operand `index` of `step`, given the gradient `dy` of its output. */
type GradientRule = (builder: ProgramBuilder, step: Step, index: number, dy: Handle) => Handle

function operand(step: Step, index: number): Handle {
  const handle = step.args[index]
  assert(handle !== undefined, 'a gradient rule knows the arity of its op')
  return handle
}

function transposed(builder: ProgramBuilder, value: Handle): Handle {
  return builder.op('transpose_f32', [value])
}

/** Sums a gradient over what broadcasting repeated: a row is summed over the batch. */
function unbroadcast(builder: ProgramBuilder, dy: Handle, operandOf: Handle): Handle {
  if (sameDims(dy.type, operandOf.type)) return dy
  if (dy.type.dims.length === 2 && operandOf.type.dims[0] === dy.type.dims[1]) {
    return builder.op('sum_last_f32', [transposed(builder, dy)])
  }
  return refuse('differentiation_unsupported', { op: 'broadcast', operand: operandOf.name })
}

const RULES: ReadonlyMap<string, GradientRule> = new Map<string, GradientRule>([
  [
    'matmul_f32',
    (builder, step, index, dy) =>
      index === 0
        ? builder.op('matmul_f32', [dy, transposed(builder, operand(step, 1))])
        : builder.op('matmul_f32', [
            transposed(builder, dy),
            transposed(builder, operand(step, 0)),
          ]),
  ],
  ['add_f32', (builder, step, index, dy) => unbroadcast(builder, dy, operand(step, index))],
  [
    'sub_f32',
    (builder, step, index, dy) => {
      const own = unbroadcast(builder, dy, operand(step, index))
      return index === 0 ? own : builder.op('scale_f32', [own], [f32Attribute(-1)])
    },
  ],
  [
    'mul_f32',
    (builder, step, index, dy) =>
      index === 0
        ? builder.op('mul_f32', [dy, operand(step, 1)])
        : unbroadcast(builder, builder.op('mul_f32', [dy, operand(step, 0)]), operand(step, 1)),
  ],
  ['scale_f32', (builder, step, _index, dy) => builder.op('scale_f32', [dy], step.attrs)],
  ['relu_f32', (builder, step, _index, dy) => builder.op('relu_grad_f32', [operand(step, 0), dy])],
  ['transpose_f32', (builder, _step, _index, dy) => transposed(builder, dy)],
])

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
 * @throws RefusalError differentiation_unsupported when an op on the way has no rule.
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
  for (const handle of [...forward].reverse()) {
    const dy = sums.get(handle)
    const step = builder.stepOf(handle)
    if (dy === undefined || step === undefined) continue
    step.args.forEach((arg, index) => {
      if (!relevant.has(arg)) return
      const rule = RULES.get(step.definition.name)
      if (rule === undefined) {
        refuse('differentiation_unsupported', { op: step.definition.name, operand: index })
      }
      const own = rule(builder, step, index, dy)
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
