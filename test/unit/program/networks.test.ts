/** Networks and training: what the programs compute is what the textbook says. */

import { strict as check } from 'node:assert'

import { attempt } from '../../../src/base/refusal.ts'
import { gradients } from '../../../src/program/autograd.ts'
import { f32Attribute, type NamedProgram, ProgramBuilder } from '../../../src/program/builder.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import { decodeProgram, producerOf } from '../../../src/program/ir.ts'
import { elementCount } from '../../../src/program/shape.ts'
import { sgdStep } from '../../../src/program/train.ts'
import { F32 } from '../../../src/program/types.ts'
import { floatSample, honestRun, int8Sample, stream, trainingSample } from './samples.ts'

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** Program outputs by name. */
function run(named: NamedProgram, inputs: readonly Uint8Array[]): ReadonlyMap<string, Uint8Array> {
  const results = evaluate(named.program, inputs, named.weights)
  return new Map(
    named.program.outputs.map((value, index) => [
      named.outputNames[index] as string,
      results[producerOf(named.program, value)] as Uint8Array,
    ]),
  )
}

/** y = x W^T + b in f64, rows of `x` given flat. */
function dense(x: readonly number[], w: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const inputs = w.length / b.length
  const rows = x.length / inputs
  return Array.from({ length: rows * b.length }, (_, at) => {
    const [row, out] = [Math.trunc(at / b.length), at % b.length]
    let sum = b[out] as number
    for (let k = 0; k < inputs; k++) {
      sum += (x[row * inputs + k] as number) * (w[out * inputs + k] as number)
    }
    return sum
  })
}

/** Mean cross-entropy of a perceptron in f64. */
function lossOf(
  x: ArrayLike<number>,
  target: ArrayLike<number>,
  parameters: readonly ArrayLike<number>[],
): number {
  let value = Array.from(x)
  const classes = (parameters.at(-1) as ArrayLike<number>).length
  for (let layer = 0; layer < parameters.length; layer += 2) {
    const [w, b] = [parameters[layer], parameters[layer + 1]] as [
      ArrayLike<number>,
      ArrayLike<number>,
    ]
    value = dense(value, w, b)
    if (layer < parameters.length - 2) value = value.map((v) => Math.max(v, 0))
  }
  const rows = value.length / classes
  let loss = 0
  for (let row = 0; row < rows; row++) {
    const scores = value.slice(row * classes, (row + 1) * classes)
    const sum = scores.reduce((total, score) => total + Math.exp(score), 0)
    scores.forEach((score, index) => {
      loss -= (target[row * classes + index] as number) * (score - Math.log(sum))
    })
  }
  return loss / rows
}

describe('an int8 perceptron', () => {
  it('classifies as integer arithmetic says', () => {
    const { named, inputs, outputs } = honestRun(int8Sample(7, [30, 12]), 3)
    const scores = dense(
      Array.from(new Int8Array((inputs[0] as Uint8Array).buffer)),
      new Int8Array((named.weights[0] as Uint8Array).buffer),
      new Int32Array((named.weights[1] as Uint8Array).buffer),
    )
    const classes = new Int32Array((outputs.at(-1) as Uint8Array).buffer)
    classes.forEach((chosen, row) => {
      const own = scores.slice(row * 12, row * 12 + 12)
      check.equal(chosen, own.indexOf(Math.max(...own)))
    })
  })

  it('is a canonical program with named parts', () => {
    const named = int8Sample()
    check.deepEqual(decodeProgram(named.bytes), named.program)
    check.deepEqual(named.weightNames, [
      'layer1.weights',
      'layer1.bias',
      'layer2.weights',
      'layer2.bias',
    ])
    check.deepEqual(named.outputNames, ['classes'])
  })
})

describe('an f32 perceptron', () => {
  it('gives rows of probabilities close to f64', () => {
    const { named, inputs, outputs } = honestRun(floatSample(3, [33, 10]), 5)
    const scores = dense(
      Array.from(floats(inputs[0] as Uint8Array)),
      floats(named.weights[0] as Uint8Array),
      floats(named.weights[1] as Uint8Array),
    )
    floats(outputs.at(-1) as Uint8Array).forEach((probability, at) => {
      const row = scores.slice(at - (at % 10), at - (at % 10) + 10)
      const sum = row.reduce((total, score) => total + Math.exp(score), 0)
      check.ok(Math.abs(probability - Math.exp(scores[at] as number) / sum) < 1e-5)
    })
  })
})

