/**
 * Verification behind a child process, one for each node: what `lanes.ts` promises.
 *
 *   verify -> gather data -> queue -> child -> verdict
 *                |             |        |-- lacks a blob: fetch it, ask again (bounded)
 *                |             |        |-- exit or too late: once more, then failed
 *                `-- cannot be had: unavailable
 *
 * Data is gathered for many requests at once; the child has one at a time.
 */

import { toHex } from '../../base/bytes.ts'
import { type Refusal, refusal } from '../../base/refusal.ts'
import { encodeOpTable, givenBytes, opOutputBytes } from '../../program/op-table.ts'
import { ADDON_PATH, CPU_FABRIC_PATH } from '../../runtime/io/native-addon.ts'
import type { FabricChildConfig, FromVerifier, VerifyMessage } from '../child-messages.ts'
import { gatherBlobs, type Wanted } from '../gather.ts'
import type { Lanes, LaneVerdict, VerifyRequest } from '../lanes.ts'
import type { BlobStore } from './blob-store.ts'
import { type Child, openChild } from './child-process.ts'

/** Verifications that gather or wait. */
export const VERIFICATIONS_MAX = 256
/** Of one receipt in the child: a crash or lateness may have been the machine's fault once. */
export const TRIES_MAX = 2
/** Blobs fetched on demand of the child for one receipt: the manifest's ops, one by one, and more. */
export const ERRANDS_MAX = 16
export const VERIFY_MS_MAX = 60_000

export interface VerifierOptions {
  readonly blobs: BlobStore
  /** 0: one for each core. */
  readonly threads?: number
  readonly verifyMsMax?: number
  /** Told of every unasked end of the process. */
  readonly onCrash?: (reason: string) => void
}

export interface VerifierProcess extends Lanes {
  pid(): number | undefined
  close(): Promise<void>
}

interface Trial {
  readonly message: VerifyMessage
  readonly request: VerifyRequest
  readonly done: (verdict: LaneVerdict) => void
  tries: number
  errands: number
}

export function openVerifierProcess(options: VerifierOptions): VerifierProcess {
  return new ChildLanes(options)
}

class ChildLanes implements VerifierProcess {
  readonly #blobs: BlobStore
  readonly #child: Child<VerifyMessage>
  readonly #verifyMsMax: number
  readonly #onCrash: (reason: string) => void
  readonly #queue: Trial[] = []
  #open = 0
  #requests = 0
  #current: Trial | undefined
  #timer: NodeJS.Timeout | undefined
  #wasLate = false

