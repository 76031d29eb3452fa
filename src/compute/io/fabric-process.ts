/**
 * A fabric behind a child process: what `fabric.ts` promises, whatever the child does.
 *
 *   idle --run--> busy --answer--> idle
 *                  |--cancel, no answer within the grace--> SIGKILL --> idle
 *                  `--exit unasked, rule broken--> failed{fabric_...} --> idle
 *
 * One run at a time; the courier sees to that. The next run starts the process anew.
 */

import { assert, unreachable } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { type Refusal, refusal, refuse } from '../../base/refusal.ts'
import { encodeOpTable, givenBytes, opOutputBytes, outputOps } from '../../program/op-table.ts'
import { CPU_FABRIC_PATH } from '../../runtime/io/native-addon.ts'
import type { DeviceFacts, RunMessage } from '../child-messages.ts'
import type {
  CancelHandle,
  Fabric,
  FabricExit,
  FabricJob,
  FabricManifest,
  RunOutcome,
} from '../fabric.ts'
import type { BlobStore } from './blob-store.ts'
import { FabricLink, type FabricPlace, type RunAnswer } from './fabric-link.ts'

export interface FabricProcessOptions extends Partial<FabricPlace> {
  readonly blobs: BlobStore
  /** When given, a fabric built from other kernels is refused. */
  readonly kernelDigest?: Uint8Array
  /** What the fabric logged, measured or printed; one line each. */
  readonly onTold?: (lines: readonly string[]) => void
}

export interface FabricProcess extends Fabric {
  /** Of the running process, for tests and `compute stats`. */
  pid(): number | undefined
  close(): Promise<void>
}

interface Busy {
  readonly runId: bigint
  readonly job: FabricJob
  readonly done: (outcome: RunOutcome) => void
  isCancelled: boolean
}

