/** Small honest runs for the tests of traces, fraud proofs and the fold verifier. */

import { blake3 } from '../../../src/base/hash.ts'
import type { NamedProgram } from '../../../src/program/builder.ts'
import { outputDigestOf } from '../../../src/program/digest.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import type { Statement, TraceData } from '../../../src/program/fraud.ts'
import { floatMlp, int8Mlp } from '../../../src/program/networks.ts'
import { elementCount } from '../../../src/program/shape.ts'
import { traceRoot } from '../../../src/program/trace.ts'
import { sgdStep } from '../../../src/program/train.ts'
import { F32, type TensorType } from '../../../src/program/types.ts'

/** A seeded stream of numbers in [-1, 1). */
export function stream(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 31 - 1
  }
}

export function randomBytes(type: TensorType, next: () => number): Uint8Array {
  const count = elementCount(type.dims)
  if (type.dtype === F32) {
    return new Uint8Array(Float32Array.from({ length: count }, next).buffer)
  }
  return new Uint8Array(Int8Array.from({ length: count }, () => Math.trunc(next() * 128)).buffer)
}

export interface Run {
  readonly named: NamedProgram
  readonly inputs: readonly Uint8Array[]
  readonly outputs: readonly Uint8Array[]
}

export function honestRun(named: NamedProgram, seed: number): Run {
  const next = stream(seed)
  const inputs = named.program.inputs.map((type) => randomBytes(type, next))
  return { named, inputs, outputs: evaluate(named.program, inputs, named.weights) }
}

/** What a provider that serves `outputs` signs and gives out, whether they are right or not. */
export function publish(
  { named, inputs }: Run,
  outputs: readonly Uint8Array[],
): { readonly statement: Statement; readonly data: TraceData } {
  const opDigests = outputs.map((bytes) => blake3(bytes))
  const values = [...inputs, ...named.weights, ...outputs]
  return {
    statement: {
      inputDigests: inputs.map((bytes) => blake3(bytes)),
      outputDigest: outputDigestOf(named.program, opDigests),
      traceRoot: traceRoot(opDigests),
    },
    data: { opDigests, bytesOf: (value) => values[value] as Uint8Array },
  }
}

export function int8Sample(batch = 5, widths: readonly number[] = [37, 19, 10]): NamedProgram {
  const next = stream(11)
  return int8Mlp(
    batch,
    widths.slice(1).map((outputs, index) => {
      const inputs = widths[index] as number
      return {
        inputs,
        outputs,
        weights: Int8Array.from({ length: inputs * outputs }, () => Math.trunc(next() * 128)),
        bias: Int32Array.from({ length: outputs }, () => Math.trunc(next() * 5000)),
        multiplier: 1_400_000_000,
        shift: 39,
      }
    }),
  )
}

export function floatSample(batch = 4, widths: readonly number[] = [33, 20, 10]): NamedProgram {
  const next = stream(12)
  return floatMlp(
    batch,
    widths.slice(1).map((outputs, index) => {
      const inputs = widths[index] as number
      return {
        inputs,
        outputs,
        weights: Float32Array.from({ length: inputs * outputs }, next),
        bias: Float32Array.from({ length: outputs }, next),
      }
    }),
  )
}

export function trainingSample(): NamedProgram {
  return sgdStep({ batch: 6, widths: [12, 9, 5], learningRate: 0.125 })
}
