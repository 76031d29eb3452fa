/**
 * The port to what computes: one fabric, which runs jobs in a process of its own.
 *
 *   courier --run(job)--> fabric --op table, file paths--> child process --> device
 *           <--outcome---        <--digests of what it wrote to the blob store
 *
 * Invariants
 *   - `done` is called exactly once for each job, also when the process dies.
 *   - Every op output of a job that is done lies in the blob store under its digest, and so does
 *     the trace manifest: the 32-byte digests of all op outputs in program order.
 */

import type { Refusal } from '../base/refusal.ts'
import type { AllocationEvent } from '../base/tensor-profile.ts'
import type { Program } from '../program/types.ts'

/** What a fabric says of itself once its device has passed the self-test. */
export interface FabricManifest {
  /** At most 32 bytes of ASCII: it stands in receipts. */
  readonly name: string
  readonly version: string
  readonly kind: 'cpu' | 'gpu' | 'other'
  readonly device: string
  readonly vendor: string
  readonly driver: string
  readonly isa: string
  readonly computeUnits: number
  readonly memoryTotalBytes: number
  /** kernel_variant.digest, 32 bytes. */
  readonly kernelDigest: Uint8Array
}

export interface FabricJob {
  /** Hex; unique among the jobs that are open. */
  readonly jobId: string
  /** Checked. */
  readonly program: Program
  /** BLAKE3 of each input, in order; the blobs are in the store. */
  readonly inputs: readonly Uint8Array[]
  readonly deadlineMs: number
}

export interface OutputRef {
  readonly digest: Uint8Array
  readonly lengthBytes: number
}

export interface RunDone {
  readonly kind: 'done'
  /** BLAKE3 of each op output, in program order. */
  readonly opDigests: readonly Uint8Array[]
  /** The program's outputs, in order. */
  readonly outputs: readonly OutputRef[]
  readonly outputDigest: Uint8Array
  readonly manifestDigest: Uint8Array
  /** Run time on the device, hashing of outputs included. */
  readonly micros: number
  readonly allocBytes: number
  readonly freeBytes: number
  /** Every allocation and release of the run, in order. */
  readonly profile: readonly AllocationEvent[]
}

export type RunOutcome =
  | RunDone
  | {
      readonly kind: 'failed'
      readonly refusal: Refusal
      /** As far as the process lived to tell them. */
      readonly profile?: readonly AllocationEvent[]
    }
  | { readonly kind: 'cancelled' }

export interface CancelHandle {
  /** Asks for an end; `done` still comes. */
  cancel(): void
}

export interface FabricExit {
  /** Exit code or signal name. */
  readonly reason: string
  /** Hex id of the job that was running, if any. */
  readonly jobId: string | undefined
}

export interface Fabric {
  readonly manifest: FabricManifest
  run(job: FabricJob, done: (outcome: RunOutcome) => void): CancelHandle
  /** Called whenever the process of the fabric dies unasked. It is started again by the next job. */
  onExit(listen: (exit: FabricExit) => void): void
}
