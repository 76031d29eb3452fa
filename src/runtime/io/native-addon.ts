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
  | { readonly kind: 'failed'; readonly code: number; readonly reason: string }
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
  openFabric(path: string, optionsJson: string): NativeDevice | { readonly refused: string }
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
