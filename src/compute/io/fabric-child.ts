/**
 * Entry of a fabric's process: opens one fabric, runs op tables on blobs, writes what they make.
 *
 *   limits -> load -> init -> probe -> known answers (of a stranger's fabric) -> ready -> runs
 *
 * It ends when its node does. Kernels run on threads of the fabric, so that a cancel is heard.
 */

import { unreachable } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { type Refusal, RefusalError, refusal, refuse } from '../../base/refusal.ts'
import { type AllocationEvent, word } from '../../base/tensor-profile.ts'
import { loadAddon, type NativeAddon, type NativeRun } from '../../runtime/io/native-addon.ts'
import type {
  ComputeMessage,
  FabricChildConfig,
  FromFabric,
  KnownAnswer,
  RunMessage,
  ToFabric,
} from '../child-messages.ts'
import { OWN_MEMORY_BYTES } from '../fabric-limits.ts'
import type { Wanted } from '../gather.ts'
import { traceManifest } from '../trace-manifest.ts'
import { diskRefusal, readBlobFile, writeBlobFiles } from './blob-files.ts'
import { openParent } from './child-channel.ts'

/** How often a run is looked at. */
const LOOK_MS = 50
/** Run ids from here on are known answers; no job is meant. */
const FIRST_ANSWER = 1n << 62n
/** Descriptors that are too few to write a result with. */
const DESCRIPTORS_SPARE = 8

interface Scene {
  readonly addon: NativeAddon
  readonly config: FabricChildConfig
  readonly say: (message: FromFabric) => void
  readonly cancels: Map<bigint, () => void>
}

function main(config: FabricChildConfig): void {
  const waiting: ToFabric[] = []
  let isReady = false
  const say = openParent<FromFabric, ToFabric>((message) => {
    if (message.kind === 'answers') void examine(scene, message.answers).then(begin)
    else if (isReady) serve(scene, message)
    else waiting.push(message)
  })
  const addon = loadAddon(config.addonPath)
  const scene: Scene = { addon, config, say, cancels: new Map() }
  limit(scene)
  const facts = open(scene)
  if ('code' in facts) say({ kind: 'unusable', refusal: facts })
  else if (config.isForeign) say({ kind: 'step', step: 'answers' })
  else begin(undefined)

  function begin(fault: Refusal | undefined): void {
    if ('code' in facts) return
    tell(scene)
    if (fault !== undefined) {
      say({ kind: 'unusable', refusal: fault })
      return
    }
    isReady = true
    rest(scene)
    say({ kind: 'ready', facts })
    for (const message of waiting.splice(0)) serve(scene, message)
  }
}

function limit({ addon, config, say }: Scene): void {
  const { memoryBytes, fileBytes, descriptors, isAlone } = config.limits
  const missing = addon.limitProcess({
    // What the system refuses lies above what the node looks for, so that excess has a name.
    memoryBytes: memoryBytes === 0 ? 0 : memoryBytes + OWN_MEMORY_BYTES,
    fileBytes,
    descriptors,
    isAlone,
    parentPid: process.ppid,
  })
  if (config.isForeign && missing !== '') {
    say({ kind: 'told', lines: [`limits that this system does not know: ${missing}`] })
  }
}

function open({ addon, config, say }: Scene) {
  const options = JSON.stringify({ ...config.options, threads: config.threads })
  const facts = addon.openFabric(config.fabricPath, options, config.isForeign, (step) =>
    say({ kind: 'step', step }),
  )
  return 'refused' in facts ? refusal(facts.refused, { reason: facts.reason }) : facts
}

/** Between runs a fabric has nothing to do, and hardly any time to do it in. */
function rest({ addon, config }: Scene): void {
  if (config.limits.idleCpuSeconds > 0) addon.limitCpu(config.limits.idleCpuSeconds)
}

function tell({ addon, say }: Scene): void {
  const lines = addon.fabricLines()
  if (lines.length > 0) say({ kind: 'told', lines })
}

/** Says so when a call into the fabric does not return; whoever hears it ends this process. */
async function watched<Value>(scene: Scene, act: () => Promise<Value>): Promise<Value> {
  const { addon, config, say } = scene
  addon.limitCpu(0)
  const timer = setInterval(() => {
    const phase = addon.fabricPhase()
    if (phase === undefined || phase.forMs <= config.limits.callMs) return
    say({ kind: 'hung', during: phase.name, forMs: phase.forMs })
  }, LOOK_MS)
  try {
    return await act()
  } finally {
    clearInterval(timer)
    rest(scene)
  }
}

