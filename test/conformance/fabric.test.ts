/** The CPU fabric computes BT-Num v1: golden vectors, and whatever programs fast-check draws. */

import { strict as check } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'

import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { blake3 } from '../../src/base/hash.ts'
import { type FoldCoins, foldVerify } from '../../src/compute/proof/fold.ts'
import { outputDigestOf } from '../../src/program/digest.ts'
import { evaluate } from '../../src/program/evaluate.ts'
import { checkProgram } from '../../src/program/ir.ts'
import { encodeOpTable } from '../../src/program/op-table.ts'
import type { Program, TensorType } from '../../src/program/types.ts'
import { addon, runNative } from '../unit/compute/native.ts'
import { repositoryFile } from '../unit/program/files.ts'
import {
  floatSample,
  honestRun,
  int8Sample,
  randomBytes,
  stream,
  trainingSample,
} from '../unit/program/samples.ts'
import { refusedNodes } from '../vectors/refusals/op-nodes.ts'

interface VectorTensor {
  readonly dtype: 'f32' | 's8' | 's32'
  readonly dims: readonly number[]
  readonly hex: string
}

interface Vector {
  readonly id: number
  readonly op: string
  readonly version: number
  readonly attrs: readonly string[]
  readonly args: readonly VectorTensor[]
  readonly out: VectorTensor
}

/** What `fabricSupports` answers when there is no op that it does not support. */
const SUPPORTED = -1

const DTYPES = { f32: 1, s8: 2, s32: 3 } as const

function typeOf({ dtype, dims }: VectorTensor): TensorType {
  return { dtype: DTYPES[dtype], dims }
}

function programOf(vector: Vector): Program {
  return {
    version: 1,
    inputs: vector.args.map(typeOf),
    weights: [],
    ops: [
      {
        op: vector.id,
        version: vector.version,
        args: vector.args.map((_, index) => index),
        attrs: vector.attrs.map(BigInt),
      },
    ],
    outputs: [vector.args.length],
  }
}

const FILES: readonly string[] = readdirSync(repositoryFile('test/vectors/program')).filter(
  (name) => name.endsWith('.json') && name !== 'digests.json',
)

describe('the CPU fabric', () => {
  for (const file of FILES) {
    it(`meets every golden vector of ${file}`, async () => {
      const text = readFileSync(repositoryFile(`test/vectors/program/${file}`), 'utf8')
      const vectors = JSON.parse(text) as readonly Vector[]
      check.ok(vectors.length > 0)
      for (const [index, vector] of vectors.entries()) {
        const given = vector.args.map(({ hex }) => Buffer.from(hex, 'hex'))
        const run = await runNative(programOf(vector), given)
        check.ok(run.kind === 'done')
        check.equal(toHex(run.outputs[0] as Uint8Array), vector.out.hex, `vector ${index}`)
      }
    })
  }

  for (const [name, make] of [
    ['an int8 network', int8Sample],
    ['a float network', floatSample],
    ['a training step', trainingSample],
  ] as const) {
    it(`runs ${name} as the evaluator does, and digests what it made`, async () => {
      const honest = honestRun(make(), 5)
      const { program } = honest.named
      const run = await runNative(program, [...honest.inputs, ...honest.named.weights])
      check.ok(run.kind === 'done')
      check.deepEqual(run.outputs.map(toHex), honest.outputs.map(toHex))
      const digests = honest.outputs.map((bytes) => blake3(bytes))
      check.deepEqual(run.opDigests.map(toHex), digests.map(toHex))
      check.equal(toHex(run.outputDigest), toHex(outputDigestOf(program, digests)))
      check.equal(run.allocBytes, run.freeBytes)
    })
  }

  it('refuses every malformed node that the program floor refuses', () => {
    for (const node of refusedNodes()) {
      const program: Program = {
        version: 1,
        inputs: node.args,
        weights: [],
        ops: [
          {
            op: node.id,
            version: node.version,
            args: node.args.map((_, index) => index),
            attrs: node.attrs.map(BigInt),
          },
        ],
        outputs: [node.args.length],
      }
      const table = encodeOpTable(program, [...node.args, node.out])
      check.notEqual(addon().fabricSupports(table), SUPPORTED, JSON.stringify(node))
    }
  })

  it('equals the evaluator on random chains of ops over random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fc.integer(), async (program, seed) => {
        checkProgram(program)
        const inputs = rawBytes(program, seed)
        const run = await runNative(program, inputs)
        check.ok(run.kind === 'done')
        const expected = evaluate(program, inputs, [])
        check.deepEqual(run.outputs.map(toHex), expected.map(toHex))
      }),
      { numRuns: 60 },
    )
  })
})