  constructor(options: VerifierOptions) {
    this.#blobs = options.blobs
    this.#verifyMsMax = options.verifyMsMax ?? VERIFY_MS_MAX
    this.#onCrash = options.onCrash ?? (() => undefined)
    const config: FabricChildConfig = {
      addonPath: ADDON_PATH,
      fabricPath: CPU_FABRIC_PATH,
      blobFolder: options.blobs.folder,
      threads: options.threads ?? 0,
    }
    this.#child = openChild<VerifyMessage, FromVerifier>({
      entry: './verifier-child.js',
      config,
      onMessage: (message) => this.#hear(message),
      onExit: (reason) => this.#mourn(reason),
    })
  }

  verify(request: VerifyRequest, done: (verdict: LaneVerdict) => void): void {
    if (this.#open >= VERIFICATIONS_MAX) {
      const full = refusal('verifier_full', { open: this.#open })
      queueMicrotask(() => done({ kind: 'failed', refusal: full }))
      return
    }
    this.#open++
    const message = messageOf(request, ++this.#requests)
    const trial: Trial = { message, request, done, tries: 0, errands: 0 }
    gather(this.#blobs, request, (missing) => {
      if (missing === undefined) this.#enqueue(trial)
      else this.#end(trial, { kind: 'unavailable', digest: missing })
    })
  }

  pid(): number | undefined {
    return this.#child.pid()
  }

  close(): Promise<void> {
    clearTimeout(this.#timer)
    return this.#child.close()
  }

  #enqueue(trial: Trial): void {
    this.#queue.push(trial)
    this.#advance()
  }

  #end(trial: Trial, verdict: LaneVerdict): void {
    this.#open--
    trial.done(verdict)
  }

  #advance(): void {
    if (this.#current !== undefined) return
    const trial = this.#queue.shift()
    if (trial === undefined) return
    this.#current = trial
    trial.tries++
    this.#wasLate = false
    this.#timer = setTimeout(() => {
      this.#wasLate = true
      this.#child.kill()
    }, this.#verifyMsMax)
    this.#child.send(trial.message)
  }

  /** Takes the running trial out of the child's hands. */
  #release(): Trial | undefined {
    clearTimeout(this.#timer)
    const trial = this.#current
    this.#current = undefined
    return trial
  }

  #hear(message: FromVerifier): void {
    if (message.kind === 'ready') return
    if (message.kind === 'unusable') {
      this.#fail(refusal('fabric_unusable', { reason: message.reason }))
      return
    }
    if (message.requestId !== this.#current?.message.requestId) return
    const trial = this.#release() as Trial
    if (message.kind === 'lacks') this.#bring(trial, message.blob, message.isToFetch)
    else this.#end(trial, verdictOf(message))
    this.#advance()
  }

  #bring(trial: Trial, blob: Wanted, isToFetch: boolean): void {
    // A blob that is whole, and yet not what was signed, cannot be had from anybody.
    if (!isToFetch || ++trial.errands > ERRANDS_MAX) {
      this.#end(trial, { kind: 'unavailable', digest: blob.digest })
      return
    }
    // The store may still count on a file that somebody has removed or damaged.
    this.#blobs.drop(blob.digest)
    const { peers, fetchDeadlineMs } = trial.request
    gatherBlobs(this.#blobs, [blob], { peers, deadlineMs: fetchDeadlineMs }, (missing) => {
      // The child was healthy: asking again is no second try.
      trial.tries--
      if (missing === undefined) this.#enqueue(trial)
      else this.#end(trial, { kind: 'unavailable', digest: blob.digest })
    })
  }

  #fail(reason: Refusal): void {
    const trial = this.#release()
    if (trial !== undefined) this.#end(trial, { kind: 'failed', refusal: reason })
    this.#advance()
  }

  /** The process has ended unasked. */
  #mourn(reason: string): void {
    this.#onCrash(reason)
    const trial = this.#current
    if (trial === undefined) return
    if (trial.tries < TRIES_MAX) {
      this.#release()
      this.#queue.unshift(trial)
      this.#advance()
    } else {
      const facts = { receipt: toHex(trial.message.receiptId), reason }
      this.#fail(refusal(this.#wasLate ? 'verifier_late' : 'verifier_crashed', facts))
    }
  }
}

function verdictOf(message: Extract<FromVerifier, { kind: 'valid' | 'invalid' }>): LaneVerdict {
  if (message.kind === 'valid') return { kind: 'valid', micros: message.micros }
  const { micros, opIndex, element, fraudProof } = message
  const verdict = { kind: 'invalid', micros, opIndex, element } as const
  return fraudProof === undefined ? verdict : { ...verdict, fraudProof }
}

function messageOf(request: VerifyRequest, requestId: number): VerifyMessage {
  const { verification, receiptId, secret, program, programBytes } = request
  return {
    kind: 'verify',
    requestId,
    verification,
    receiptId,
    secret,
    table: encodeOpTable(program),
    programBytes,
    inputDigests: request.inputs,
    outputDigest: request.outputDigest,
    traceRoot: request.traceRoot,
    manifestDigest: request.manifestDigest,
  }
}

/** First what is named by the request, then, for `fold`, what the manifest names. */
function gather(
  blobs: BlobStore,
  request: VerifyRequest,
  done: (missing: Uint8Array | undefined) => void,
): void {
  const { program, peers, fetchDeadlineMs } = request
  const from = { peers, deadlineMs: fetchDeadlineMs }
  const lengths = givenBytes(program)
  const digests = [...request.inputs, ...program.weights.map(({ digest }) => digest)]
  const manifest = { digest: request.manifestDigest, lengthBytes: 32 * program.ops.length }
  const first = [
    manifest,
    ...digests.map((digest, value) => ({ digest, lengthBytes: lengths[value] as number })),
  ]
  gatherBlobs(blobs, first, from, (missing) => {
    if (missing !== undefined || request.verification === 'replay') return done(missing?.digest)
    blobs.get(manifest.digest, (bytes) => {
      if (bytes === undefined || bytes.length !== manifest.lengthBytes) return done(manifest.digest)
      const outputs = opOutputBytes(program).map((lengthBytes, op) => ({
        digest: bytes.subarray(32 * op, 32 * op + 32),
        lengthBytes,
      }))
      gatherBlobs(blobs, outputs, from, (lacking) => done(lacking?.digest))
    })
  })
}
