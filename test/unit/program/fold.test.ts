/** The fold verifier: honest traces pass, every falsified element is found and located. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { foldCoins, foldVerify, GOLDILOCKS } from '../../../src/compute/proof/fold.ts'
import { ProgramBuilder } from '../../../src/program/builder.ts'
import { outputValue, valueTypes } from '../../../src/program/ir.ts'
import { elementBytes, elementCount } from '../../../src/program/shape.ts'
import { S8, type TensorType } from '../../../src/program/types.ts'
import { floatSample, honestRun, int8Sample, type Run } from './samples.ts'

const coins = {
  secret: new Uint8Array(32).fill(3),
  receiptId: new Uint8Array(32).fill(5),
}

const runs: readonly Run[] = [honestRun(int8Sample(), 1), honestRun(floatSample(), 2)]

function verdictOf({ named, inputs }: Run, outputs: readonly Uint8Array[]) {
  return foldVerify(named.program, { inputs, weights: named.weights, outputs }, coins)
}

describe('fold', () => {
  it('takes every honest trace', () => {
    for (const run of runs) check.deepEqual(verdictOf(run, run.outputs), { kind: 'valid' })
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 })),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        ([batch, width], hidden, seed) => {
          const run = honestRun(int8Sample(batch, [width, hidden, 3]), seed)
          check.deepEqual(verdictOf(run, run.outputs), { kind: 'valid' })
        },
      ),
      { numRuns: 50 },
    )
  })

  it('finds one changed element and says where it is', () => {
    fc.assert(
      fc.property(
        fc.nat(1),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (which, op, at, by) => {
          const run = runs[which] as Run
          const { program } = run.named
          const opIndex = op % program.ops.length
          const type = valueTypes(program)[outputValue(program, opIndex)] as TensorType
          const element = at % elementCount(type.dims)
          const outputs = run.outputs.map((bytes) => bytes.slice())
          const bytes = outputs[opIndex] as Uint8Array
          const place = element * elementBytes(type.dtype)
          bytes[place] = (bytes[place] as number) ^ by
          check.deepEqual(verdictOf(run, outputs), { kind: 'invalid', opIndex, element })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('finds errors that cancel in a plain sum of the row', () => {
    const run = runs[0] as Run
    const outputs = run.outputs.map((bytes) => bytes.slice())
    const product = new Int32Array((outputs[0] as Uint8Array).buffer)
    product[2] = (product[2] as number) + 1000
    product[3] = (product[3] as number) - 1000
    check.deepEqual(verdictOf(run, outputs), { kind: 'invalid', opIndex: 0, element: 2 })
  })

  it('is exact at the ends of s8 and of depth', () => {
    const builder = new ProgramBuilder()
    const a = builder.input('a', { dtype: S8, dims: [2, 65_536] })
    builder.output('y', builder.op('matmul_s8', [a, a]))
    const named = builder.build()
    const extreme = new Uint8Array(2 * 65_536).fill(128)
    extreme.fill(127, 65_536)
    const y = Int32Array.of(
      2 ** 30,
      -(2 ** 30) + 128 * 65_536,
      -(2 ** 30) + 128 * 65_536,
      127 * 127 * 65_536,
    )
    const trace = { inputs: [extreme], weights: [], outputs: [new Uint8Array(y.buffer)] }
    check.deepEqual(foldVerify(named.program, trace, coins), { kind: 'valid' })
    y[3] = (y[3] as number) - 1
    check.deepEqual(foldVerify(named.program, trace, coins), {
      kind: 'invalid',
      opIndex: 0,
      element: 3,
    })
  })
})

describe('the coins of fold', () => {
  it('differ by secret, receipt and op, and lie in the field', () => {
    const drawn = [
      foldCoins(coins, 0, 9),
      foldCoins(coins, 1, 9),
      foldCoins({ ...coins, secret: new Uint8Array(32) }, 0, 9),
      foldCoins({ ...coins, receiptId: new Uint8Array(32) }, 0, 9),
    ]
    const texts = drawn.map((list) => toHex(new Uint8Array(list.buffer)))
    check.equal(new Set(texts).size, texts.length)
    for (const list of drawn) check.ok(list.every((coin) => coin < GOLDILOCKS))
  })

  it('do not depend on how many are drawn', () => {
    check.deepEqual(foldCoins(coins, 2, 30).slice(0, 7), foldCoins(coins, 2, 7))
  })
})
