/** Fraud proofs: every falsified element convicts, and nothing convicts an honest provider. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'
import { encode } from '../../../src/base/codec.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { attempt } from '../../../src/base/refusal.ts'
import { ProgramBuilder } from '../../../src/program/builder.ts'
import { opCosts } from '../../../src/program/cost.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import {
  adjudicate,
  buildFraudProof,
  decodeFraudProof,
  FraudProofCodec,
} from '../../../src/program/fraud.ts'
import { outputValue, valueTypes } from '../../../src/program/ir.ts'
import { FRAUD_PROOF_BYTES_MAX } from '../../../src/program/openings.ts'
import { elementBytes, elementCount } from '../../../src/program/shape.ts'
import { tracePath, traceRoot, verifyTracePath } from '../../../src/program/trace.ts'
import { F32, S8, type TensorType } from '../../../src/program/types.ts'
import { floatSample, honestRun, int8Sample, publish, type Run, trainingSample } from './samples.ts'

const runs: readonly Run[] = [int8Sample(), floatSample(), trainingSample()].map((named, index) =>
  honestRun(named, 100 + index),
)

function outputType({ named: { program } }: Run, opIndex: number): TensorType {
  return valueTypes(program)[outputValue(program, opIndex)] as TensorType
}

/** The run with one element of one op output changed, and everything after it as the cheat likes. */
function falsified(run: Run, opIndex: number, element: number): Uint8Array[] {
  const outputs = run.outputs.map((bytes) => bytes.slice())
  const width = elementBytes(outputType(run, opIndex).dtype)
  const bytes = outputs[opIndex] as Uint8Array
  const at = element * width + width - 1
  bytes[at] = (bytes[at] as number) ^ 0x01
  return outputs
}

const place = fc
  .integer({ min: 0, max: runs.length - 1 })
  .chain((which) =>
    fc.tuple(fc.constant(which), fc.nat((runs[which] as Run).outputs.length - 1), fc.nat()),
  )
  .map(([which, opIndex, pick]) => {
    const run = runs[which] as Run
    return { run, opIndex, element: pick % elementCount(outputType(run, opIndex).dims) }
  })

