/**
 * A fabric behind a child process: what `fabric.ts` promises, whatever the child does.
 *
 *   idle --run--> busy --answer--> idle
 *                  |--cancel, no answer within the grace--> SIGKILL --exit--> idle
 *                  `--exit unasked--> failed{fabric_crashed}
 *
 * One run at a time; the courier sees to that. The next run starts the process anew.
 */

import { assert, unreachable } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { type Refusal, RefusalError, refusal, refuse } from '../../base/refusal.ts'
import { encodeOpTable, givenBytes, opOutputBytes, outputOps } from '../../program/op-table.ts'
import { ADDON_PATH, CPU_FABRIC_PATH } from '../../runtime/io/native-addon.ts'
import type {
  DeviceFacts,
  FabricChildConfig,
  FabricOptions,
  FromFabric,
  RunMessage,
  ToFabric,
} from '../child-messages.ts'
import type {
  CancelHandle,
  Fabric,
  FabricExit,
  FabricJob,
  FabricManifest,
  RunOutcome,
} from '../fabric.ts'
import type { BlobStore } from './blob-store.ts'
import { type Child, openChild } from './child-process.ts'
import { OPEN_MS_MAX } from './fabric-catalogue.ts'

/** A cancelled run that has not ended by then is killed with its process. */
export const CANCEL_GRACE_MS = 1_000

export interface FabricProcessOptions {
  readonly blobs: BlobStore
  readonly fabricPath?: string
  readonly options?: FabricOptions
  /** Opening the device, self-test included. */
  readonly openMsMax?: number
  /** 0: one for each core. */
  readonly threads?: number
  /** When given, a fabric built from other kernels is refused. */
  readonly kernelDigest?: Uint8Array
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
  killTimer: NodeJS.Timeout | undefined
}

/** @throws RefusalError fabric_unusable | fabric_kernels_foreign */
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
  readonly #openMsMax: number
  readonly #child: Child<ToFabric>
  readonly #listeners: ((exit: FabricExit) => void)[] = []
  #opened: ((outcome: DeviceFacts | Refusal) => void) | undefined
  #busy: Busy | undefined
  #runs = 0n

  constructor(options: FabricProcessOptions) {
    this.#blobs = options.blobs
    this.#openMsMax = options.openMsMax ?? OPEN_MS_MAX
    const config: FabricChildConfig = {
      addonPath: ADDON_PATH,
      fabricPath: options.fabricPath ?? CPU_FABRIC_PATH,
      blobFolder: options.blobs.folder,
      threads: options.threads ?? 0,
      ...(options.options === undefined ? {} : { options: options.options }),
    }
    this.#child = openChild<ToFabric, FromFabric>({
      entry: './fabric-child.js',
      config,
      onMessage: (message) => this.#hear(message),
      onExit: (reason) => this.#mourn(reason),
    })
  }

  /** @throws RefusalError fabric_unusable */
  open(): Promise<DeviceFacts> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#child.kill(), this.#openMsMax)
      this.#opened = (outcome) => {
        this.#opened = undefined
        clearTimeout(timer)
        if ('code' in outcome) reject(new RefusalError(outcome))
        else resolve(outcome)
      }
      // The first message starts the process; a cancel of no run does nothing else.
      this.#child.send({ kind: 'cancel', runId: 0n })
    })
  }

  run(job: FabricJob, done: (outcome: RunOutcome) => void): CancelHandle {
    assert(this.#busy === undefined, 'a fabric runs one job at a time')
    const message = runMessage(job, ++this.#runs)
    const { runId } = message
    const run: Busy = { runId, job, done, isCancelled: false, killTimer: undefined }
    this.#busy = run
    const neededBytes = message.opBytes.reduce((sum, bytes) => sum + bytes, 0)
    if (neededBytes > this.#blobs.freeBytes()) {
      const full = refusal('blob_store_full', { neededBytes })
      queueMicrotask(() => this.#settle({ kind: 'failed', refusal: full }))
    } else {
      this.#child.send(message)
    }
    return { cancel: () => this.#cancel(run) }
  }

  onExit(listen: (exit: FabricExit) => void): void {
    this.#listeners.push(listen)
  }

  pid(): number | undefined {
    return this.#child.pid()
  }

  close(): Promise<void> {
    return this.#child.close()
  }

  #cancel(run: Busy): void {
    if (this.#busy !== run || run.isCancelled) return
    run.isCancelled = true
    this.#child.send({ kind: 'cancel', runId: run.runId })
    run.killTimer = setTimeout(() => this.#child.kill(), CANCEL_GRACE_MS)
  }

  #settle(outcome: RunOutcome): void {
    const ended = this.#busy
    if (ended === undefined) return
    this.#busy = undefined
    clearTimeout(ended.killTimer)
    ended.done(outcome)
  }

  #hear(message: FromFabric): void {
    if (message.kind === 'ready') {
      this.#opened?.(message.facts)
    } else if (message.kind === 'unusable') {
      // A device that stops passing its self-test after a restart fails the run it was started for.
      const reason = refusal('fabric_unusable', { reason: message.reason })
      this.#opened?.(reason)
      this.#settle({ kind: 'failed', refusal: reason })
    } else if (message.kind !== 'computed' && message.runId === this.#busy?.runId) {
      this.#settle(this.#outcomeOf(this.#busy.job, message))
    }
  }

  /** The process has ended unasked. */
  #mourn(reason: string): void {
    const jobId = this.#busy?.job.jobId
    this.#opened?.(refusal('fabric_unusable', { reason }))
    for (const listen of this.#listeners) listen({ reason, jobId })
    if (this.#busy?.isCancelled === true) {
      this.#settle({ kind: 'cancelled' })
    } else {
      const crashed = refusal('fabric_crashed', { reason, job: jobId ?? '' })
      this.#settle({ kind: 'failed', refusal: crashed })
    }
  }

  #outcomeOf(job: FabricJob, message: RunAnswer): RunOutcome {
    switch (message.kind) {
      case 'cancelled':
        return { kind: 'cancelled' }
      case 'failed':
        return { kind: 'failed', refusal: message.refusal, profile: message.profile }
      case 'done':
        this.#blobs.adopt(message.written)
        return doneOf(job, message)
      default:
        return unreachable(message)
    }
  }
}

type RunAnswer = Exclude<FromFabric, { kind: 'ready' | 'unusable' | 'computed' }>

function doneOf(job: FabricJob, message: Extract<RunAnswer, { kind: 'done' }>): RunOutcome {
  const { opDigests, outputDigest, manifestDigest, micros, allocBytes, freeBytes, profile } =
    message
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