/** @throws RefusalError fabric_* that names why there is no such fabric. */
export async function openFabricProcess(options: FabricProcessOptions): Promise<FabricProcess> {
  const device = new DeviceProcess(options)
  try {
    const manifest = manifestOf(await device.open())
    if (options.kernelDigest && !equalBytes(options.kernelDigest, manifest.kernelDigest)) {
      const digests = { node: toHex(options.kernelDigest), fabric: toHex(manifest.kernelDigest) }
      refuse('fabric_kernels_foreign', digests)
    }
    return {
      manifest,
      run: (job, done) => device.run(job, done),
      onExit: (listen) => device.onExit(listen),
      pid: () => device.pid(),
      close: () => device.close(),
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

class DeviceProcess {
  readonly #blobs: BlobStore
  readonly #link: FabricLink
  readonly #listeners: ((exit: FabricExit) => void)[] = []
  #busy: Busy | undefined
  #runs = 0n

  constructor({ blobs, ...place }: FabricProcessOptions) {
    this.#blobs = blobs
    this.#link = new FabricLink({
      ...place,
      fabricPath: place.fabricPath ?? CPU_FABRIC_PATH,
      blobFolder: blobs.folder,
      onAnswer: (answer) => this.#hear(answer),
      onDeath: (named, last) => this.#mourn(named, last),
    })
  }

  /** @throws RefusalError fabric_* */
  open(): Promise<DeviceFacts> {
    return this.#link.open()
  }

  run(job: FabricJob, done: (outcome: RunOutcome) => void): CancelHandle {
    assert(this.#busy === undefined, 'a fabric runs one job at a time')
    const message = runMessage(job, ++this.#runs)
    const { runId } = message
    const run: Busy = { runId, job, done, isCancelled: false }
    this.#busy = run
    const neededBytes = message.opBytes.reduce((sum, bytes) => sum + bytes, 0)
    if (neededBytes > this.#blobs.freeBytes()) {
      const full = refusal('blob_store_full', { neededBytes })
      queueMicrotask(() => this.#settle({ kind: 'failed', refusal: full }))
    } else {
      this.#link.run(message, job.jobId)
    }
    return { cancel: () => this.#cancel(run) }
  }

  onExit(listen: (exit: FabricExit) => void): void {
    this.#listeners.push(listen)
  }

  pid(): number | undefined {
    return this.#link.pid()
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  #cancel(run: Busy): void {
    if (this.#busy !== run || run.isCancelled) return
    run.isCancelled = true
    this.#link.cancel(run.runId)
  }

  #settle(outcome: RunOutcome): void {
    const ended = this.#busy
    if (ended === undefined) return
    this.#busy = undefined
    ended.done(outcome)
  }

  #hear(answer: RunAnswer): void {
    const run = this.#busy
    if (run === undefined || answer.runId !== run.runId) return
    if (answer.kind === 'computed' || !fits(answer, run)) {
      const job = run.job.jobId
      this.#link.kill(refusal('fabric_answer_wrong', { during: 'run', reason: answer.kind, job }))
    } else {
      this.#settle(this.#outcomeOf(run.job, answer))
    }
  }

  /** The process has ended unasked, or was ended for what it did. */
  #mourn(named: Refusal, last: RunAnswer | undefined): void {
    const run = this.#busy
    const exit = { refusal: named, jobId: run?.job.jobId }
    for (const listen of this.#listeners) listen(exit)
    if (run?.isCancelled === true) this.#settle({ kind: 'cancelled' })
    else this.#settle({ kind: 'failed', refusal: named, ...profileOf(last) })
  }

  #outcomeOf(job: FabricJob, answer: JobAnswer): RunOutcome {
    switch (answer.kind) {
      case 'cancelled':
        return { kind: 'cancelled' }
      case 'failed':
        return { kind: 'failed', refusal: answer.refusal, profile: answer.profile }
      case 'done':
        this.#blobs.adopt(answer.written)
        return doneOf(job, answer)
      default:
        return unreachable(answer)
    }
  }
}

function profileOf(answer: RunAnswer | undefined) {
  return answer?.kind === 'failed' ? { profile: answer.profile } : {}
}

type JobAnswer = Exclude<RunAnswer, { kind: 'computed' }>

/** Whether an answer is one that this run can have. */
function fits(answer: JobAnswer, { job, isCancelled }: Busy): boolean {
  if (answer.kind === 'cancelled') return isCancelled
  return answer.kind === 'failed' || answer.opDigests.length === job.program.ops.length
}

function doneOf(job: FabricJob, answer: Extract<JobAnswer, { kind: 'done' }>): RunOutcome {
  const { opDigests, outputDigest, manifestDigest, micros, allocBytes, freeBytes, profile } = answer
  const lengths = opOutputBytes(job.program)
  const outputs = outputOps(job.program).map((op) => ({
    digest: opDigests[op] as Uint8Array,
    lengthBytes: lengths[op] as number,
  }))
  return {
    kind: 'done',
    opDigests,
    outputs,
    outputDigest,
    manifestDigest,
    micros,
    allocBytes,
    freeBytes,
    profile,
  }
}

function runMessage(job: FabricJob, runId: bigint): RunMessage {
  const lengths = givenBytes(job.program)
  const digests = [...job.inputs, ...job.program.weights.map(({ digest }) => digest)]
  assert(digests.length === lengths.length, 'every input of the program is named')
  return {
    kind: 'run',
    runId,
    table: encodeOpTable(job.program),
    given: digests.map((digest, value) => ({ digest, lengthBytes: lengths[value] as number })),
    opBytes: opOutputBytes(job.program),
    outputOps: outputOps(job.program),
  }
}

const KINDS = ['cpu', 'gpu', 'other'] as const

export function manifestOf(facts: DeviceFacts): FabricManifest {
  return {
    name: facts.fabric,
    version: facts.version,
    kind: KINDS[facts.kind] ?? 'other',
    device: facts.device,
    vendor: facts.vendor,
    driver: facts.driver,
    isa: facts.isa,
    computeUnits: facts.computeUnits,
    memoryTotalBytes: facts.memoryTotalBytes,
    kernelDigest: facts.kernelDigest,
  }
}
