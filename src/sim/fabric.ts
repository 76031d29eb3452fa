/**
 * Blobs, fabric and verification in virtual time, over the program floor's own evaluator: slow,
 * plain and exact, so that small programs run in a simulation as they would on a device.
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { blake3 } from '../base/hash.ts'
import { refusal } from '../base/refusal.ts'
import { hostEvents } from '../base/tensor-profile.ts'
import type { FabricJob, RunDone, RunOutcome } from '../compute/fabric.ts'
import type { Lanes, LaneVerdict, VerifyRequest } from '../compute/lanes.ts'
import { traceManifest } from '../compute/receipt-draft.ts'
import { outputDigestOf, tensorDigest } from '../program/digest.ts'
import { evaluate } from '../program/evaluate.ts'
import { buildFraudProof } from '../program/fraud.ts'
import { outputValue, producerOf, valueTypes } from '../program/ir.ts'
import { firstDifference } from '../program/tensor.ts'
import type { Program } from '../program/types.ts'
import type { Blobs } from '../runtime/ports.ts'

type Later = (label: string, delay: number, done: () => void) => void

/** Virtual milliseconds a run, a fetch and a verification take. */
const RUN_MS = 20
const FETCH_MS = 5
const VERIFY_MS = 10

/** Every node's blobs, by name; what one holds another can fetch while both live. */
export class SimBlobs {
  readonly #held = new Map<string, Map<string, Uint8Array>>()

  of(node: string): Map<string, Uint8Array> {
    const held = this.#held.get(node) ?? new Map<string, Uint8Array>()
    this.#held.set(node, held)
    return held
  }

  port(node: string, later: Later): Blobs {
    const mine = this.of(node)
    return {
      has: (digest) => mine.has(toHex(digest)),
      put: (bytes, done) => {
        const digest = blake3(bytes)
        mine.set(toHex(digest), bytes)
        later('blob put', 0, () => done(digest))
      },
      get: (digest, done) => later('blob get', 0, () => done(mine.get(toHex(digest)))),
      fetch: (digest, _length, peers, _deadline, done) =>
        later('blob fetch', FETCH_MS, () => {
          const found = this.find(toHex(digest), [node, ...peers])
          if (found !== undefined) mine.set(toHex(digest), found)
          done(found === undefined ? refusal('sim_blob_unavailable') : undefined)
        }),
      drop: (digest) => void mine.delete(toHex(digest)),
    }
  }

  find(digest: string, nodes: readonly string[]): Uint8Array | undefined {
    for (const node of nodes) {
      const bytes = this.#held.get(node)?.get(digest)
      if (bytes !== undefined) return bytes
    }
    return undefined
  }
}

/** What a provider does with an honest outcome: nothing, or worse. */
export type SimTamper = (program: Program, outputs: Uint8Array[]) => void

export interface SimFaults {
  readonly tamper?: SimTamper
  /** Never gives back the buffer of its first op. */
  readonly leaks?: boolean
}

export function simFabric(
  held: Map<string, Uint8Array>,
  later: Later,
  { tamper, leaks }: SimFaults,
): (job: FabricJob, done: (outcome: RunOutcome) => void) => void {
  return (job, done) =>
    later('fabric run', RUN_MS, () => {
      const outputs = runProgram(job.program, job.inputs, held)
      if (outputs === undefined) {
        done({ kind: 'failed', refusal: refusal('sim_blob_unavailable') })
        return
      }
      tamper?.(job.program, outputs)
      const outcome = outcomeOf(job.program, outputs, held)
      done(leaks === true ? { ...outcome, profile: outcome.profile.slice(0, -1) } : outcome)
    })
}

function outcomeOf(
  program: Program,
  outputs: readonly Uint8Array[],
  held: Map<string, Uint8Array>,
): RunDone {
  const opDigests = outputs.map((bytes) => {
    const digest = tensorDigest(bytes)
    held.set(toHex(digest), bytes)
    return digest
  })
  const profile = hostEvents(outputs.map(({ length }) => length))
  const manifest = traceManifest(opDigests)
  const manifestDigest = blake3(manifest)
  held.set(toHex(manifestDigest), manifest)
  return {
    kind: 'done',
    opDigests,
    outputs: program.outputs.map((value) => {
      const op = producerOf(program, value)
      return { digest: opDigests[op] as Uint8Array, lengthBytes: outputs[op]?.length ?? 0 }
    }),
    outputDigest: outputDigestOf(program, opDigests),
    manifestDigest,
    micros: RUN_MS * 1000,
    allocBytes: 0,
    freeBytes: 0,
    profile,
  }
}

function runProgram(
  program: Program,
  inputs: readonly Uint8Array[],
  held: ReadonlyMap<string, Uint8Array>,
): Uint8Array[] | undefined {
  const given = inputs.map((digest) => held.get(toHex(digest)))
  const weights = program.weights.map(({ digest }) => held.get(toHex(digest)))
  if ([...given, ...weights].some((bytes) => bytes === undefined)) return undefined
  return evaluate(program, given as Uint8Array[], weights as Uint8Array[])
}

/** Re-executes and compares; the first op that differs is shown by a fraud proof. */
export function simLanes(blobs: SimBlobs, node: string, later: Later): Lanes {
  return {
    verify: (request, done) => later('verify', VERIFY_MS, () => done(judge(request, blobs, node))),
  }
}

function judge(request: VerifyRequest, blobs: SimBlobs, node: string): LaneVerdict {
  const { program } = request
  const find = (digest: Uint8Array): Uint8Array | undefined =>
    blobs.find(toHex(digest), [node, ...request.peers])
  const manifest = find(request.manifestDigest)
  if (manifest === undefined) return { kind: 'unavailable', digest: request.manifestDigest }
  const opDigests = program.ops.map((_, index) => manifest.slice(32 * index, 32 * index + 32))
  const claimed = opDigests.map(find)
  const missing = claimed.indexOf(undefined)
  if (missing >= 0) return { kind: 'unavailable', digest: opDigests[missing] as Uint8Array }
  const given = [...request.inputs, ...program.weights.map(({ digest }) => digest)].map(find)
  if (given.some((bytes) => bytes === undefined)) {
    return { kind: 'failed', refusal: refusal('sim_blob_unavailable') }
  }
  const values = [...given, ...claimed] as Uint8Array[]
  const micros = VERIFY_MS * 1000
  const fault = firstFault(program, values)
  if (fault === undefined) return { kind: 'valid', micros }
  const bytesOf = (value: number): Uint8Array => values[value] as Uint8Array
  const data = { bytesOf, opDigests }
  const fraudProof = buildFraudProof(program, data, { kind: 'wrong_element', ...fault })
  return { kind: 'invalid', micros, ...fault, fraudProof }
}

/** The first op whose output does not follow from the values it was given. */
function firstFault(
  program: Program,
  values: readonly Uint8Array[],
): { readonly opIndex: number; readonly element: number } | undefined {
  const inputs = values.slice(0, program.inputs.length)
  const weights = values.slice(inputs.length, inputs.length + program.weights.length)
  const types = valueTypes(program)
  const honest = evaluate(program, inputs, weights)
  for (let opIndex = 0; opIndex < program.ops.length; opIndex++) {
    const value = outputValue(program, opIndex)
    const type = types[value]
    assert(type !== undefined, 'every value has a type')
    const element = firstDifference(
      type,
      honest[opIndex] as Uint8Array,
      values[value] as Uint8Array,
    )
    if (element >= 0) return { opIndex, element }
  }
  return undefined
}
