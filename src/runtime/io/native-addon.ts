/**
 * Loads the native addon and says what it offers; the only place that knows where it lies.
 *
 * Source: native/binding/addon.cpp, which checks every argument again.
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { refuse } from '../../base/refusal.ts'

export interface NativeDevice {
  readonly fabric: string
  readonly version: string
  /** 0 CPU, 1 GPU, 2 other. */
  readonly kind: number
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

export interface NativeRefusal {
  /** A code of `src/compute/refusals.ts`. */
  readonly refused: string
  readonly reason: string
}

/** 0 for no limit. */
export interface NativeLimits {
  readonly memoryBytes: number
  readonly fileBytes: number
  readonly descriptors: number
  /** Without processes of its own, sockets, and signals to others. */
  readonly isAlone: boolean
  /** The process that is not outlived. */
  readonly parentPid: number
}

export type NativeRun =
  | {
      readonly kind: 'done'
      readonly outputs: readonly Uint8Array[]
      readonly opDigests: readonly Uint8Array[]
      readonly outputDigest: Uint8Array
      readonly micros: number
      readonly allocBytes: number
      readonly freeBytes: number
    }
  | {
      readonly kind: 'failed'
      /** A code of `src/compute/refusals.ts`. */
      readonly refused: string
      /** FABRIC_* as the fabric gave it; 0 when the host found the fault. */
      readonly code: number
      readonly reason: string
    }
  | { readonly kind: 'cancelled' }

export interface NativeFold {
  readonly valid: boolean
  readonly opIndex: number
  readonly element: number
  /** BLAKE3 of every value. */
  readonly digests: readonly Uint8Array[]
  readonly micros: number
}

export interface ProfileLine {
  readonly kind: 'alloc' | 'free'
  readonly label: string
  readonly bytes: number
  readonly runId: bigint
  readonly sequence: number
}

export interface NativeAddon {
  blake3(bytes: Uint8Array, key?: Uint8Array): Uint8Array
  blake3Async(bytes: Uint8Array, done: (digest: Uint8Array) => void): void
  /** `digest` is absent when the file cannot be read. */
  blake3File(
    path: string,
    done: (digest: Uint8Array | undefined, lengthBytes: number) => void,
  ): void
  /**
   * @param isForeign written by others: outputs are hashed here, and signals looked after
   * @param onStep told of each step before it is taken
   */
  openFabric(
    path: string,
    optionsJson: string,
    isForeign?: boolean,
    onStep?: (step: 'load' | 'init' | 'probe') => void,
  ): NativeDevice | NativeRefusal
  /** -1 when every op is supported, else the first that is not; -2 for a malformed table. */
  fabricSupports(table: Uint8Array): number
  fabricCost(table: Uint8Array): { estimateMicros: number; memoryPeakBytes: number } | undefined
  /** Runs on a thread of its own; returns what cancels it. */
  fabricRun(
    table: Uint8Array,
    runId: bigint,
    given: readonly Uint8Array[],
    opBytes: readonly number[],
    done: (run: NativeRun) => void,
  ): () => void
  fabricProfile(): readonly ProfileLine[]
  /** What the fabric logged and measured since the last call. */
  fabricLines(): readonly string[]
  /** The call into the fabric that has not returned yet. */
  fabricPhase(): { readonly name: string; readonly forMs: number } | undefined
  /** Memory between guards, which every run looks at; undefined when there is none. */
  guardedBytes(lengthBytes: number): Uint8Array | undefined
  /** @returns the limits that the system does not know, joined by commas */
  limitProcess(limits: NativeLimits): string
  /** Processor seconds that are left; 0 for no limit. */
  limitCpu(seconds: number): void
  /** Of this process; -1 where the system does not tell. */
  processFacts(): { readonly descriptors: number; readonly threads: number }
  /** Blocks until the verdict; for the verifier process. */
  foldVerify(
    table: Uint8Array,
    values: readonly Uint8Array[],
    secret: Uint8Array,
    receiptId: Uint8Array,
    threads: number,
  ): NativeFold
}

/** The root of the repository: compiled files lie three folders below the build's own folder. */
export const REPOSITORY_ROOT: string = join(dirname(fileURLToPath(import.meta.url)), '../../../..')
/** What the set-up built, or another build of it, such as the sanitized one. */
export const NATIVE_DIR: string =
  process.env['TB_NATIVE_DIR'] ?? join(REPOSITORY_ROOT, 'build/native')
export const ADDON_PATH: string = join(NATIVE_DIR, 'blocktorch.node')
export const CPU_FABRIC_PATH: string = join(NATIVE_DIR, 'libblocktorch_cpu.so')

/** @throws RefusalError native_addon_missing */
export function loadAddon(path: string = ADDON_PATH): NativeAddon {
  if (!existsSync(path)) refuse('native_addon_missing', { file: 'build/native/blocktorch.node' })
  return createRequire(import.meta.url)(path) as NativeAddon
}
