/** The program encoding: one encoding each, and a coded refusal for everything that is no program. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { encode } from '../../../src/base/codec.ts'
import { attempt } from '../../../src/base/refusal.ts'
import { f32Attribute, ProgramBuilder } from '../../../src/program/builder.ts'
import { admits, programCost } from '../../../src/program/cost.ts'
import {
  checkProgram,
  decodeProgram,
  encodeProgram,
  PROGRAM_BYTES_MAX,
  ProgramCodec,
} from '../../../src/program/ir.ts'
import { REFUSALS } from '../../../src/program/refusals.ts'
import { sgdStep } from '../../../src/program/train.ts'
import { F32, type OpNode, type Program, S8 } from '../../../src/program/types.ts'

const MATMUL_S8 = 2
const REQUANTISE = 30
const ARGMAX_S32 = 52

function node(op: number, args: readonly number[], attrs: readonly bigint[] = []): OpNode {
  return { op, version: 1, args, attrs }
}

/** x s8[4,8] and a weight s8[3,8] -> s32[4,3] -> s8 and argmax. */
const sound: Program = {
  version: 1,
  inputs: [{ dtype: S8, dims: [4, 8] }],
  weights: [{ type: { dtype: S8, dims: [3, 8] }, digest: new Uint8Array(32).fill(7) }],
  ops: [
    node(MATMUL_S8, [0, 1]),
    node(REQUANTISE, [2], [1_000_000n, 20n, 0n]),
    node(ARGMAX_S32, [2]),
  ],
  outputs: [3, 4],
}

function codeOf(program: Program): string {
  const outcome = attempt(() => checkProgram(program))
  return 'refused' in outcome ? outcome.refused.code : 'taken'
}

function withOps(...ops: readonly OpNode[]): Program {
  return { ...sound, ops }
}

describe('a program', () => {
  it('has one encoding and decodes to itself', () => {
    const bytes = encodeProgram(sound)
    check.deepEqual(decodeProgram(bytes), sound)
    check.deepEqual(encodeProgram(decodeProgram(bytes)), bytes)
  })

  it('is refused with the code of the rule it breaks', () => {
    const [product, narrowed, classes] = sound.ops as readonly [OpNode, OpNode, OpNode]
    const s8 = (...dims: number[]) => ({ dtype: S8, dims })
    const cases: readonly (readonly [string, Program])[] = [
      ['program_version_unknown', { ...sound, version: 2 }],
      ['op_unknown', withOps(node(9999, [0, 1]), narrowed, classes)],
      ['op_version_unknown', withOps({ ...product, version: 2 }, narrowed, classes)],
      ['op_arity', withOps(node(MATMUL_S8, [0]), narrowed, classes)],
      ['op_attributes', withOps(product, node(REQUANTISE, [2], [1n, 2n]), classes)],
      ['attribute_out_of_range', withOps(product, node(REQUANTISE, [2], [0n, 2n, 0n]), classes)],
      ['attribute_out_of_range', withOps(product, node(REQUANTISE, [2], [1n, 63n, 0n]), classes)],
      ['attribute_out_of_range', withOps(product, node(REQUANTISE, [2], [1n, 2n, 128n]), classes)],
      ['attribute_out_of_range', withOps(product, node(REQUANTISE, [2], [1n << 31n, 2n, 0n]))],
      ['forward_reference', withOps(node(MATMUL_S8, [0, 3]), narrowed, classes)],
      ['forward_reference', withOps(node(MATMUL_S8, [0, 2]), narrowed, classes)],
      ['dtype_mismatch', withOps(node(MATMUL_S8, [0, 1]), node(MATMUL_S8, [2, 1]), classes)],
      ['shape_mismatch', { ...sound, inputs: [s8(4, 9)] }],
      ['shape_rank', { ...sound, inputs: [s8(4, 8, 1)] }],
      ['shape_rank', { ...sound, inputs: [s8()] }],
      ['shape_empty', { ...sound, inputs: [s8(0, 8)] }],
      ['shape_overflow', { ...sound, inputs: [s8(0xffffffff, 0xffffffff, 0xffffffff)] }],
      ['dtype_unknown', { ...sound, inputs: [{ dtype: 4, dims: [4, 8] }] }],
      ['value_unused', { ...sound, outputs: [3] }],
      [
        'value_unused',
        {
          ...sound,
          inputs: [s8(4, 8), s8(3, 8)],
          ops: [node(MATMUL_S8, [0, 2]), node(ARGMAX_S32, [3])],
          outputs: [4],
        },
      ],
      ['outputs_missing', { ...sound, outputs: [] }],
      ['output_repeated', { ...sound, outputs: [3, 4, 3] }],
      ['output_not_computed', { ...sound, outputs: [3, 4, 0] }],
      ['output_not_computed', { ...sound, outputs: [3, 4, 5] }],
      ['output_not_computed', { ...sound, ops: [], outputs: [2] }],
      ['outputs_missing', { ...sound, ops: [], outputs: [] }],
    ]
    for (const [code, program] of cases) {
      check.equal(codeOf(program), code)
      check.ok(code in REFUSALS, `${code} is in the table`)
    }
  })

  it('cannot have an integer product so deep that it overflows', () => {
    const deep = (depth: number): Program => ({
      ...sound,
      inputs: [{ dtype: S8, dims: [1, depth] }],
      weights: [],
      ops: [node(MATMUL_S8, [0, 0])],
      outputs: [1],
    })
    check.equal(codeOf(deep(65_536)), 'taken')
    check.equal(codeOf(deep(65_537)), 'matmul_depth_exceeded')
  })

  it('cannot be larger than its limits', () => {
    const wide: Program = {
      ...sound,
      inputs: [{ dtype: S8, dims: [70_000, 1] }],
      weights: [],
      ops: [node(MATMUL_S8, [0, 0])],
      outputs: [1],
    }
    check.equal(codeOf(wide), 'shape_overflow')
    const large: Program = { ...wide, inputs: [{ dtype: S8, dims: [40_000, 1] }] }
    check.equal(codeOf(large), 'program_bytes_exceeded')
    const outcome = attempt(() => decodeProgram(new Uint8Array(PROGRAM_BYTES_MAX + 1)))
    check.ok('refused' in outcome && outcome.refused.code === 'program_oversized')
  })

  it('attributes that are numbers are finite, and a scale is positive and not tiny', () => {
    const scaled = (op: number, attrs: readonly bigint[]): Program => ({
      version: 1,
      inputs: [{ dtype: F32, dims: [4] }],
      weights: [],
      ops: [node(op, [0], attrs)],
      outputs: [1],
    })
    const SCALE = 13
    const QUANTISE = 31
    check.equal(codeOf(scaled(SCALE, [f32Attribute(-2)])), 'taken')
    for (const bits of [0x7f800000n, 0xff800000n, 0x7fc00000n, 1n << 32n]) {
      check.equal(codeOf(scaled(SCALE, [bits])), 'attribute_out_of_range')
    }
    check.equal(codeOf(scaled(QUANTISE, [f32Attribute(0.5), 0n])), 'taken')
    for (const bits of [0n, 1n, 0x0bffffffn, f32Attribute(-0.5)]) {
      check.equal(codeOf(scaled(QUANTISE, [bits, 0n])), 'attribute_out_of_range')
    }
  })

  it('is either refused with a code or is its own only encoding, whatever the bytes', () => {
    const base = encodeProgram(sound)
    const edits = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(edits, fc.nat(20), (changes, cut) => {
        const bytes = base.slice(0, base.length - (cut > 10 ? 0 : cut))
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        const outcome = attempt(() => decodeProgram(bytes))
        if ('value' in outcome) check.deepEqual(encodeProgram(outcome.value), bytes)
        else check.match(outcome.refused.code, /^[a-z][a-z0-9_]*$/)
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const outcome = attempt(() => decodeProgram(bytes))
        if ('value' in outcome) check.deepEqual(encodeProgram(outcome.value), bytes)
      }),
    )
  })

  it('refuses trailing bytes', () => {
    const bytes = Uint8Array.from([...encode(ProgramCodec, sound), 0])
    check.ok('refused' in attempt(() => decodeProgram(bytes)))
  })
})

