/**
 * One fabric in its process: opened step by step, watched, and ended with a name for what it did.
 *
 *   absent --first message--> load -> init -> probe -> answers -> idle <--> run --cancel--> cancel
 *      ^                        |                                  |         |               |
 *      '--- onDeath(refusal) ---'------ too long, too much, dead --'---------'---------------'
 *
 * Invariants
 *   - Whatever the process does, the node lives; `onDeath` is told once for each process that ended
 *     unasked, and names the misbehaviour.
 *   - A process that has broken a rule answers no further run; the next message starts a fresh one.
 */

import { totalmem } from 'node:os'

import { assert, unreachable } from '../../base/assert.ts'
import { type Refusal, RefusalError, refusal } from '../../base/refusal.ts'
import { ADDON_PATH } from '../../runtime/io/native-addon.ts'
import type {
  ComputeMessage,
  DeviceFacts,
  FabricChildConfig,
  FabricOptions,
  FromFabric,
  RunMessage,
  ToFabric,
} from '../child-messages.ts'
import { nameDeath } from '../fabric-death.ts'
import { type FabricLimits, FOREIGN_LIMITS, OWN_LIMITS } from '../fabric-limits.ts'
import { readFabricMessage } from '../fabric-messages.ts'
import { type Child, type Death, openChild } from './child-process.ts'
import { knownAnswers } from './known-answers.ts'
import { type ProcessWatch, watchProcess } from './process-watch.ts'

export interface FabricPlace {
  readonly fabricPath: string
  /** Written by others. */
  readonly isForeign?: boolean
  readonly options?: FabricOptions
  /** 0: one for each core. */
  readonly threads?: number
  /** Of each step of opening a fabric of our own; a first time may compile every kernel. */
  readonly openMsMax?: number
  /** Other than the usual ones of our own fabrics, or of strangers'. */
  readonly limits?: FabricLimits
}

export interface FabricLinkOptions extends FabricPlace {
  readonly blobFolder: string
  readonly env?: Readonly<Record<string, string>>
  readonly messageBytesMax?: number
  readonly onAnswer: (answer: RunAnswer) => void
  /** @param last the answer for which it was ended, if that was the reason */
  readonly onDeath: (named: Refusal, last?: RunAnswer) => void
  /** What the fabric logged, measured or printed; one line each. */
  readonly onTold?: (lines: readonly string[]) => void
}

export type RunAnswer = Extract<FromFabric, { kind: 'done' | 'computed' | 'failed' | 'cancelled' }>

/** Of the machine's memory, what a stranger's fabric may have at most. */
const MEMORY_SHARE_MAX = 0.75
/** Refusals after which the process that gave them is not used again. */
const TAINTED: ReadonlySet<string> = new Set([
  'fabric_answer_wrong',
  'fabric_bits_wrong',
  'fabric_descriptors_exceeded',
  'fabric_leaked',
  'fabric_overran',
  'fabric_receipt_wrong',
  'fabric_signals_changed',
])

export class FabricLink {
  readonly #options: FabricLinkOptions
  readonly #limits: FabricLimits
  readonly #child: Child<ToFabric>
  #opened: ((outcome: DeviceFacts | Refusal) => void) | undefined
  #during = 'idle'
  #isBusy = false
  #job = ''
  #timer: NodeJS.Timeout | undefined
  #watch: ProcessWatch | undefined
  /** Why the process is being ended from here. */
  #verdict: Refusal | undefined
  #last: RunAnswer | undefined
  #outputBytes = 0

