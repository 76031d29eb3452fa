/**
 * Entry of the verifier's process: folds and re-executes natively, and turns a rejection into a
 * fraud proof that everybody can judge.
 *
 *   manifest -> is it the trace that was signed? -> every op right? -> verdict
 *
 * One request at a time; a fold blocks this process, which does nothing else. The clock of a
 * verdict runs from data in memory to the answer, hashing included.
 */

import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { installHash } from '../../base/hash.ts'
import { outputDigestOf } from '../../program/digest.ts'
import { adjudicate, buildFraudProof, type Fault } from '../../program/fraud.ts'
import { decodeProgram } from '../../program/ir.ts'
import { givenBytes, opOutputBytes } from '../../program/op-table.ts'
import { elementBytes } from '../../program/shape.ts'
import { traceRoot } from '../../program/trace.ts'
import type { Program } from '../../program/types.ts'
import { loadAddon, type NativeAddon, type NativeRun } from '../../runtime/io/native-addon.ts'
import { nativeHash } from '../../runtime/io/native-hash.ts'
import type { FabricChildConfig, FromVerifier, VerifyMessage } from '../child-messages.ts'
import type { Wanted } from '../gather.ts'
import { readBlobFile } from './blob-files.ts'

function say(message: FromVerifier): void {
  process.send?.(message)
}

/** What is being verified, read and decoded. */
interface Case {
  readonly addon: NativeAddon
  readonly config: FabricChildConfig
  readonly message: VerifyMessage
  readonly program: Program
  /** Inputs and weights. */
  readonly given: readonly Wanted[]
  readonly opBytes: readonly number[]
}

/** Leaves a verification that cannot go on without this blob. */
class BlobLacking extends Error {
  readonly blob: Wanted
  /** False when it is here and whole, and not what was signed. */
  readonly isToFetch: boolean

  constructor(blob: Wanted, isToFetch: boolean) {
    super('a blob is lacking')
    this.blob = blob
    this.isToFetch = isToFetch
  }
}

function main(config: FabricChildConfig): void {
  // At once: an orderly exit would wait for kernels that nobody waits for any more.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  const addon = loadAddon(config.addonPath)
  installHash(nativeHash(addon))
  const facts = addon.openFabric(config.fabricPath, JSON.stringify({ threads: config.threads }))
  if ('refused' in facts) {
    say({ kind: 'unusable', reason: facts.refused })
    return
  }
  process.on('message', (message: VerifyMessage) => {
    verify(caseOf(addon, config, message)).then(say, (error: unknown) => {
      if (!(error instanceof BlobLacking)) throw error
      const { blob, isToFetch } = error
      say({ kind: 'lacks', requestId: message.requestId, blob, isToFetch })
    })
  })
  say({ kind: 'ready' })
}

function caseOf(addon: NativeAddon, config: FabricChildConfig, message: VerifyMessage): Case {
  const program = decodeProgram(message.programBytes)
  const lengths = givenBytes(program)
  const digests = [...message.inputDigests, ...program.weights.map(({ digest }) => digest)]
  assert(digests.length === lengths.length, 'every input of the program is named')
  const given = digests.map((digest, value) => ({ digest, lengthBytes: lengths[value] as number }))
  return { addon, config, message, program, given, opBytes: opOutputBytes(program) }
}

/** The bytes of a blob; those of the right length only. */
function read({ config }: Case, blob: Wanted): Uint8Array {
  const bytes = readBlobFile(config.blobFolder, blob.digest)
  if (bytes === undefined || bytes.length !== blob.lengthBytes) throw new BlobLacking(blob, true)
  return bytes
}

/** Digests of all op outputs, as the provider states them. */
function readManifest(trial: Case): Uint8Array[] {
  const lengthBytes = 32 * trial.program.ops.length
  const blob = { digest: trial.message.manifestDigest, lengthBytes }
  const bytes = read(trial, blob)
  if (!equalBytes(trial.addon.blake3(bytes), blob.digest)) throw new BlobLacking(blob, true)
  return trial.program.ops.map((_, op) => bytes.subarray(32 * op, 32 * op + 32))
}

async function verify(trial: Case): Promise<FromVerifier> {
  const { message, program } = trial
  const opDigests = readManifest(trial)
  // A list that is not the signed trace tells nothing about it: the data is withheld.
  if (!equalBytes(traceRoot(opDigests), message.traceRoot)) {
    const lengthBytes = 32 * program.ops.length
    throw new BlobLacking({ digest: message.manifestDigest, lengthBytes }, false)
  }
  if (!equalBytes(outputDigestOf(program, opDigests), message.outputDigest)) {
    return invalid(trial, opDigests, { kind: 'wrong_output' }, 0)
  }
  return message.verification === 'fold' ? fold(trial, opDigests) : replay(trial, opDigests)
}

