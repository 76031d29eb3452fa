/**
 * Fabric and verifier in their processes: honest work, falsified work, and death at any moment.
 * One provider and one validator share a blob folder, as if every fetch had succeeded.
 */

import { strict as check } from 'node:assert'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { toHex } from '../../../src/base/bytes.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { RefusalError } from '../../../src/base/refusal.ts'
import { hostEvents, parseProfile, profileOf } from '../../../src/base/tensor-profile.ts'
import type { CancelHandle, RunDone, RunOutcome } from '../../../src/compute/fabric.ts'
import {
  type BlobStore,
  DEFAULT_BLOB_LIMITS,
  openBlobStore,
} from '../../../src/compute/io/blob-store.ts'
import { type FabricProcess, openFabricProcess } from '../../../src/compute/io/fabric-process.ts'
import { ownKernelDigest } from '../../../src/compute/io/kernel-manifest.ts'
import { profiledFabric } from '../../../src/compute/io/profiled-fabric.ts'
import {
  openVerifierProcess,
  type VerifierProcess,
} from '../../../src/compute/io/verifier-process.ts'
import type { LaneVerdict } from '../../../src/compute/lanes.ts'
import { outcomeWith, traceManifest } from '../../../src/compute/receipt-draft.ts'
import { type NamedProgram, ProgramBuilder } from '../../../src/program/builder.ts'
import { adjudicate } from '../../../src/program/fraud.ts'
import { opOutputBytes } from '../../../src/program/op-table.ts'
import { traceRoot } from '../../../src/program/trace.ts'
import { profileLogPath, readProfileLog } from '../../../src/runtime/io/profile-log.ts'
import { floatSample, honestRun, int8Sample, trainingSample } from '../program/samples.ts'
import { addon, withFolder } from './native.ts'

interface Scene {
  readonly blobs: BlobStore
  readonly fabric: FabricProcess
  readonly verifier: VerifierProcess
  readonly crashes: string[]
}

function put(blobs: BlobStore, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => blobs.put(bytes, resolve))
}

function onScene(use: (scene: Scene) => Promise<void>): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
      const crashes: string[] = []
      const fabric = await openFabricProcess({ blobs, threads: 2, kernelDigest: ownKernelDigest() })
      const verifier = openVerifierProcess({
        blobs,
        threads: 2,
        verifyMsMax: 10_000,
        onCrash: (reason) => crashes.push(reason),
      })
      try {
        await use({ blobs, fabric, verifier, crashes })
      } finally {
        await fabric.close()
        await verifier.close()
      }
    })
}

let jobs = 0

async function store(blobs: BlobStore, named: NamedProgram, inputs: readonly Uint8Array[]) {
  for (const weights of named.weights) await put(blobs, weights)
  return Promise.all(inputs.map((bytes) => put(blobs, bytes)))
}

function run(
  { fabric }: Scene,
  named: NamedProgram,
  inputs: readonly Uint8Array[],
): Promise<RunOutcome> {
  const job = { jobId: `${++jobs}`, program: named.program, inputs, deadlineMs: 10_000 }
  return new Promise((resolve) => fabric.run(job, resolve))
}

async function runDone(scene: Scene, named: NamedProgram, seed = 7) {
  const honest = honestRun(named, seed)
  const inputs = await store(scene.blobs, named, honest.inputs)
  const outcome = await run(scene, named, inputs)
  check.ok(outcome.kind === 'done', JSON.stringify(outcome))
  return { honest, inputs, outcome }
}

function verify(
  { verifier }: Scene,
  named: NamedProgram,
  inputs: readonly Uint8Array[],
  outcome: RunDone,
  verification: 'fold' | 'replay',
): Promise<LaneVerdict> {
  const request = {
    verification,
    receiptId: blake3(outcome.manifestDigest),
    secret: blake3(new Uint8Array([7])),
    program: named.program,
    programBytes: named.bytes,
    inputs,
    outputDigest: outcome.outputDigest,
    traceRoot: traceRoot(outcome.opDigests),
    manifestDigest: outcome.manifestDigest,
    peers: [],
    fetchDeadlineMs: 1000,
  }
  return new Promise((resolve) => verifier.verify(request, resolve))
}

/** What a cheat publishes who changes one byte of one op output after the honest run. */
async function falsify(blobs: BlobStore, named: NamedProgram, outcome: RunDone, op: number) {
  const digest = outcome.opDigests[op] as Uint8Array
  const bytes = await new Promise<Uint8Array | undefined>((resolve) => blobs.get(digest, resolve))
  check.ok(bytes !== undefined)
  const changed = Uint8Array.from(bytes)
  changed[0] = (changed[0] as number) ^ 1
  const altered = outcomeWith(
    named.program,
    outcome,
    outcome.opDigests.with(op, await put(blobs, changed)),
  )
  await put(blobs, traceManifest(altered.opDigests))
  return altered
}

