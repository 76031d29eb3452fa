/**
 * Steps of training: parameters are changed in place by their gradients, outside of the tape.
 *
 *   sgd    w' = fma(-rate, g, w)
 *   adam   m' = fma(1 - b1, g, b1 m);  v' = fma(1 - b2, g g, b2 v)
 *          w' = fma(-rate, (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) + eps), w)
 *
 * with each op as docs/reference/numerics.md says, factors rounded to f32 once. A parameter without
 * a gradient stays as it is.
 */

import { assert } from '../base/assert.ts'
import { f32Attribute } from '../program/builder.ts'
import { emit } from './emit.ts'
import { axpy, scaled } from './ops/elementwise.ts'
import { unrecorded } from './tape.ts'
import { Tensor } from './tensor.ts'
import type { View } from './view.ts'
import { overwrite } from './write.ts'

export interface Optimiser {
  /** Changes every parameter that has a gradient. */
  step(): void
  zeroGrad(): void
}

export interface AdamOptions {
  readonly rate?: number
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

/** Mean and mean square of the gradients so far. */
export interface Moments {
  readonly mean: Tensor
  readonly square: Tensor
}

/** w' of one step, as a fresh tensor. */
export function sgdStep(parameter: Tensor, gradient: Tensor, rate: number): Tensor {
  return new Tensor(emit('sgd_f32', [parameter.inner, gradient.inner], [f32Attribute(rate)]))
}

/** @param at number of the step, from 1 */
export function adamStep(
  parameter: Tensor,
  gradient: Tensor,
  { mean, square }: Moments,
  at: number,
  options: AdamOptions = {},
): { readonly parameter: Tensor; readonly moments: Moments } {
  const { rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options
  assert(Number.isSafeInteger(at) && at >= 1, 'steps are counted from 1')
  const g = gradient.inner
  const m = axpy(g, scaled(mean.inner, beta1), 1 - beta1)
  const v = axpy(emit('mul_f32', [g, g]), scaled(square.inner, beta2), 1 - beta2)
  const root = emit('sqrt_f32', [scaled(v, 1 / (1 - power(beta2, at)))])
  const size = emit('shift_f32', [root], [f32Attribute(epsilon)])
  const direction = emit('div_f32', [scaled(m, 1 / (1 - power(beta1, at))), size])
  const updated = axpy(direction, parameter.inner, -rate)
  return {
    parameter: new Tensor(updated),
    moments: { mean: new Tensor(m), square: new Tensor(v) },
  }
}

/** By repeated products, which are the same on every engine. */
function power(base: number, exponent: number): number {
  let product = 1
  for (let count = 0; count < exponent && product > 0; count++) product *= base
  return product
}

export function sgd(parameters: readonly Tensor[], { rate }: { readonly rate: number }): Optimiser {
  return optimiser(parameters, (parameter, gradient) => sgdStep(parameter, gradient, rate).inner)
}

export function adam(parameters: readonly Tensor[], options: AdamOptions = {}): Optimiser {
  const moments = new Map<Tensor, { readonly at: number; readonly moments: Moments }>()
  return optimiser(parameters, (parameter, gradient) => {
    const before = moments.get(parameter)
    const at = (before?.at ?? 0) + 1
    const zeros = { mean: parameter.zerosLike(), square: parameter.zerosLike() }
    const next = adamStep(parameter, gradient, before?.moments ?? zeros, at, options)
    for (const { inner } of Object.values(next.moments)) inner.storage.outlivesScope = true
    moments.set(parameter, { at, moments: next.moments })
    return next.parameter.inner
  })
}

function optimiser(
  parameters: readonly Tensor[],
  updated: (parameter: Tensor, gradient: Tensor) => View,
): Optimiser {
  return {
    step: () =>
      unrecorded(() => {
        for (const parameter of parameters) {
          const { grad } = parameter
          if (grad !== undefined) overwrite(parameter.inner, updated(parameter, grad))
        }
      }),
    zeroGrad: () => {
      for (const parameter of parameters) parameter.zeroGrad()
    },
  }
}
