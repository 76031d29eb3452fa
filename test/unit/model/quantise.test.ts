/** int8 programs: near to what they were made from, integer where they can be, verified by fold. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { attempt } from '../../../src/base/refusal.ts'
import { importOnnx } from '../../../src/model/onnx/import.ts'
import {
  type FloatProgram,
  type QuantisedProgram,
  quantise,
} from '../../../src/model/quantise/quantise.ts'
import { largestOf, multiplierOf, scaleOf } from '../../../src/model/quantise/scales.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import { definitionOf, producerOf, valueTypes } from '../../../src/program/ir.ts'
import { F32, type Program } from '../../../src/program/types.ts'
import type { OracleCase } from '../../oracle/case.ts'
import { networkCases } from '../../oracle/network-cases.ts'
import { writeModel } from './onnx-writer.ts'

function floatProgram(model: Uint8Array): FloatProgram {
  const { named, parts } = importOnnx(model).emitted
  return { ...named, parts }
}

/** The largest magnitude of each value on one input. */
function rangesOf({ program, weights }: FloatProgram, input: Uint8Array): number[] {
  const values = [input, ...weights, ...evaluate(program, [input], weights)]
  return valueTypes(program).map(({ dtype }, value) =>
    dtype === F32 ? largestOf(values[value] as Uint8Array) : 0,
  )
}

function outputOf(
  program: Program,
  input: Uint8Array,
  weights: readonly Uint8Array[],
): Float32Array {
  const made = evaluate(program, [input], weights)
  const bytes = made[producerOf(program, program.outputs[0] as number)] as Uint8Array
  return new Float32Array(new Uint8Array(bytes).buffer)
}

function namesOf({ emitted }: QuantisedProgram): string[] {
  return emitted.named.program.ops.map((op) => definitionOf(op).name)
}

function inputOf({ operands }: OracleCase): Uint8Array {
  return new Uint8Array(Float32Array.from(operands[0]?.values ?? []).buffer)
}

/** Signal power over noise power. */
function quality(before: Float32Array, after: Float32Array): number {
  let [signal, noise] = [0, 0]
  before.forEach((value, index) => {
    signal += value * value
    noise += (value - (after[index] as number)) ** 2
  })
  return signal / noise
}

describe('int8 programs', () => {
  for (const each of networkCases()) {
    it(`of the ${each.name} give nearly what it gives`, () => {
      const source = floatProgram(each.model)
      const input = inputOf(each)
      const made = quantise(source, rangesOf(source, input))
      const { program, weights } = made.emitted.named
      const before = outputOf(source.program, input, source.weights)
      const after = outputOf(program, input, weights)
      // A signal a hundred times stronger than the noise is 20 dB.
      check.ok(quality(before, after) > 100, String(quality(before, after)))
      const bytes = (list: readonly Uint8Array[]): number =>
        list.reduce((sum, { length }) => sum + length, 0)
      check.ok(bytes(weights) < 0.5 * bytes(source.weights))
      const folded = program.ops.filter((op) => definitionOf(op).name.endsWith('_s8'))
      check.ok(folded.length >= made.layers.length)
    })
  }

  it('stay integer from product to product', () => {
    const square = Array.from({ length: 16 }, (_, index) => ((index * 7) % 11) / 11 - 0.5)
    const weights = ['a', 'b'].map((name) => {
      return { name, dtype: 'float', dims: [4, 4], values: square } as const
    })
    const bias = { name: 'c', dtype: 'float', dims: [4], values: [0.1, -0.2, 0.3, 0] } as const
    const graph = (between: string, attributes = {}): Uint8Array =>
      writeModel({
        opset: 9,
        nodes: [
          { op: 'MatMul', inputs: ['x', 'a'], outputs: ['p'] },
          { op: 'Add', inputs: ['p', 'c'], outputs: ['q'] },
          { op: between, inputs: ['q'], outputs: ['r'], attributes },
          { op: 'MatMul', inputs: ['r', 'b'], outputs: ['y'] },
        ],
        inputs: [{ name: 'x', dims: [2, 4] }],
        outputs: [{ name: 'y' }],
        weights: [...weights, bias],
      })
    const input = new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => i / 8 - 0.5).buffer)
    const opsOf = (model: Uint8Array): string[] => {
      const source = floatProgram(model)
      return namesOf(quantise(source, rangesOf(source, input)))
    }
    const middle = ['requantise', 'relu_s8']
    const ends = (between: readonly string[]): string[] => [
      'quantise_f32',
      'matmul_s8',
      'add_s32',
      ...between,
      'matmul_s8',
      'dequantise_s32',
    ]
    check.deepEqual(opsOf(graph('Relu')), ends(middle))
    check.deepEqual(opsOf(graph('Identity')), ends(['requantise']))
    const clip = { min: { real: 0 }, max: { real: 0.25 } }
    check.deepEqual(opsOf(graph('Clip', clip)), ends(middle))
    check.deepEqual(opsOf(graph('Tanh')), ends(['dequantise_s32', 'tanh_f32', 'quantise_f32']))
  })

  it('leave what is named in f32, and refuse to do nothing', () => {
    const [perceptron] = networkCases()
    if (perceptron === undefined) return check.fail('there is a perceptron')
    const source = floatProgram(perceptron.model)
    const largest = rangesOf(source, inputOf(perceptron))
    const names = quantise(source, largest).layers.map(({ weights }) => weights)
    check.equal(names.length, 2)
    const one = quantise(source, largest, new Set(names.slice(0, 1)))
    check.deepEqual(
      namesOf(one).filter((name) => name.startsWith('matmul')),
      ['matmul_f32', 'matmul_s8'],
    )
    const none = attempt(() => quantise(source, largest, new Set(names)))
    check.equal('refused' in none && none.refused.code, 'quantise_nothing')
  })

  it('take any range, also none at all', () => {
    const [perceptron] = networkCases()
    if (perceptron === undefined) return check.fail('there is a perceptron')
    const source = floatProgram(perceptron.model)
    for (const largest of [[], rangesOf(source, new Uint8Array(8 * 32 * 4))]) {
      const { program, weights } = quantise(source, largest).emitted.named
      const output = outputOf(program, inputOf(perceptron), weights)
      check.ok(output.every(Number.isFinite))
    }
    check.equal(scaleOf(0), 1)
    check.equal(largestOf(new Uint8Array(Float32Array.from([-3, NaN, Infinity, 2]).buffer)), 3)
  })
})

describe('a multiplier and a shift', () => {
  it('are within 2^-30 of the ratio, or there are none', () => {
    const ratio = fc.double({ min: 1e-12, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(ratio, (wanted) => {
        const found = multiplierOf(wanted)
        if (found === undefined) return
        const { multiplier, shift } = found
        check.ok(multiplier >= 1 && multiplier < 2 ** 31 && shift >= 1 && shift <= 62)
        check.ok(Math.abs(multiplier / 2 ** shift / wanted - 1) <= 2 ** -30)
      }),
    )
    check.deepEqual(multiplierOf(1), { multiplier: 2 ** 30, shift: 30 })
    for (const wanted of [0, 2 ** 31, 1e-30, Number.NaN]) {
      check.equal(multiplierOf(wanted), undefined, String(wanted))
    }
  })
})