/** Takes seconds on the device, so that there is time to kill it. */
function longJob(): NamedProgram {
  const builder = new ProgramBuilder()
  let value = builder.input('x', { dtype: 1, dims: [2048, 2048] })
  for (let step = 0; step < 12; step++) value = builder.op('matmul_f32', [value, value])
  builder.output('y', value)
  return builder.build()
}

async function startLong(scene: Scene) {
  const named = longJob()
  const inputs = await store(scene.blobs, named, [new Uint8Array(4 * 2048 * 2048)])
  let handle: CancelHandle = { cancel: () => check.fail('not started') }
  const ended = new Promise<RunOutcome>((resolve) => {
    const job = { jobId: `${++jobs}`, program: named.program, inputs, deadlineMs: 60_000 }
    handle = scene.fabric.run(job, resolve)
  })
  return { ended, handle }
}

describe('fabric process', () => {
  it(
    'says what it is, with the kernels of this checkout',
    onScene(async ({ fabric }) => {
      check.equal(fabric.manifest.name, 'cpu')
      check.equal(fabric.manifest.kind, 'cpu')
      check.equal(toHex(fabric.manifest.kernelDigest), toHex(ownKernelDigest()))
    }),
  )

  it(
    'runs a job, leaving every op output and the manifest in the blob store',
    onScene(async (scene) => {
      for (const named of [int8Sample(), floatSample(), trainingSample()]) {
        const { honest, outcome } = await runDone(scene, named)
        check.deepEqual(
          outcome.opDigests.map(toHex),
          honest.outputs.map((bytes) => toHex(blake3(bytes))),
        )
        for (const digest of [...outcome.opDigests, outcome.manifestDigest, outcome.outputDigest]) {
          check.ok(scene.blobs.has(digest))
        }
        check.equal(outcome.allocBytes, outcome.freeBytes)
        check.deepEqual(outcome.profile, hostEvents(opOutputBytes(named.program)))
      }
    }),
  )

  it(
    'writes each run to the tensor profile, and goes on when it cannot',
    onScene(async (scene) => {
      const named = floatSample()
      const { inputs } = await runDone(scene, named)
      const path = profileLogPath(scene.blobs.folder)
      const failures: string[] = []
      const fabric = profiledFabric(scene.fabric, path, ({ code }) => failures.push(code))
      const profiled = { ...scene, fabric }
      check.equal((await run(profiled, named, inputs)).kind, 'done')
      check.equal((await run(profiled, named, [blake3(new Uint8Array([9]))])).kind, 'failed')
      const counted = jobs
      const { jobs: told } = parseProfile(readProfileLog(path))
      check.deepEqual(
        told.map(({ job, outcome, deltaBytes }) => [job, outcome, deltaBytes]),
        [
          [`${counted - 1}`, 'done', 0],
          [`${counted}`, 'failed', 0],
        ],
      )
      const { epoch } = profileOf(hostEvents(opOutputBytes(named.program)))
      check.equal(told[0]?.epoch, toHex(epoch))
      rmSync(dirname(path), { recursive: true })
      writeFileSync(dirname(path), 'a file where the folder should be')
      check.equal((await run(profiled, named, inputs)).kind, 'done')
      check.deepEqual(failures, ['blob_io_failed'])
    }),
  )

  it(
    'fails a job whose input is missing, truncated or damaged, with a code',
    onScene(async (scene) => {
      const named = int8Sample()
      const { inputs } = await runDone(scene, named)
      const code = async (given: readonly Uint8Array[]) => {
        const outcome = await run(scene, named, given)
        return outcome.kind === 'failed' ? outcome.refusal.code : outcome.kind
      }
      check.equal(await code([blake3(new Uint8Array([9]))]), 'input_missing')
      check.equal(
        await code(named.program.weights.map(({ digest }) => digest).slice(0, 1)),
        'input_missing',
      )
      truncateSync(join(scene.blobs.folder, toHex(inputs[0] as Uint8Array)), 3)
      check.equal(await code(inputs), 'input_missing')
    }),
  )

  it(
    'answers for a job when its process is killed, and runs the next one',
    onScene(async (scene) => {
      const exits: string[] = []
      scene.fabric.onExit(({ reason }) => exits.push(reason))
      const { ended } = await startLong(scene)
      const pid = scene.fabric.pid()
      check.ok(pid !== undefined)
      setTimeout(() => process.kill(pid, 'SIGKILL'), 100)
      const outcome = await ended
      check.ok(outcome.kind === 'failed')
      check.equal(outcome.refusal.code, 'fabric_crashed')
      check.deepEqual(exits, ['SIGKILL'])
      await runDone(scene, int8Sample())
      check.notEqual(scene.fabric.pid(), pid)
    }),
  )

  it(
    'ends a run that is cancelled, without losing its process',
    onScene(async (scene) => {
      const pid = scene.fabric.pid()
      const { ended, handle } = await startLong(scene)
      setTimeout(() => handle.cancel(), 100)
      check.deepEqual(await ended, { kind: 'cancelled' })
      await runDone(scene, int8Sample())
      check.equal(scene.fabric.pid(), pid)
    }),
  )

  it('refuses a fabric that does not exist or has other kernels', () =>
    withFolder(async (folder) => {
      const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
      const code = (name: string) => (error: unknown) =>
        error instanceof RefusalError && error.refusal.code === name
      const absent = join(folder, 'absent.so')
      await check.rejects(openFabricProcess({ blobs, fabricPath: absent }), code('fabric_unusable'))
      const kernelDigest = new Uint8Array(32)
      await check.rejects(
        openFabricProcess({ blobs, kernelDigest }),
        code('fabric_kernels_foreign'),
      )
    }))
})

