/** The three jobs of the devnet: classify digits, an f32 forward pass, a training step. */

import { assert } from '../src/base/assert.ts'
import type { NamedProgram } from '../src/program/builder.ts'
import { evaluate } from '../src/program/evaluate.ts'
import { producerOf } from '../src/program/ir.ts'
import { floatMlp, int8Mlp } from '../src/program/networks.ts'
import { sgdStep } from '../src/program/train.ts'
import { SeededRng } from '../src/runtime/seeded-rng.ts'
import {
  CLASSES,
  type Digits,
  oneHot,
  readStoredDigits,
  rightOnes,
  signedPixels,
  slice,
  unitPixels,
} from './mnist-data.ts'
import { initialLayers, layersOf, loadNetworks, parametersOf, WIDTHS } from './mnist-networks.ts'

/** Digits of one classification; all that are stored. */
export const CLASSIFY_BATCH = 512
/** Digits of one forward pass and of one training step. */
export const FLOAT_BATCH = 64
const LEARNING_RATE = 0.1
/** Where the training job begins; any number will do, as long as every run has the same. */
const TRAINING_SEED = 1

/** All that a buyer needs for a job, and what it makes of the outputs. */
export interface DevnetJob {
  readonly name: string
  readonly program: NamedProgram
  readonly inputs: readonly Uint8Array[]
  readonly verification: 'fold' | 'replay'
  /** One line for people. @param outputs the program's outputs in order */
  readonly describe: (outputs: readonly Uint8Array[]) => string
}

/** Share of the first stored digits that got their label. @param classes s32[count] */
export function accuracyOf(classes: Uint8Array): number {
  const count = classes.length / 4
  return rightOnes(classes, slice(readStoredDigits(), 0, count)) / count
}

function scoreLine(right: number, count: number): string {
  return `${right} of ${count} digits right, accuracy ${(right / count).toFixed(4)}`
}

/** The first `count` digits by the int8 network: s8[count, 784] -> classes s32[count]. */
export function classifyJob(count: number = CLASSIFY_BATCH): DevnetJob {
  const digits = slice(readStoredDigits(), 0, count)
  return {
    name: 'mnist-classify-int8',
    program: int8Mlp(count, loadNetworks().int8),
    inputs: [signedPixels(digits)],
    verification: 'fold',
    describe: ([classes]) => {
      assert(classes !== undefined, 'a classification has one output')
      return scoreLine(rightOnes(classes, digits), count)
    },
  }
}

/** The first `count` digits by the f32 network: f32[count, 784] -> probabilities f32[count, 10]. */
export function floatJob(count: number = FLOAT_BATCH): DevnetJob {
  const digits = slice(readStoredDigits(), 0, count)
  return {
    name: 'mnist-forward-f32',
    program: floatMlp(count, loadNetworks().float),
    inputs: [unitPixels(digits)],
    verification: 'replay',
    describe: ([probabilities]) => {
      assert(probabilities !== undefined, 'a forward pass has one output')
      return scoreLine(rightOnes(likeliest(probabilities), digits), count)
    },
  }
}

/** The class of the largest probability of each row: f32[count, 10] -> s32[count]. */
export function likeliest(probabilities: Uint8Array): Uint8Array {
  const rows = new Float32Array(new Uint8Array(probabilities).buffer)
  const classes = Int32Array.from({ length: rows.length / CLASSES }, (_, row) => {
    const scores = rows.subarray(row * CLASSES, (row + 1) * CLASSES)
    return scores.indexOf(Math.max(...scores))
  })
  return new Uint8Array(classes.buffer)
}

/** Weights and biases of the untrained network the first training step begins with. */
export function initialParameters(): Uint8Array[] {
  return parametersOf(initialLayers(new SeededRng(TRAINING_SEED)))
}

/**
 * One step on the first 64 digits. Its first four outputs are the parameters after it, so that the
 * next step may begin with them; the program is the same for every step.
 */
export function trainingJob(parameters: readonly Uint8Array[] = initialParameters()): DevnetJob {
  const digits = slice(readStoredDigits(), 0, FLOAT_BATCH)
  return {
    name: 'mnist-train-step-f32',
    program: sgdStep({ batch: FLOAT_BATCH, widths: WIDTHS, learningRate: LEARNING_RATE }),
    inputs: [unitPixels(digits), oneHot(digits), ...parameters],
    verification: 'replay',
    describe: (outputs) => {
      const before = lossOf(parameters, digits)
      const after = lossOf(outputs.slice(0, parameters.length), digits)
      return `loss ${before.toFixed(4)} -> ${after.toFixed(4)}`
    },
  }
}

/** Mean cross-entropy of a network on some digits. */
export function lossOf(parameters: readonly Uint8Array[], digits: Digits): number {
  const { program, weights } = floatMlp(digits.labels.length, layersOf(parameters))
  const results = evaluate(program, [unitPixels(digits)], weights)
  const output = results[producerOf(program, program.outputs[0] as number)] as Uint8Array
  const rows = new Float32Array(new Uint8Array(output).buffer)
  const sum = digits.labels.reduce(
    (total, label, row) => total - Math.log(rows[row * CLASSES + label] as number),
    0,
  )
  return sum / digits.labels.length
}
