/**
 * One fabric in its own process, for tools: programs run on bytes at hand, and nothing is kept.
 *
 *   tool --program, bytes--> device --op table, bytes--> fabric child --fabric.h--> hardware
 *        <--bytes, digests--        <--digests of what was really made--
 *
 * It is the child that jobs run in, so what holds here of a fabric holds there. One run at a time.
 */

import { assert } from '../../base/assert.ts'
import { RefusalError, refusal, refuse } from '../../base/refusal.ts'
import type { AllocationEvent } from '../../base/tensor-profile.ts'
import { outputDigestOf } from '../../program/digest.ts'
import { encodeOpTable, opOutputBytes } from '../../program/op-table.ts'
import type { Program } from '../../program/types.ts'
import { ADDON_PATH } from '../../runtime/io/native-addon.ts'
import type { DeviceFacts, FabricChildConfig, FromFabric, ToFabric } from '../child-messages.ts'
import { ISA_KNOB, type Isa, isaEnvironment } from '../isa.ts'
import { type Child, openChild } from './child-process.ts'
import { type FabricEntry, isBuilt } from './fabric-catalogue.ts'

/** A run that takes longer ends with its process. */
export const RUN_MS_MAX = 600_000

export interface DeviceOptions {
  readonly entry: FabricEntry
  /** Absent: the best that the processor has. */
  readonly isa?: Isa | undefined
  /** 0: one for each core. */
  readonly threads?: number
  readonly runMsMax?: number
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
   * @throws RefusalError fabric_refused | fabric_crashed
   */
  run(
    program: Program,
    given: readonly Uint8Array[],
    wantedOps?: readonly number[],
  ): Promise<Computed>
  close(): Promise<void>
}

/** @throws RefusalError fabric_not_built | fabric_unusable | isa_unavailable */
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

type Heard = FromFabric | { readonly kind: 'ended'; readonly reason: string }

class Device {
  readonly #child: Child<ToFabric>
  readonly #runMsMax: number
  readonly #openMsMax: number
  #waiting: ((heard: Heard) => void) | undefined
  #isOpen = false
  #runs = 0n

  constructor({ entry, isa, threads, runMsMax }: DeviceOptions) {
    const config: FabricChildConfig = {
      addonPath: ADDON_PATH,
      fabricPath: entry.path,
      blobFolder: '',
      threads: threads ?? 0,
      options: entry.options,
    }
    this.#runMsMax = runMsMax ?? RUN_MS_MAX
    this.#openMsMax = entry.openMsMax
    this.#child = openChild<ToFabric, FromFabric>({
      entry: './fabric-child.js',
      config,
      env: isaEnvironment(isa),
      onMessage: (message) => {
        // A process that was started again after a crash says so before it answers.
        if (!this.#isOpen || message.kind !== 'ready') this.#waiting?.(message)
      },
      onExit: (reason) => this.#waiting?.({ kind: 'ended', reason }),
    })
  }

  async open(): Promise<DeviceFacts> {
    // The first message starts the process; a cancel of no run does nothing else.
    const message = await this.#ask({ kind: 'cancel', runId: 0n }, this.#openMsMax)
    if (message.kind === 'ready') {
      this.#isOpen = true
      return message.facts
    }
    const isKnown = message.kind === 'unusable' || message.kind === 'ended'
    const reason = isKnown ? message.reason : message.kind
    // The fabric speaks of the variable when the instruction set is what it cannot take.
    const code = reason.startsWith(ISA_KNOB) ? 'isa_unavailable' : 'fabric_unusable'
    return refuse(code, { reason })
  }

  async run(
    program: Program,
    given: readonly Uint8Array[],
    wantedOps: readonly number[],
  ): Promise<Computed> {
    const table = encodeOpTable(program)
    const opBytes = opOutputBytes(program)
    const runId = ++this.#runs
    const asked: ToFabric = { kind: 'compute', runId, table, given, opBytes, wantedOps }
    const message = await this.#ask(asked, this.#runMsMax)
    if (message.kind === 'computed') {
      const { opDigests, outputs, micros, profile } = message
      const outputDigest = outputDigestOf(program, opDigests)
      return { opDigests, outputDigest, outputs, micros, profile }
    }
    if (message.kind === 'failed') throw new RefusalError(message.refusal)
    const reason = message.kind === 'ended' ? message.reason : message.kind
    throw new RefusalError(refusal('fabric_crashed', { reason }))
  }

  close(): Promise<void> {
    return this.#child.close()
  }

  /** The next thing that the child says, or how it ended. */
  #ask(message: ToFabric, msMax: number): Promise<Heard> {
    assert(this.#waiting === undefined, 'a device is asked one thing at a time')
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#child.kill(), msMax)
      this.#waiting = (answer) => {
        this.#waiting = undefined
        clearTimeout(timer)
        resolve(answer)
      }
      this.#child.send(message)
    })
  }
}
