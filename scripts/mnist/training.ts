/** Stochastic gradient descent over MNIST: every step is a run of the program `sgdStep`. */

import { type Digits, oneHot, PIXELS, slice, unitPixels } from '../../devnet/mnist-data.ts'
import { initialLayers, layersOf, parametersOf, WIDTHS } from '../../devnet/mnist-networks.ts'
import type { FloatLayer } from '../../src/program/networks.ts'
import { sgdStep } from '../../src/program/train.ts'
import type { Rng } from '../../src/runtime/ports.ts'
import type { Load } from './cpu.ts'

export const BATCH = 64
/** One epoch each. */
export const LEARNING_RATES: readonly number[] = [0.3, 0.3, 0.2, 0.1, 0.05, 0.02]

/** The training on record, as far as every check of a change follows it. */
export const FIRST_STEPS = {
  seed: 1,
  steps: 200,
  weights: 'f1b08993b1d60982026454bfdd3a22f58928561e9b6318e11c4a6d915dcb3e69',
} as const

export interface Progress {
  readonly epoch: number
  readonly step: number
  readonly steps: number
  /** Steps of all epochs that are done. */
  readonly stepsDone: number
}

/** The numbers 0 to count - 1 in a random order (Fisher and Yates, as Durstenfeld gives it). */
export function shuffled(count: number, rng: Rng): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = rng.below(last + 1)
    const kept = order[last] as number
    order[last] = order[other] as number
    order[other] = kept
  }
  return order
}

/** The digits with these numbers. */
function gather(digits: Digits, numbers: Uint32Array): Digits {
  const pixels = new Uint8Array(numbers.length * PIXELS)
  const labels = new Uint8Array(numbers.length)
  numbers.forEach((number, row) => {
    const one = slice(digits, number, 1)
    pixels.set(one.pixels, row * PIXELS)
    labels.set(one.labels, row)
  })
  return { pixels, labels }
}

/**
 * The trained layers. What does not fill a batch at the end of an epoch is left out of it; the
 * order is another one in each.
 * @param stepsMax ends training early, so that its beginning can be compared
 */
export async function train(
  digits: Digits,
  rng: Rng,
  load: Load,
  tell: (progress: Progress) => void,
  stepsMax: number = Number.POSITIVE_INFINITY,
): Promise<FloatLayer[]> {
  const steps = Math.floor(digits.labels.length / BATCH)
  let parameters: readonly Uint8Array[] = parametersOf(initialLayers(rng.fork('weights')))
  for (const [epoch, learningRate] of LEARNING_RATES.entries()) {
    const program = load(sgdStep({ batch: BATCH, widths: WIDTHS, learningRate }))
    const order = shuffled(digits.labels.length, rng.fork(`epoch ${epoch}`))
    for (let step = 0; step < steps; step++) {
      if (epoch * steps + step >= stepsMax) return layersOf(parameters)
      const batch = gather(digits, order.subarray(step * BATCH, (step + 1) * BATCH))
      const outputs = await program.outputs([unitPixels(batch), oneHot(batch), ...parameters])
      parameters = outputs.slice(0, parameters.length)
      tell({ epoch, step: step + 1, steps, stepsDone: epoch * steps + step + 1 })
    }
  }
  return layersOf(parameters)
}