describe('verifier process', () => {
  it(
    'finds honest runs valid, by fold and by replay',
    onScene(async (scene) => {
      for (const named of [int8Sample(), floatSample(), trainingSample()]) {
        const { inputs, outcome } = await runDone(scene, named)
        for (const verification of ['fold', 'replay'] as const) {
          const verdict = await verify(scene, named, inputs, outcome, verification)
          check.equal(verdict.kind, 'valid')
          check.ok(verdict.kind === 'valid' && Number.isInteger(verdict.micros))
        }
      }
    }),
  )

  it(
    'turns every falsified op into a fraud proof that convicts',
    onScene(async (scene) => {
      for (const named of [int8Sample(), floatSample()]) {
        const { inputs, outcome } = await runDone(scene, named)
        for (const [op] of named.program.ops.entries()) {
          const altered = await falsify(scene.blobs, named, outcome, op)
          for (const verification of ['fold', 'replay'] as const) {
            const verdict = await verify(scene, named, inputs, altered, verification)
            check.ok(verdict.kind === 'invalid', verdict.kind)
            check.deepEqual([verdict.opIndex, verdict.element], [op, 0])
            const statement = {
              inputDigests: inputs,
              outputDigest: altered.outputDigest,
              traceRoot: traceRoot(altered.opDigests),
            }
            const proof = verdict.fraudProof ?? new Uint8Array()
            check.deepEqual(adjudicate(named.program, statement, proof), {
              guilty: true,
              reason: 'wrong_element',
            })
          }
        }
      }
    }),
  )

  it(
    'convicts of an output digest that is not that of the output',
    onScene(async (scene) => {
      const named = int8Sample()
      const { inputs, outcome } = await runDone(scene, named)
      const altered = { ...outcome, outputDigest: blake3(new Uint8Array([1])) }
      const verdict = await verify(scene, named, inputs, altered, 'fold')
      check.ok(verdict.kind === 'invalid')
      check.ok(verdict.fraudProof !== undefined)
    }),
  )

  it(
    'calls data unavailable that nobody has, and that was damaged',
    onScene(async (scene) => {
      const named = int8Sample()
      const { inputs, outcome } = await runDone(scene, named)
      const manifestDigest = blake3(new Uint8Array([1]))
      const withheld = await verify(scene, named, inputs, { ...outcome, manifestDigest }, 'fold')
      check.deepEqual(withheld, { kind: 'unavailable', digest: manifestDigest })
      const foreign = await runDone(scene, named, 8)
      const mixed = { ...outcome, manifestDigest: foreign.outcome.manifestDigest }
      check.equal((await verify(scene, named, inputs, mixed, 'fold')).kind, 'unavailable')
      const damaged = outcome.opDigests[0] as Uint8Array
      truncateSync(join(scene.blobs.folder, toHex(damaged)), 1)
      const verdict = await verify(scene, named, inputs, outcome, 'fold')
      check.deepEqual(verdict, { kind: 'unavailable', digest: damaged })
      check.ok(!scene.blobs.has(damaged))
    }),
  )

  it(
    'is started again after a crash and gives the verdict it owed',
    onScene(async (scene) => {
      const named = int8Sample()
      const { inputs, outcome } = await runDone(scene, named)
      check.equal((await verify(scene, named, inputs, outcome, 'fold')).kind, 'valid')
      const pid = scene.verifier.pid()
      check.ok(pid !== undefined)
      const owed = verify(scene, named, inputs, outcome, 'fold')
      process.kill(pid, 'SIGKILL')
      check.equal((await owed).kind, 'valid')
      check.equal((await verify(scene, named, inputs, outcome, 'replay')).kind, 'valid')
      check.deepEqual(scene.crashes, ['SIGKILL'])
    }),
  )
})
