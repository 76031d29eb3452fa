/**
 * What a lab log is made of: subjects, and the bits that one fabric computes for one subject.
 *
 *   a program with its inputs and weights --.                     .--> op digests, output digest,
 *   all golden vectors of one op           --+--> device, loops --+    profile epoch
 *
 * A subject is named by digests alone, so that anybody who has the bytes can run it again.
 */

import { concatBytes } from '../../base/bytes.ts'
import { blake3 } from '../../base/hash.ts'
import { type AllocationEvent, profileOf } from '../../base/tensor-profile.ts'
import { outputDigestOf, tensorDigest } from '../../program/digest.ts'
import { evaluate } from '../../program/evaluate.ts'
import { encodeProgram, programDigest } from '../../program/ir.ts'
import { outputOps } from '../../program/op-table.ts'
import type { Program } from '../../program/types.ts'
import type { FabricDevice } from './fabric-device.ts'
import type { GoldenSuite } from './golden-vectors.ts'

/** What a fabric has made of a subject. */
export interface LabBits {
  readonly ops: readonly Uint8Array[]
  readonly outputDigest: Uint8Array
  readonly profileEpoch: Uint8Array | null
}

export interface LabSubject {
  readonly name: string
  readonly covers: 'program' | 'vectors'
  readonly program: Uint8Array
  readonly inputs: readonly Uint8Array[]
  readonly outputs: readonly number[]
  /** @throws RefusalError fabric_refused | fabric_crashed */
  readonly run: (compute: Compute) => Promise<LabBits>
}

/** Runs a checked program. @param given inputs, then weights */
export type Compute = (program: Program, given: readonly Uint8Array[]) => Promise<Run>

interface Run {
  /** BLAKE3 of each op output, in program order. */
  readonly opDigests: readonly Uint8Array[]
  /** Absent where nobody counts allocations. */
  readonly profile?: readonly AllocationEvent[]
}

export function onDevice(device: FabricDevice): Compute {
  return (program, given) => device.run(program, given)
}

/** The loops of the specification, in this process. */
export const byReference: Compute = (program, given) => {
  const inputs = given.slice(0, program.inputs.length)
  const made = evaluate(program, inputs, given.slice(program.inputs.length))
  return Promise.resolve({ opDigests: made.map(tensorDigest) })
}

/** @param inputs and weights as long as their types say, the weights with their digests */
export function programSubject(
  name: string,
  program: Program,
  inputs: readonly Uint8Array[],
  weights: readonly Uint8Array[],
): LabSubject {
  return {
    name,
    covers: 'program',
    program: programDigest(encodeProgram(program)),
    inputs: inputs.map(tensorDigest),
    outputs: outputOps(program),
    run: async (compute) => {
      const { opDigests, profile } = await compute(program, [...inputs, ...weights])
      return {
        ops: opDigests,
        outputDigest: outputDigestOf(program, opDigests),
        profileEpoch: profile === undefined ? null : profileOf(profile).epoch,
      }
    },
  }
}

/** All golden vectors of an op as one subject. */
export function vectorsSubject({ op, vectors }: GoldenSuite): LabSubject {
  const programs = vectors.map(({ program }) => programDigest(encodeProgram(program)))
  const operands = vectors.flatMap(({ given }) => given.map(tensorDigest))
  return {
    name: `vectors/${op}`,
    covers: 'vectors',
    program: blake3(concatBytes(...programs)),
    inputs: [blake3(concatBytes(...operands))],
    outputs: [],
    run: async (compute) => {
      const results: Uint8Array[] = []
      for (const { program, given } of vectors) {
        results.push(...(await compute(program, given)).opDigests)
      }
      return { ops: [], outputDigest: blake3(concatBytes(...results)), profileEpoch: null }
    },
  }
}
