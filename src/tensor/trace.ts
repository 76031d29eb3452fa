/**
 * A function of tensors as a program: what it would compute, written down instead.
 *
 *   const step = trace((x, w) => x.matmul(w).relu(), [{ dims: [8, 4] }, { dims: [4, 2] }])
 *
 * The function runs once, on tensors without values. Tensors from outside that it uses become
 * weights. Gradients, and writing in place, are ops like all others, so a training step traces too.
 */

import { refuse } from '../base/refusal.ts'
import type { NamedProgram } from '../program/builder.ts'
import { operandOf } from './compute.ts'
import { type DtypeName, dtypeCode } from './dtype.ts'
import { checkDims } from './layout.ts'
import type { Dims } from './making.ts'
import { Tensor } from './tensor.ts'
import { TraceDevice } from './trace-device.ts'
import { viewOf } from './view.ts'

/** What an input will be. A tensor in its place gives its type. */
export interface TensorSpec {
  readonly dims: Dims
  /** f32 when absent. */
  readonly dtype?: DtypeName
  /** x0, x1, ... when absent. */
  readonly name?: string
}

/** One output, several, or several with names; y0, y1, ... where they have none. */
export type Traced = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>

/**
 * @throws RefusalError trace_value_unknown when the function looks at values, trace_input_unused,
 *   trace_output_foreign, and every code of `checkProgram`
 */
export function trace(
  body: (...inputs: Tensor[]) => Traced,
  inputs: readonly (TensorSpec | Tensor)[],
): NamedProgram {
  const device = new TraceDevice()
  const tensors = inputs.map((spec, index) => {
    const { dims, dtype = 'f32' } = spec
    const type = { dtype: dtypeCode(dtype), dims: [...dims] }
    checkDims(type.dtype, dims)
    const name = (spec instanceof Tensor ? undefined : spec.name) ?? `x${index}`
    return new Tensor(viewOf({ device, type, block: device.input(name, type), label: name }))
  })
  const outputs = named(body(...tensors)).map(([name, tensor]) => {
    const { inner } = tensor
    if (inner.storage.device !== device) refuse('trace_output_foreign', { output: name })
    return { name, type: inner.type, block: operandOf(inner, device).block }
  })
  if (outputs.length === 0) refuse('trace_output_foreign', { output: 'none' })
  return device.finish(outputs)
}

function named(traced: Traced): readonly (readonly [string, Tensor])[] {
  if (traced instanceof Tensor) return [['y0', traced]]
  if (!Array.isArray(traced)) return Object.entries(traced as Readonly<Record<string, Tensor>>)
  return (traced as readonly Tensor[]).map((tensor, index) => [`y${index}`, tensor] as const)
}
