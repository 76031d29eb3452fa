/** Malformed nodes, hostile sizes, programs over their caps: each refused with a code and the op named. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'

import fc from 'fast-check'
import { encode } from '../../../src/base/codec.ts'
import { attempt, type Refusal } from '../../../src/base/refusal.ts'
import { intAttribute, ProgramBuilder } from '../../../src/program/builder.ts'
import {
  checkProgram,
  decodeProgram,
  OPS_MAX,
  PROGRAM_BYTES_MAX,
  ProgramCodec,
  WEIGHTS_MAX,
} from '../../../src/program/ir.ts'
import { OPS } from '../../../src/program/ops.ts'
import { REFUSALS } from '../../../src/program/refusals.ts'
import { TENSOR_ELEMENTS_MAX } from '../../../src/program/shape.ts'
import {
  F32,
  type OpNode,
  type Program,
  S8,
  S32,
  type TensorType,
} from '../../../src/program/types.ts'
import { outputType } from '../../../src/program/typing.ts'
import { type RefusedNode, refusalFile, refusedNodes } from '../../vectors/refusals/op-nodes.ts'
import { repositoryFile } from './files.ts'

function programOf({ id, version, attrs, args }: RefusedNode): Program {
  return {
    version: 1,
    inputs: args,
    weights: [],
    ops: [{ op: id, version, args: args.map((_, index) => index), attrs: attrs.map(BigInt) }],
    outputs: [args.length],
  }
}

function refusalOf(program: Program): Refusal | undefined {
  const outcome = attempt(() => checkProgram(program))
  return 'refused' in outcome ? outcome.refused : undefined
}

const RELU = 40
const x: TensorType = { dtype: F32, dims: [3] }

function chainOf(count: number): Program {
  return {
    version: 1,
    inputs: [x],
    weights: [],
    ops: Array.from({ length: count }, (_, index) => ({
      op: RELU,
      version: 1,
      args: [index],
      attrs: [],
    })),
    outputs: [count],
  }
}

describe('a malformed node', () => {
  it('stands in the committed file', () => {
    const path = repositoryFile('test/vectors/refusals/op-nodes.json')
    check.equal(readFileSync(path, 'utf8'), refusalFile())
  })

  it('is refused with its code, and by place and name', () => {
    for (const node of refusedNodes()) {
      const found = refusalOf(programOf(node))
      check.equal(found?.code, node.code, JSON.stringify(node))
      check.ok(node.code in REFUSALS)
      const isGiven = found.facts['value'] !== undefined && found.facts['opIndex'] === undefined
      if (isGiven) continue
      check.equal(found.facts['opIndex'], 0)
      check.equal(
        found.facts['op'],
        node.code === 'op_unknown' || node.code === 'op_version_unknown' ? node.id : node.op,
      )
    }
  })

  it('is not taken by the builder either', () => {
    for (const node of refusedNodes().filter(({ op }) => op !== '')) {
      const builder = new ProgramBuilder()
      const outcome = attempt(() => {
        const handles = node.args.map((type, index) => builder.input(`x${index}`, type))
        return builder.op(node.op, handles, node.attrs.map(BigInt))
      })
      if (node.version === 1) check.ok('refused' in outcome && outcome.refused.code === node.code)
    }
  })
})

describe('a program', () => {
  it('of a million nodes is refused, encoded or not', () => {
    const found = refusalOf(chainOf(1_000_000))
    check.equal(found?.code, 'program_entries_exceeded')
    check.deepEqual(found.facts, { what: 'ops', count: 1_000_000, countMax: OPS_MAX })
    const bytes = attempt(() => decodeProgram(new Uint8Array(50_000_000)))
    check.ok('refused' in bytes && bytes.refused.code === 'program_oversized')
  })

  it('has at most so many entries of each kind, and that many are taken', () => {
    check.equal(refusalOf(chainOf(OPS_MAX)), undefined)
    check.equal(refusalOf(chainOf(OPS_MAX + 1))?.code, 'program_entries_exceeded')
    const weights = Array.from({ length: WEIGHTS_MAX + 1 }, () => ({
      type: x,
      digest: new Uint8Array(32),
    }))
    const found = refusalOf({ ...chainOf(1), weights })
    check.equal(found?.facts['what'], 'weights')
  })

  it('names the op that is wrong, wherever it stands', () => {
    const sound = chainOf(6)
    const wrong: OpNode = { op: 103, version: 1, args: [2], attrs: [5n, ...Array(7).fill(0n)] }
    const found = refusalOf({ ...sound, ops: sound.ops.with(3, wrong) })
    check.equal(found?.code, 'shape_mismatch')
    check.deepEqual([found.facts['opIndex'], found.facts['op']], [3, 'reshape_f32'])
  })

  it('takes no more work than costs can count', () => {
    const side = 23_000
    const program: Program = {
      version: 1,
      inputs: [
        { dtype: S8, dims: [1, 2 * side, 2 * side, 1] },
        { dtype: S8, dims: [1, side, side, 1] },
      ],
      weights: [],
      ops: [
        { op: 5, version: 1, args: [0, 1], attrs: [1, 1, 0, 0, 0, 0, 1, 1, 1].map(intAttribute) },
      ],
      outputs: [2],
    }
    check.equal(refusalOf(program)?.code, 'matmul_depth_exceeded')
    const pool: Program = {
      ...program,
      inputs: [{ dtype: F32, dims: [1, 40_000, 20_000, 1] }],
      ops: [
        {
          op: 90,
          version: 1,
          args: [0],
          attrs: [20_000, 10_000, 1, 1, 0, 0, 0, 0].map(intAttribute),
        },
      ],
      outputs: [1],
    }
    const found = refusalOf(pool)
    check.equal(found?.code, 'program_work_exceeded')
    check.deepEqual([found.facts['opIndex'], found.facts['op']], [0, 'maxpool2d_f32'])
  })

  it('fits its encoding whatever it holds, or is refused', () => {
    const many = Array.from({ length: 4000 }, () => ({
      op: 110,
      version: 1,
      args: [0],
      attrs: Array.from({ length: 16 }, () => 0n),
    }))
    const program = { ...chainOf(1), ops: many, outputs: [4000] }
    check.ok(encode(ProgramCodec, program).length > PROGRAM_BYTES_MAX)
    const outcome = attempt(() => decodeProgram(encode(ProgramCodec, program)))
    check.ok('refused' in outcome && outcome.refused.code === 'program_oversized')
  })
})

describe('every op', () => {
  it('gives a sound type or a coded refusal, whatever operands and attributes are', () => {
    const dims = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(65_536, 0x7fff_ffff, 0xffff_ffff)),
      { maxLength: 9 },
    )
    const type = fc.record({ dtype: fc.constantFrom(F32, F32, F32, S8, S32), dims })
    const attr = fc.oneof(
      fc.bigInt({ min: 0n, max: 9n }),
      fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
      fc.constantFrom(65_535n, 65_536n, 0x7f80_0000n, 0x3f80_0000n, 0xffff_ffff_ffff_ffffn),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...OPS),
        fc.array(type, { minLength: 3, maxLength: 3 }),
        fc.array(attr, { minLength: 16, maxLength: 16 }),
        (op, types, attrs) => {
          const outcome = attempt(() =>
            outputType(op, types.slice(0, op.arity), attrs.slice(0, op.attributes.length)),
          )
          if ('refused' in outcome) {
            check.ok(outcome.refused.code in REFUSALS)
            return
          }
          const { value: out } = outcome
          check.ok(out.dims.length >= 1 && out.dims.length <= 8)
          check.ok(out.dims.every((size) => Number.isSafeInteger(size) && size >= 1))
          check.ok(out.dims.reduce((product, size) => product * size, 1) <= TENSOR_ELEMENTS_MAX)
        },
      ),
      { numRuns: 20_000 },
    )
  })
})