describe('a training step', () => {
  const named = trainingSample()
  const next = stream(21)
  const inputs = named.program.inputs.map(({ dims }, index) => {
    const values = Float32Array.from({ length: elementCount(dims) }, next)
    // Targets are one-hot rows.
    return index === 1 ? values.map((_, at) => (at % 5 === Math.trunc(at / 5) % 5 ? 1 : 0)) : values
  })
  const results = run(named, inputs.map(bytesOf))
  const [x, target, ...parameters] = inputs as [Float32Array, Float32Array, ...Float32Array[]]
  const names = named.inputNames.slice(2)

  it('has the gradients of finite differences', () => {
    names.forEach((name, which) => {
      const gradient = floats(results.get(`grad.${name}`) as Uint8Array)
      gradient.forEach((value, at) => {
        const step = 1e-5
        const shifted = (by: number): number => {
          const moved = parameters.map((parameter) => Array.from(parameter))
          const own = moved[which] as number[]
          own[at] = (own[at] as number) + by
          return lossOf(x, target, moved)
        }
        const slope = (shifted(step) - shifted(-step)) / (2 * step)
        check.ok(Math.abs(value - slope) < 1e-4, `${name}[${at}]: ${value} against ${slope}`)
      })
    })
  })

  it('moves every parameter against its gradient and lowers the loss', () => {
    const updated = names.map((name) => floats(results.get(name) as Uint8Array))
    names.forEach((name, which) => {
      const gradient = floats(results.get(`grad.${name}`) as Uint8Array)
      gradient.forEach((value, at) => {
        const expected = (parameters[which]?.[at] as number) - 0.125 * value
        check.ok(Math.abs((updated[which]?.[at] as number) - expected) < 1e-6)
      })
    })
    check.ok(lossOf(x, target, updated) < lossOf(x, target, parameters))
  })

  it('is one program for every step: weights are inputs', () => {
    check.equal(named.program.weights.length, 0)
    check.deepEqual(named.outputNames.slice(0, 4), names)
    check.deepEqual(decodeProgram(named.bytes), named.program)
    check.ok(sgdStep({ batch: 64, widths: [784, 128, 64, 32, 10], learningRate: 0.1 }).program)
  })
})

describe('gradients', () => {
  it('pass through every differentiable op', () => {
    const builder = new ProgramBuilder()
    const type = { dtype: F32, dims: [2, 3] }
    const a = builder.input('a', type)
    const b = builder.input('b', type)
    const seed = builder.input('seed', { dtype: F32, dims: [3, 2] })
    const product = builder.op('mul_f32', [builder.op('sub_f32', [a, b]), b])
    const y = builder.op('transpose_f32', [builder.op('scale_f32', [product], [0x40000000n])])
    const [da, db] = gradients(builder, y, seed, [a, b])
    builder.output('y', y)
    builder.output('da', da as typeof a)
    builder.output('db', db as typeof a)
    const seeds = Float32Array.of(1, 1, 1, 1, 1, 1)
    const [va, vb] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(2, 0, -1, 3, 1, 2)]
    const named = builder.build()
    const results = run(named, [va, vb, seeds].map(bytesOf))
    // y = 2 (a - b) b: dy/da = 2b, dy/db = 2a - 4b.
    check.deepEqual(
      floats(results.get('da') as Uint8Array),
      vb.map((value) => 2 * value),
    )
    check.deepEqual(
      floats(results.get('db') as Uint8Array),
      va.map((value, at) => 2 * value - 4 * (vb[at] as number)),
    )
  })

  it('are refused where no rule exists', () => {
    const builder = new ProgramBuilder()
    const a = builder.input('a', { dtype: F32, dims: [2, 3] })
    const y = builder.op('quantise_f32', [a], [f32Attribute(1), 0n])
    const outcome = attempt(() => gradients(builder, y, a, [a]))
    check.ok('refused' in outcome && outcome.refused.code === 'differentiation_unsupported')
  })
})