describe('a fraud proof', () => {
  it('convicts whoever falsified any element of any op', () => {
    fc.assert(
      fc.property(place, ({ run, opIndex, element }) => {
        const { statement, data } = publish(run, falsified(run, opIndex, element))
        const fault = { kind: 'wrong_element', opIndex, element } as const
        const proof = buildFraudProof(run.named.program, data, fault)
        check.ok(proof.length <= FRAUD_PROOF_BYTES_MAX)
        check.ok(proof.length <= (opCosts(run.named.program)[opIndex]?.openingBytes ?? 0))
        check.deepEqual(adjudicate(run.named.program, statement, proof), {
          guilty: true,
          reason: 'wrong_element',
        })
      }),
      { numRuns: 300 },
    )
  })

  it('never convicts an honest provider', () => {
    fc.assert(
      fc.property(place, ({ run, opIndex, element }) => {
        const { statement, data } = publish(run, run.outputs)
        for (const kind of ['wrong_element', 'non_canonical'] as const) {
          const proof = buildFraudProof(run.named.program, data, { kind, opIndex, element })
          check.equal(adjudicate(run.named.program, statement, proof).guilty, false)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('never convicts with a byte changed, cut or added', () => {
    fc.assert(
      fc.property(place, fc.nat(), fc.integer({ min: 1, max: 255 }), (where, at, by) => {
        const { run, opIndex, element } = where
        const { statement, data } = publish(run, run.outputs)
        const fault = { kind: 'wrong_element', opIndex, element } as const
        const proof = buildFraudProof(run.named.program, data, fault)
        const changed = proof.slice()
        const index = at % changed.length
        changed[index] = (changed[index] as number) ^ by
        for (const bytes of [
          changed,
          proof.slice(0, at % proof.length),
          Uint8Array.from([...proof, 0]),
        ]) {
          check.equal(adjudicate(run.named.program, statement, bytes).guilty, false)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('takes any bytes without throwing', () => {
    const run = runs[0] as Run
    const { statement } = publish(run, run.outputs)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        check.equal(adjudicate(run.named.program, statement, bytes).guilty, false)
      }),
    )
  })

  it('convicts of an element that no op could have stored', () => {
    const run = runs[1] as Run
    for (const bits of [0x80000000, 0x00000001, 0x7fc00001, 0xffc00000, 0x0bffffff]) {
      const outputs = run.outputs.map((bytes) => bytes.slice())
      const first = outputs[0] as Uint8Array
      new DataView(first.buffer, first.byteOffset).setUint32(8, bits, true)
      const { statement, data } = publish(run, outputs)
      const fault = { kind: 'non_canonical', opIndex: 0, element: 2 } as const
      const proof = buildFraudProof(run.named.program, data, fault)
      check.ok(proof.length < 2048)
      check.deepEqual(adjudicate(run.named.program, statement, proof), {
        guilty: true,
        reason: 'non_canonical',
      })
    }
  })

  it('convicts of an output digest that is not that of the output ops', () => {
    for (const run of runs) {
      const { statement, data } = publish(run, run.outputs)
      const proof = buildFraudProof(run.named.program, data, { kind: 'wrong_output' })
      check.deepEqual(adjudicate(run.named.program, statement, proof), {
        guilty: false,
        reason: 'output_is_right',
      })
      const lie = { ...statement, outputDigest: blake3(Uint8Array.of(1)) }
      check.deepEqual(adjudicate(run.named.program, lie, proof), {
        guilty: true,
        reason: 'wrong_output',
      })
    }
  })

  it('says why it does not convict', () => {
    const run = runs[0] as Run
    const { statement, data } = publish(run, run.outputs)
    const { program } = run.named
    const fault = { kind: 'wrong_element', opIndex: 0, element: 3 } as const
    const proof = decodeFraudProof(buildFraudProof(program, data, fault))
    const reasonOf = (changed: Partial<typeof proof>): string =>
      adjudicate(program, statement, encode(FraudProofCodec, { ...proof, ...changed })).reason
    check.equal(reasonOf({}), 'element_is_right')
    check.equal(reasonOf({ kind: 9 }), 'proof_malformed')
    check.equal(reasonOf({ opIndex: 400 }), 'element_out_of_range')
    check.equal(reasonOf({ element: 0xffffffff }), 'element_out_of_range')
    check.equal(reasonOf({ openings: proof.openings.slice(1) }), 'proof_malformed')
    check.equal(reasonOf({ openings: [...proof.openings].reverse() }), 'proof_malformed')
    check.equal(reasonOf({ leaves: [] }), 'proof_malformed')
    const [leaf] = proof.leaves
    check.ok(leaf !== undefined)
    check.equal(reasonOf({ leaves: [{ ...leaf, opIndex: 1 }] }), 'leaf_not_in_trace')
    check.equal(reasonOf({ leaves: [{ ...leaf, path: leaf.path.slice(1) }] }), 'leaf_not_in_trace')
    const forged = proof.openings.map((opening) => ({ ...opening, chunks: new Uint8Array(1) }))
    check.equal(reasonOf({ openings: forged }), 'slice_not_in_value')
  })

  it('works on blobs of many chunks and on a product of a matrix with itself', () => {
    const builder = new ProgramBuilder()
    const x = builder.input('x', { dtype: S8, dims: [60, 1500] })
    const f = builder.input('f', { dtype: F32, dims: [300, 70] })
    builder.output('gram', builder.op('matmul_s8', [x, x]))
    builder.output('sums', builder.op('sum_last_f32', [builder.op('transpose_f32', [f])]))
    const run = honestRun(builder.build(), 9)
    for (const [opIndex, element] of [
      [0, 61 * 17 + 5],
      [0, 61 * 4],
      [1, 20_999],
      [2, 69],
    ] as const) {
      const { statement, data } = publish(run, falsified(run, opIndex, element))
      const proof = buildFraudProof(run.named.program, data, {
        kind: 'wrong_element',
        opIndex,
        element,
      })
      check.equal(adjudicate(run.named.program, statement, proof).guilty, true)
    }
  })

  it('is refused where one element needs more than a proof may hold', () => {
    const builder = new ProgramBuilder()
    const x = builder.input('x', { dtype: F32, dims: [60, 300] })
    builder.output('y', builder.op('sum_rows_f32', [x]))
    const run = honestRun(builder.build(), 2)
    const { data } = publish(run, run.outputs)
    const outcome = attempt(() =>
      buildFraudProof(run.named.program, data, { kind: 'wrong_element', opIndex: 0, element: 0 }),
    )
    check.ok('refused' in outcome && outcome.refused.code === 'opening_too_large')
  })

  it('convicts of an output that was computed from other inputs', () => {
    const run = runs[0] as Run
    const other = run.inputs.map((bytes) => bytes.map((byte) => byte ^ 1))
    const outputs = evaluate(run.named.program, other, run.named.weights)
    const { statement, data } = publish(run, outputs)
    const fault = { kind: 'wrong_element', opIndex: 0, element: 0 } as const
    const proof = buildFraudProof(run.named.program, data, fault)
    check.equal(adjudicate(run.named.program, statement, proof).guilty, true)
  })
})

describe('the trace root', () => {
  it('proves every op output and nothing else, for any number of ops', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (count, pick, other) => {
        const digests = Array.from({ length: count }, (_, index) => blake3(Uint8Array.of(index)))
        const root = traceRoot(digests)
        const opIndex = pick % count
        const digest = digests[opIndex] as Uint8Array
        const path = tracePath(digests, opIndex)
        check.ok(verifyTracePath(root, count, opIndex, digest, path))
        check.ok(!verifyTracePath(root, count, opIndex, blake3(digest), path))
        const elsewhere = other % count
        if (elsewhere !== opIndex) {
          check.ok(!verifyTracePath(root, count, elsewhere, digest, path))
        }
        check.ok(!verifyTracePath(root, count, count, digest, path))
      }),
    )
  })
})