describe('the native fold', () => {
  it('agrees with its TypeScript twin on honest and falsified runs', () => {
    const honest = honestRun(int8Sample(9, [70, 40, 10]), 3)
    const { program, weights } = honest.named
    const coins: FoldCoins = {
      secret: blake3(new Uint8Array([1])),
      receiptId: blake3(new Uint8Array([2])),
    }
    const trial = fc.record({
      op: fc.nat(program.ops.length),
      at: fc.nat(),
      flip: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(trial, ({ op, at, flip }) => {
        const outputs = honest.outputs.map((bytes) => bytes.slice())
        const target = outputs[op]
        if (target !== undefined) {
          const byte = at % target.length
          target[byte] = (target[byte] as number) ^ flip
        }
        const values = [...honest.inputs, ...weights, ...outputs]
        const native = addon().foldVerify(
          encodeOpTable(program),
          values,
          coins.secret,
          coins.receiptId,
          2,
        )
        const twin = foldVerify(program, { inputs: honest.inputs, weights, outputs }, coins)
        check.equal(native.valid, twin.kind === 'valid')
        check.equal(native.valid, target === undefined)
        if (twin.kind === 'invalid') {
          check.deepEqual([native.opIndex, native.element], [twin.opIndex, twin.element])
        }
        check.deepEqual(
          native.digests.map(toHex),
          values.map((bytes) => toHex(blake3(bytes))),
        )
      }),
      { numRuns: 80 },
    )
  })

  it('refuses malformed calls and stays alive', () => {
    const native = addon()
    const table = encodeOpTable(int8Sample().program)
    const secret = new Uint8Array(32)
    check.throws(() => native.foldVerify(table, [], secret, secret, 1), TypeError)
    check.throws(() => native.foldVerify(table.subarray(1), [], secret, secret, 1), TypeError)
    check.throws(() => native.foldVerify(table, [], new Uint8Array(31), secret, 1), TypeError)
    check.throws(() => native.blake3('text' as unknown as Uint8Array), TypeError)
    check.throws(() => native.blake3(secret, new Uint8Array(31)), TypeError)
    check.equal(native.fabricSupports(table), -1)
    check.equal(native.fabricSupports(new Uint8Array(40)), -2)
  })
})

/** Two inputs of any bytes, then float ops that keep the shape, each on earlier values. */
const chains: fc.Arbitrary<Program> = fc
  .record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 140 }),
    ops: fc.array(
      fc.record({ pick: fc.nat(8), left: fc.nat(), right: fc.nat(), word: fc.nat(0x7f7f_ffff) }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ rows, columns, ops }) => {
    const type: TensorType = { dtype: DTYPES.f32, dims: [rows, columns] }
    const nodes = ops.map(({ pick, left, right, word }, index) => {
      const values = 2 + index
      const pair = [left % values, right % values]
      const one = [left % values]
      const attr = [BigInt(word)]
      const table = [
        { op: 10, args: pair, attrs: [] },
        { op: 11, args: pair, attrs: [] },
        { op: 12, args: pair, attrs: [] },
        { op: 13, args: one, attrs: attr },
        { op: 40, args: one, attrs: [] },
        { op: 42, args: pair, attrs: [] },
        { op: 50, args: one, attrs: [] },
        { op: 80, args: pair, attrs: attr },
        { op: 10, args: [left % values, left % values], attrs: [] },
      ]
      return { version: 1, ...(table[pick] as (typeof table)[number]) }
    })
    const outputs = nodes.map((_, index) => 2 + index).slice(-1)
    return { version: 1, inputs: [type, type], weights: [], ops: nodes, outputs }
  })
  .filter((program) => isSound(program))

/** Unused inputs and ops are refused by the program floor. */
function isSound(program: Program): boolean {
  try {
    checkProgram(program)
    return true
  } catch {
    return false
  }
}

/** Half ordinary numbers, half any bits. */
function rawBytes(program: Program, seed: number): Uint8Array[] {
  const next = stream(seed)
  return program.inputs.map((type) => {
    const bytes = randomBytes(type, next)
    const words = new Uint32Array(bytes.buffer)
    for (let index = 0; index < words.length; index += 2) {
      words[index] = Math.trunc((next() + 1) * 2 ** 31)
    }
    return bytes
  })
}