/** Every op from its committed operands: matmuls by Freivalds, the rest recomputed. */
function fold(trial: Case, opDigests: readonly Uint8Array[]): FromVerifier {
  const { addon, message, config } = trial
  const blobs = [
    ...trial.given,
    ...opDigests.map((digest, op) => ({ digest, lengthBytes: trial.opBytes[op] as number })),
  ]
  const values = blobs.map((blob) => read(trial, blob))
  const start = performance.now()
  const found = addon.foldVerify(
    message.table,
    values,
    message.secret,
    message.receiptId,
    config.threads,
  )
  const micros = microsSince(start)
  found.digests.forEach((digest, value) => {
    const blob = blobs[value] as Wanted
    if (!equalBytes(digest, blob.digest)) throw new BlobLacking(blob, true)
  })
  if (found.valid) return { kind: 'valid', requestId: message.requestId, micros }
  const fault: Fault = { kind: 'wrong_element', opIndex: found.opIndex, element: found.element }
  return invalid(trial, opDigests, fault, micros, values)
}

/** The whole program again, from inputs and weights, on the CPU fabric. */
async function replay(trial: Case, opDigests: readonly Uint8Array[]): Promise<FromVerifier> {
  const { addon, message } = trial
  const given = trial.given.map((blob) => read(trial, blob))
  const start = performance.now()
  given.forEach((bytes, value) => {
    const blob = trial.given[value] as Wanted
    if (!equalBytes(addon.blake3(bytes), blob.digest)) throw new BlobLacking(blob, true)
  })
  const run = await new Promise<NativeRun>((resolve) => {
    addon.fabricRun(message.table, BigInt(message.requestId), given, trial.opBytes, resolve)
  })
  const micros = microsSince(start)
  assert(run.kind === 'done', 'the CPU fabric runs every checked program')
  const opIndex = run.opDigests.findIndex(
    (digest, op) => !equalBytes(digest, opDigests[op] as Uint8Array),
  )
  if (opIndex < 0) return { kind: 'valid', requestId: message.requestId, micros }
  const lengthBytes = trial.opBytes[opIndex] as number
  const claimed = read(trial, { digest: opDigests[opIndex] as Uint8Array, lengthBytes })
  const values = [...given, ...run.outputs]
  values[given.length + opIndex] = claimed
  const element = firstWrong(trial, opIndex, run.outputs[opIndex] as Uint8Array, claimed)
  return invalid(trial, opDigests, { kind: 'wrong_element', opIndex, element }, micros, values)
}

function firstWrong(trial: Case, opIndex: number, right: Uint8Array, claimed: Uint8Array): number {
  const byte = right.findIndex((value, at) => value !== claimed[at])
  assert(byte >= 0, 'outputs with different digests differ')
  const dtypeBytes = elementBytes(outputDtype(trial, opIndex))
  return (byte - (byte % dtypeBytes)) / dtypeBytes
}

function outputDtype({ message, program }: Case, opIndex: number): number {
  // The table holds the dtype of every value at a fixed place.
  const value = program.inputs.length + program.weights.length + opIndex
  const view = new DataView(message.table.buffer, message.table.byteOffset)
  return view.getUint32(32 + 40 * value, true)
}

function invalid(
  trial: Case,
  opDigests: readonly Uint8Array[],
  fault: Fault,
  micros: number,
  values: readonly Uint8Array[] = [],
): FromVerifier {
  const { message, program } = trial
  const bytesOf = (value: number): Uint8Array => values[value] as Uint8Array
  const fraudProof = buildFraudProof(program, { bytesOf, opDigests }, fault)
  const statement = {
    inputDigests: message.inputDigests,
    outputDigest: message.outputDigest,
    traceRoot: message.traceRoot,
  }
  assert(adjudicate(program, statement, fraudProof).guilty, 'our own fraud proof convicts')
  return {
    kind: 'invalid',
    requestId: message.requestId,
    micros,
    opIndex: fault.kind === 'wrong_output' ? 0 : fault.opIndex,
    element: fault.kind === 'wrong_output' ? 0 : fault.element,
    fraudProof,
  }
}

function microsSince(start: number): number {
  return Math.round((performance.now() - start) * 1000)
}

main(JSON.parse(process.argv[2] ?? '{}') as FabricChildConfig)