/** @returns why the fabric is not to be believed, or nothing */
async function examine(
  scene: Scene,
  answers: readonly KnownAnswer[],
): Promise<Refusal | undefined> {
  const { addon } = scene
  let asked = 0
  for (const answer of answers) {
    if (addon.fabricSupports(answer.table) !== -1) continue
    const run = await runOf(scene, answer, FIRST_ANSWER + BigInt(asked++))
    const fault = faultOf(answer, run)
    if (fault !== undefined) return fault
  }
  addon.fabricProfile()
  return asked > 0 ? undefined : refusal('fabric_unusable', { reason: 'it supports no op' })
}

function faultOf({ op, expected }: KnownAnswer, run: NativeRun): Refusal | undefined {
  if (run.kind === 'failed') return refusal(run.refused, { op, reason: run.reason })
  const made = run.kind === 'done' ? run.outputs[0] : undefined
  return made !== undefined && equalBytes(made, expected)
    ? undefined
    : refusal('fabric_bits_wrong', { op })
}

function serve(scene: Scene, message: ToFabric): void {
  switch (message.kind) {
    case 'answers':
      return
    case 'cancel':
      scene.cancels.get(message.runId)?.()
      return
    case 'run':
    case 'compute':
      void start(scene, message)
      return
    default:
      unreachable(message)
  }
}

interface Wish {
  readonly table: Uint8Array
  readonly given: readonly Uint8Array[]
  readonly opBytes: readonly number[]
}

function runOf(scene: Scene, { table, given, opBytes }: Wish, runId: bigint): Promise<NativeRun> {
  const { addon, cancels } = scene
  return watched(
    scene,
    () =>
      new Promise<NativeRun>((resolve) => {
        cancels.set(runId, addon.fabricRun(table, runId, given, opBytes, resolve))
      }),
  ).finally(() => cancels.delete(runId))
}

async function start(scene: Scene, message: RunMessage | ComputeMessage): Promise<void> {
  const { say } = scene
  const { runId } = message
  try {
    const given = givenOf(scene, message)
    const run = await runOf(scene, { ...message, given }, runId)
    tell(scene)
    say(answerOf(scene, message, run))
  } catch (error) {
    say({ kind: 'failed', runId, refusal: refusalOf(error), profile: [] })
  }
}

function givenOf(scene: Scene, message: RunMessage | ComputeMessage): readonly Uint8Array[] {
  if (message.kind === 'run') return message.given.map((blob) => readChecked(scene, blob))
  return message.given.map((bytes) => {
    const kept = guarded(scene.addon, bytes.length)
    kept.set(bytes)
    return kept
  })
}

/** Memory that a fabric may see, between guards. */
function guarded(addon: NativeAddon, lengthBytes: number): Uint8Array {
  const exhausted = { code: 4, reason: 'no memory for an input' }
  return addon.guardedBytes(lengthBytes) ?? refuse('fabric_refused', exhausted)
}

function readChecked({ addon, config }: Scene, { digest, lengthBytes }: Wanted): Uint8Array {
  const bytes = readBlobFile(config.blobFolder, digest, (length) => guarded(addon, length))
  const blob = toHex(digest)
  if (bytes === undefined) refuse('input_missing', { blob })
  if (bytes.length !== lengthBytes)
    refuse('input_missing', { blob, bytes: bytes.length, lengthBytes })
  if (!equalBytes(addon.blake3(bytes), digest)) refuse('input_corrupt', { blob })
  return bytes
}

function answerOf(scene: Scene, message: RunMessage | ComputeMessage, run: NativeRun): FromFabric {
  const { runId } = message
  if (run.kind === 'cancelled') return { kind: 'cancelled', runId }
  if (run.kind === 'failed') {
    const { refused, code, reason } = run
    return failed(scene.addon, runId, refusal(refused, { code, reason }))
  }
  const short = shortOfDescriptors(scene)
  if (short !== undefined) return failed(scene.addon, runId, short)
  return message.kind === 'compute'
    ? computedOf(scene.addon, message, run)
    : keptOf(scene, message, run)
}

function failed(addon: NativeAddon, runId: bigint, reason: Refusal): FromFabric {
  return { kind: 'failed', runId, refusal: reason, profile: eventsOf(addon, runId) }
}

/** A fabric that keeps every descriptor open leaves none to write its result with. */
function shortOfDescriptors({ addon, config }: Scene): Refusal | undefined {
  const most = config.limits.descriptors
  if (most === 0) return undefined
  const { descriptors } = addon.processFacts()
  if (descriptors >= 0 && descriptors <= most - DESCRIPTORS_SPARE) return undefined
  return refusal('fabric_descriptors_exceeded', { most })
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
function keptOf({ addon, config }: Scene, message: RunMessage, run: NativeDone): FromFabric {
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
    writeBlobFiles(config.blobFolder, blobs)
  } catch (error) {
    return failed(addon, runId, diskRefusal(error))
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
