/**
 * Entry of a fabric's process: opens one fabric, runs op tables on blobs, writes what they make.
 *
 * It ends when its node does. Kernels run on threads of the fabric, so that a cancel is heard.
 */

import { equalBytes, toHex } from '../../base/bytes.ts'
import { type Refusal, RefusalError, refusal, refuse } from '../../base/refusal.ts'
import { type AllocationEvent, word } from '../../base/tensor-profile.ts'
import { loadAddon, type NativeAddon, type NativeRun } from '../../runtime/io/native-addon.ts'
import type {
  ComputeMessage,
  FabricChildConfig,
  FromFabric,
  RunMessage,
  ToFabric,
} from '../child-messages.ts'
import type { Wanted } from '../gather.ts'
import { traceManifest } from '../receipt-draft.ts'
import { diskRefusal, readBlobFile, writeBlobFiles } from './blob-files.ts'

function say(message: FromFabric): void {
  process.send?.(message)
}

function main(config: FabricChildConfig): void {
  // At once: an orderly exit would wait for kernels that nobody waits for any more.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  const addon = loadAddon(config.addonPath)
  const options = JSON.stringify({ ...config.options, threads: config.threads })
  const facts = addon.openFabric(config.fabricPath, options)
  if ('refused' in facts) {
    say({ kind: 'unusable', reason: facts.refused })
    return
  }
  const cancels = new Map<bigint, () => void>()
  process.on('message', (message: ToFabric) => {
    if (message.kind === 'cancel') cancels.get(message.runId)?.()
    else start(addon, config.blobFolder, cancels, message)
  })
  say({ kind: 'ready', facts })
}

function start(
  addon: NativeAddon,
  folder: string,
  cancels: Map<bigint, () => void>,
  message: RunMessage | ComputeMessage,
): void {
  const { runId } = message
  try {
    const given =
      message.kind === 'compute'
        ? message.given
        : message.given.map((blob) => readChecked(addon, folder, blob))
    const cancel = addon.fabricRun(message.table, runId, given, message.opBytes, (run) => {
      cancels.delete(runId)
      say(answerOf(addon, folder, message, run))
    })
    cancels.set(runId, cancel)
  } catch (error) {
    say({ kind: 'failed', runId, refusal: refusalOf(error), profile: [] })
  }
}

function readChecked(
  addon: NativeAddon,
  folder: string,
  { digest, lengthBytes }: Wanted,
): Uint8Array {
  const bytes = readBlobFile(folder, digest)
  const blob = toHex(digest)
  if (bytes === undefined) refuse('input_missing', { blob })
  if (bytes.length !== lengthBytes)
    refuse('input_missing', { blob, bytes: bytes.length, lengthBytes })
  if (!equalBytes(addon.blake3(bytes), digest)) refuse('input_corrupt', { blob })
  return bytes
}

function answerOf(
  addon: NativeAddon,
  folder: string,
  message: RunMessage | ComputeMessage,
  run: NativeRun,
): FromFabric {
  const { runId } = message
  if (run.kind === 'cancelled') return { kind: 'cancelled', runId }
  if (run.kind === 'failed') {
    const facts = { code: run.code, reason: run.reason }
    const profile = eventsOf(addon, runId)
    return { kind: 'failed', runId, refusal: refusal('fabric_refused', facts), profile }
  }
  return message.kind === 'compute'
    ? computedOf(addon, message, run)
    : keptOf(addon, folder, message, run)
}

type NativeDone = Extract<NativeRun, { kind: 'done' }>

function computedOf(addon: NativeAddon, message: ComputeMessage, run: NativeDone): FromFabric {
  const { runId, wantedOps } = message
  const opDigests = run.outputs.map((bytes) => addon.blake3(bytes))
  const outputs = wantedOps.map((op) => run.outputs[op] as Uint8Array)
  const profile = eventsOf(addon, runId)
  return { kind: 'computed', runId, opDigests, outputs, micros: run.micros, profile }
}

/** Writes what a run has made to the blob store, then says so. */
function keptOf(
  addon: NativeAddon,
  folder: string,
  message: RunMessage,
  run: NativeDone,
): FromFabric {
  const { runId } = message
  const manifest = traceManifest(run.opDigests)
  const manifestDigest = addon.blake3(manifest)
  const blobs = run.outputs.map((bytes, op) => ({ digest: run.opDigests[op] as Uint8Array, bytes }))
  blobs.push({ digest: manifestDigest, bytes: manifest })
  if (message.outputOps.length > 1) {
    // The output digest of several outputs names the list of their digests.
    const joined = traceManifest(message.outputOps.map((op) => run.opDigests[op] as Uint8Array))
    blobs.push({ digest: addon.blake3(joined), bytes: joined })
  }
  try {
    writeBlobFiles(folder, blobs)
  } catch (error) {
    return { kind: 'failed', runId, refusal: diskRefusal(error), profile: eventsOf(addon, runId) }
  }
  return {
    kind: 'done',
    runId,
    opDigests: run.opDigests,
    outputDigest: run.outputDigest,
    manifestDigest,
    written: blobs.map(({ digest, bytes }) => ({ digest, lengthBytes: bytes.length })),
    micros: run.micros,
    allocBytes: run.allocBytes,
    freeBytes: run.freeBytes,
    profile: eventsOf(addon, runId),
  }
}

/** Runs follow one another, so what has been noted since the last one belongs to this one. */
function eventsOf(addon: NativeAddon, runId: bigint): AllocationEvent[] {
  return addon
    .fabricProfile()
    .filter((line) => line.runId === runId)
    .map(({ kind, label, bytes }) => ({ kind, label: word(label), bytes }))
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal
  if ((error as NodeJS.ErrnoException).code !== undefined) return diskRefusal(error)
  return refusal('fabric_refused', { code: 0, reason: String((error as Error).message) })
}

main(JSON.parse(process.argv[2] ?? '{}') as FabricChildConfig)
