/**
 * What is said between the node and its children. Structured clones, one object a message; a child
 * never sees a program but the verifier, which builds fraud proofs.
 */

import type { Refusal } from '../base/refusal.ts'
import type { AllocationEvent } from '../base/tensor-profile.ts'
import type { Wanted } from './gather.ts'

/** Settings that a fabric's `init` is given as one JSON object. */
export type FabricOptions = Readonly<Record<string, string | number | boolean>>

/** How a fabric child is started: one JSON argument. */
export interface FabricChildConfig {
  readonly addonPath: string
  readonly fabricPath: string
  readonly blobFolder: string
  /** 0: one for each core. */
  readonly threads: number
  readonly options?: FabricOptions
}

export interface RunMessage {
  readonly kind: 'run'
  readonly runId: bigint
  readonly table: Uint8Array
  /** Inputs, then weights. */
  readonly given: readonly Wanted[]
  readonly opBytes: readonly number[]
  /** The op that makes each program output. */
  readonly outputOps: readonly number[]
}

/** A run on bytes at hand, of which nothing is kept: for tools, not for jobs. */
export interface ComputeMessage {
  readonly kind: 'compute'
  readonly runId: bigint
  readonly table: Uint8Array
  /** Inputs, then weights. */
  readonly given: readonly Uint8Array[]
  readonly opBytes: readonly number[]
  /** The ops whose bytes are wanted back; of all others the digest is enough. */
  readonly wantedOps: readonly number[]
}

export type ToFabric =
  | RunMessage
  | ComputeMessage
  | { readonly kind: 'cancel'; readonly runId: bigint }

/** The device of an opened fabric, as native code says it. */
export interface DeviceFacts {
  readonly fabric: string
  readonly version: string
  /** 0 CPU, 1 GPU, 2 other. */
  readonly kind: number
  /** Bits of FABRIC_CAP_* in native/plugin/fabric.h. */
  readonly caps: number
  readonly computeUnits: number
  readonly memoryTotalBytes: number
  readonly memoryFreeBytes: number
  readonly device: string
  readonly vendor: string
  readonly driver: string
  readonly isa: string
  readonly kernelDigest: Uint8Array
}

export type FromFabric =
  | { readonly kind: 'ready'; readonly facts: DeviceFacts }
  | { readonly kind: 'unusable'; readonly reason: string }
  | {
      readonly kind: 'done'
      readonly runId: bigint
      readonly opDigests: readonly Uint8Array[]
      readonly outputDigest: Uint8Array
      readonly manifestDigest: Uint8Array
      /** Every blob written, the manifests included. */
      readonly written: readonly Wanted[]
      readonly micros: number
      readonly allocBytes: number
      readonly freeBytes: number
      readonly profile: readonly AllocationEvent[]
    }
  | {
      readonly kind: 'computed'
      readonly runId: bigint
      /** Of the bytes that the fabric has made, whatever it says of them. */
      readonly opDigests: readonly Uint8Array[]
      /** Bytes of the wanted ops, in the order in which they were asked for. */
      readonly outputs: readonly Uint8Array[]
      readonly micros: number
      readonly profile: readonly AllocationEvent[]
    }
  | {
      readonly kind: 'failed'
      readonly runId: bigint
      readonly refusal: Refusal
      readonly profile: readonly AllocationEvent[]
    }
  | { readonly kind: 'cancelled'; readonly runId: bigint }

export interface VerifyMessage {
  readonly kind: 'verify'
  readonly requestId: number
  readonly verification: 'fold' | 'replay'
  readonly receiptId: Uint8Array
  readonly secret: Uint8Array
  readonly table: Uint8Array
  readonly programBytes: Uint8Array
  readonly inputDigests: readonly Uint8Array[]
  readonly outputDigest: Uint8Array
  readonly traceRoot: Uint8Array
  readonly manifestDigest: Uint8Array
}

export type FromVerifier =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'valid'; readonly requestId: number; readonly micros: number }
  | {
      readonly kind: 'invalid'
      readonly requestId: number
      readonly micros: number
      readonly opIndex: number
      readonly element: number
      readonly fraudProof: Uint8Array | undefined
    }
  /** A blob that is absent or damaged here, or that is whole and not what was signed. */
  | {
      readonly kind: 'lacks'
      readonly requestId: number
      readonly blob: Wanted
      readonly isToFetch: boolean
    }
