/**
 * One fabric in its own process, for tools: programs run on bytes at hand, and nothing is kept.
 *
 *   tool --program, bytes--> device --op table, bytes--> fabric child --fabric.h--> hardware
 *        <--bytes, digests--        <--digests of what was really made--
 *
 * It is the child that jobs run in, so what holds here of a fabric holds there. One run at a time.
 */

import { assert } from '../../base/assert.ts'
import { type Refusal, RefusalError, refusal, refuse } from '../../base/refusal.ts'
import type { AllocationEvent } from '../../base/tensor-profile.ts'
import { outputDigestOf } from '../../program/digest.ts'
import { encodeOpTable, opOutputBytes } from '../../program/op-table.ts'
import type { Program } from '../../program/types.ts'
import type { ComputeMessage, DeviceFacts } from '../child-messages.ts'
import type { FabricLimits } from '../fabric-limits.ts'
import { ISA_KNOB, type Isa, isaEnvironment } from '../isa.ts'
import { type FabricEntry, isBuilt } from './fabric-catalogue.ts'
import { FabricLink, type RunAnswer } from './fabric-link.ts'

/** A run that takes longer ends with its process. */
export const RUN_MS_MAX = 600_000
/** Of the outputs that are wanted back. */
const OUTPUT_BYTES_MAX = 2_000_000_000

export interface DeviceOptions {
  readonly entry: FabricEntry
  /** Absent: the best that the processor has. */
  readonly isa?: Isa | undefined
  /** 0: one for each core. */
  readonly threads?: number
  readonly runMsMax?: number
  /** Other than the usual ones. */
  readonly limits?: FabricLimits
}

/** What one run has made. */
export interface Computed {
  /** BLAKE3 of each op output, in program order. */
  readonly opDigests: readonly Uint8Array[]
  readonly outputDigest: Uint8Array
  /** Bytes of the wanted ops, in the order in which they were asked for. */
  readonly outputs: readonly Uint8Array[]
  /** Run time on the device, hashing of outputs included. */
  readonly micros: number
  /** Every allocation and release of the run, in order. */
  readonly profile: readonly AllocationEvent[]
}

export interface FabricDevice {
  readonly facts: DeviceFacts
  /**
   * @param program checked
   * @param given inputs, then weights, each as long as its type says
   * @param wantedOps ops whose bytes are wanted back
   * @throws RefusalError fabric_* that names what the fabric did
   */
  run(
    program: Program,
    given: readonly Uint8Array[],
    wantedOps?: readonly number[],
  ): Promise<Computed>
  close(): Promise<void>
}

/** @throws RefusalError fabric_not_built | isa_unavailable | fabric_* that names why there is none */
export async function openFabricDevice(options: DeviceOptions): Promise<FabricDevice> {
  const { entry, isa } = options
  if (!isBuilt(entry)) refuse('fabric_not_built', { fabric: entry.name, remedy: entry.remedy })
  const device = new Device(options)
  try {
    const facts = await device.open()
    if (isa !== undefined && facts.isa !== isa) {
      refuse('isa_unavailable', { reason: `${entry.name} computes with ${facts.isa}` })
    }
    return {
      facts,
      run: (program, given, wantedOps = []) => device.run(program, given, wantedOps),
      close: () => device.close(),
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

class Device {
  readonly #link: FabricLink
  readonly #runMsMax: number
  #waiting: ((answer: RunAnswer | { readonly kind: 'dead'; named: Refusal }) => void) | undefined
  #runs = 0n

  constructor({ entry, isa, threads, runMsMax, limits }: DeviceOptions) {
    this.#runMsMax = runMsMax ?? RUN_MS_MAX
    this.#link = new FabricLink({
      fabricPath: entry.path,
      isForeign: entry.kind === 'plugin',
      blobFolder: '',
      threads: threads ?? 0,
      options: entry.options,
      openMsMax: entry.openMsMax,
      ...(limits === undefined ? {} : { limits }),
      env: isaEnvironment(isa),
      messageBytesMax: OUTPUT_BYTES_MAX,
      onAnswer: (answer) => this.#waiting?.(answer),
      onDeath: (named) => this.#waiting?.({ kind: 'dead', named }),
    })
  }

  async open(): Promise<DeviceFacts> {
    try {
      return await this.#link.open()
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      // The fabric speaks of the variable when the instruction set is what it cannot take.
      const reason = String(error.refusal.facts['reason'] ?? '')
      if (reason.startsWith(ISA_KNOB)) refuse('isa_unavailable', { reason })
      throw error
    }
  }

  async run(
    program: Program,
    given: readonly Uint8Array[],
    wantedOps: readonly number[],
  ): Promise<Computed> {
    const table = encodeOpTable(program)
    const opBytes = opOutputBytes(program)
    const runId = ++this.#runs
    const answer = await this.#ask({ kind: 'compute', runId, table, given, opBytes, wantedOps })
    if (answer.kind === 'dead') throw new RefusalError(answer.named)
    if (answer.kind === 'failed') throw new RefusalError(answer.refusal)
    const fits = answer.kind === 'computed' && answer.runId === runId
    if (!fits || !isWhole(answer, opBytes, wantedOps)) {
      return refuse('fabric_answer_wrong', { during: 'run', reason: answer.kind })
    }
    const { opDigests, outputs, micros, profile } = answer
    return { opDigests, outputDigest: outputDigestOf(program, opDigests), outputs, micros, profile }
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  /** The answer to one message, or how the process ended. */
  #ask(message: ComputeMessage): Promise<RunAnswer | { readonly kind: 'dead'; named: Refusal }> {
    assert(this.#waiting === undefined, 'a device is asked one thing at a time')
    return new Promise((resolve) => {
      const forMs = this.#runMsMax
      const late = refusal('fabric_hung', { during: 'run', forMs })
      const timer = setTimeout(() => this.#link.kill(late), forMs)
      this.#waiting = (answer) => {
        this.#waiting = undefined
        clearTimeout(timer)
        resolve(answer)
      }
      this.#link.run(message, '')
    })
  }
}

function isWhole(
  { opDigests, outputs }: Extract<RunAnswer, { kind: 'computed' }>,
  opBytes: readonly number[],
  wantedOps: readonly number[],
): boolean {
  return (
    opDigests.length === opBytes.length &&
    outputs.length === wantedOps.length &&
    outputs.every((bytes, at) => bytes.length === opBytes[wantedOps[at] as number])
  )
}