describe('the cost of a program', () => {
  it('follows from its shapes', () => {
    const cost = programCost(sound)
    check.equal(cost.macs, 4 * 3 * 8)
    check.equal(cost.bytes, 32 + 24 + 48 + 12 + 16)
    check.ok(cost.units > 0 && cost.verify.fold.units > 0)
    check.equal(cost.verify.fold.bytes, 32 + 48 + 12 + 16 + 3 * 32)
  })

  it('makes fold cheaper than execution for large products', () => {
    const builder = new ProgramBuilder()
    const a = builder.input('a', { dtype: S8, dims: [1024, 1024] })
    const b = builder.input('b', { dtype: S8, dims: [1024, 1024] })
    builder.output('y', builder.op('matmul_s8', [a, b]))
    const cost = programCost(builder.build().program)
    check.ok(cost.verify.fold.units * 5 < cost.units)
  })

  it('admits programs whose elements can be opened, and says which op cannot', () => {
    check.equal(admits(sound, 'fold'), null)
    check.equal(admits(sound, 'replay'), null)
    check.equal(admits(sound, 'succinct')?.code, 'verification_unavailable')
    const { program } = sgdStep({ batch: 64, widths: [784, 128, 10], learningRate: 0.1 })
    check.equal(admits(program, 'replay'), null)
    const builder = new ProgramBuilder()
    const wide = builder.input('wide', { dtype: F32, dims: [2, 9000] })
    builder.output('y', builder.op('softmax_f32', [builder.op('relu_f32', [wide])]))
    const refused = admits(builder.build().program, 'replay')
    check.equal(refused?.code, 'opening_too_large')
    check.deepEqual([refused?.facts['opIndex'], refused?.facts['op']], [1, 'softmax_f32'])
  })

  it('is found without walking what it counts', () => {
    const builder = new ProgramBuilder()
    const tall = builder.input('tall', { dtype: F32, dims: [100_000_000, 2] })
    builder.output('y', builder.op('sum_rows_f32', [tall]))
    check.equal(admits(builder.build().program, 'replay')?.code, 'opening_too_large')
  })

  it('is whole numbers', () => {
    const integers: Program = { ...sound, inputs: [{ dtype: S8, dims: [5, 8] }] }
    for (const value of [programCost(integers).units, programCost(integers).verify.replay.units]) {
      check.ok(Number.isSafeInteger(value))
    }
  })
})