  constructor(options: FabricLinkOptions) {
    this.#options = options
    this.#limits = limitsOf(options)
    const isForeign = options.isForeign === true
    const config: FabricChildConfig = {
      addonPath: ADDON_PATH,
      fabricPath: options.fabricPath,
      blobFolder: options.blobFolder,
      threads: options.threads ?? 0,
      options: options.options ?? {},
      isForeign,
      limits: this.#limits,
    }
    this.#child = openChild<ToFabric, unknown>({
      entry: './fabric-child.js',
      config,
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.messageBytesMax === undefined
        ? {}
        : { messageBytesMax: options.messageBytesMax }),
      onMessage: (message) => this.#hear(message),
      onExit: (death) => this.#mourn(death),
      ...(isForeign ? { onOutput: (chunk: Buffer) => this.#read(chunk) } : {}),
    })
  }

  /** Starts the process. @throws RefusalError that names why there is no such fabric. */
  open(): Promise<DeviceFacts> {
    assert(this.#opened === undefined, 'a fabric is opened once at a time')
    return new Promise((resolve, reject) => {
      this.#opened = (outcome) => {
        this.#opened = undefined
        if ('code' in outcome) reject(new RefusalError(outcome))
        else resolve(outcome)
      }
      // The first message starts the process; a cancel of no run does nothing else.
      this.#send({ kind: 'cancel', runId: 0n })
    })
  }

  /** @param job hex id, for the name of what may go wrong; empty for none */
  run(message: RunMessage | ComputeMessage, job: string): void {
    this.#isBusy = true
    this.#job = job
    this.#outputBytes = 0
    this.#send(message)
    if (this.#timer === undefined) this.#during = 'run'
  }

  /** Asks a run to end; ends its process when it does not. */
  cancel(runId: bigint): void {
    if (this.#child.pid() === undefined) return
    this.#child.send({ kind: 'cancel', runId })
    this.#enter('cancel', this.#limits.cancelMs)
  }

  /** Ends the process, for a reason that `onDeath` is told. */
  kill(why: Refusal): void {
    this.#verdict = why
    this.#child.kill(why.code)
  }

  pid(): number | undefined {
    return this.#child.pid()
  }

  close(): Promise<void> {
    this.#rest()
    return this.#child.close()
  }

  #send(message: ToFabric): void {
    const isNew = this.#child.pid() === undefined
    if (isNew) this.#enter('load', this.#limits.stepMs.load)
    this.#child.send(message)
    const pid = this.#child.pid()
    if (!isNew || pid === undefined) return
    this.#watch = watchProcess(pid, this.#limits, (breach) => this.kill(this.#told(breach)))
  }

  /** The process is in a phase that lasts no longer than `msMax`. */
  #enter(during: string, msMax: number): void {
    clearTimeout(this.#timer)
    this.#during = during
    this.#timer = setTimeout(() => {
      this.kill(this.#told(refusal('fabric_hung', { forMs: msMax })))
    }, msMax)
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#during = 'idle'
    this.#isBusy = false
  }

  /** Opened: idle, or with the run that the process was started for. */
  #begin(): void {
    const isBusy = this.#isBusy
    this.#rest()
    this.#isBusy = isBusy
    if (isBusy) this.#during = 'run'
  }

  #hear(value: unknown): void {
    const message = readFabricMessage(value)
    if (message === undefined) {
      this.kill(this.#told(refusal('fabric_answer_wrong', { reason: 'a message without form' })))
      return
    }
    switch (message.kind) {
      case 'step':
        this.#enter(message.step, this.#limits.stepMs[message.step])
        if (message.step === 'answers') {
          this.#child.send({ kind: 'answers', answers: knownAnswers() })
        }
        return
      case 'ready':
        this.#begin()
        this.#opened?.(message.facts)
        return
      case 'unusable':
        this.kill(message.refusal)
        return
      case 'hung':
        this.kill(this.#told(refusal('fabric_hung', { forMs: message.forMs }), message.during))
        return
      case 'told':
        this.#options.onTold?.(message.lines)
        return
      case 'done':
      case 'computed':
      case 'failed':
      case 'cancelled':
        this.#answer(message)
        return
      default:
        unreachable(message)
    }
  }

  #answer(answer: RunAnswer): void {
    if (answer.kind === 'failed' && TAINTED.has(answer.refusal.code)) {
      this.#last = answer
      this.kill(this.#told(answer.refusal))
      return
    }
    this.#rest()
    this.#options.onAnswer(answer)
  }

  /** What it prints is told, up to a limit; no fabric has more to say than that. */
  #read(chunk: Buffer): void {
    this.#outputBytes += chunk.length
    const { outputBytes } = this.#limits
    if (outputBytes > 0 && this.#outputBytes > outputBytes) {
      this.kill(this.#told(refusal('fabric_flooded', { most: outputBytes })))
      return
    }
    const lines = chunk
      .toString('latin1')
      .split('\n')
      .filter((line) => line !== '')
    this.#options.onTold?.(lines.map((line) => `printed ${line.slice(0, 200)}`))
  }

  #mourn(death: Death): void {
    const named =
      this.#verdict ??
      nameDeath({
        ...death,
        during: this.#during,
        job: this.#job,
        memoryShare: this.#watch?.memoryShare() ?? 0,
      })
    this.#verdict = undefined
    this.#watch?.stop()
    this.#rest()
    const last = this.#last
    this.#last = undefined
    this.#opened?.(named)
    this.#options.onDeath(named, last)
  }

  #told({ code, facts }: Refusal, during: string = this.#during): Refusal {
    return refusal(code, { during, ...facts, job: this.#job })
  }
}

function limitsOf({ limits, isForeign, openMsMax }: FabricPlace): FabricLimits {
  const wanted = limits ?? (isForeign === true ? FOREIGN_LIMITS : ownLimits(openMsMax))
  const most = Math.trunc(totalmem() * MEMORY_SHARE_MAX)
  return { ...wanted, memoryBytes: Math.min(wanted.memoryBytes, most) }
}

function ownLimits(openMsMax: number | undefined): FabricLimits {
  if (openMsMax === undefined) return OWN_LIMITS
  const stepMs = { load: openMsMax, init: openMsMax, probe: openMsMax, answers: openMsMax }
  return { ...OWN_LIMITS, stepMs }
}
