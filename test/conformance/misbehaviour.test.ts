/**
 * Fabrics that break a rule each, in the process that jobs run in: the node lives, the rule is
 * named, and the next job of the same fabric is done by a fresh process.
 */

import { strict as check } from 'node:assert'
import { copyFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { toHex } from '../../src/base/bytes.ts'
import { blake3 } from '../../src/base/hash.ts'
import { type Refusal, RefusalError } from '../../src/base/refusal.ts'
import type { FabricJob, RunOutcome } from '../../src/compute/fabric.ts'
import { type FabricLimits, FOREIGN_LIMITS } from '../../src/compute/fabric-limits.ts'
import {
  type BlobStore,
  DEFAULT_BLOB_LIMITS,
  openBlobStore,
} from '../../src/compute/io/blob-store.ts'
import { type FabricProcess, openFabricProcess } from '../../src/compute/io/fabric-process.ts'
import { addon, withFolder } from '../unit/compute/native.ts'
import { repositoryFile } from '../unit/program/files.ts'
import { honestRun, int8Sample } from '../unit/program/samples.ts'

const MIB = 1024 * 1024
/** Narrow enough that no case takes long. */
const LIMITS: FabricLimits = {
  ...FOREIGN_LIMITS,
  memoryBytes: 300 * MIB,
  threads: 64,
  descriptors: 96,
  fileBytes: 4 * MIB,
  idleCpuSeconds: 1,
  cancelMs: 300,
}
/** For those who do not return: a slow machine is not to be taken for one of them. */
const HASTY: FabricLimits = {
  ...LIMITS,
  stepMs: { load: 6_000, init: 1_500, probe: 1_500, answers: 30_000 },
  callMs: 1_600,
}

interface Case {
  /** What the fabric does, as native/test/misbehave.cpp names it. */
  readonly rule: string
  readonly code: string
  readonly during?: string
  readonly reason?: RegExp
}

const AT_OPENING: readonly Case[] = [
  { rule: 'null-table', code: 'fabric_version_foreign' },
  { rule: 'wrong-major', code: 'fabric_version_foreign', reason: /major 2/ },
  { rule: 'struct-size', code: 'fabric_struct_size', reason: /^8 bytes/ },
  { rule: 'null-function', code: 'fabric_function_missing', reason: /^run_wait$/ },
  { rule: 'long-name', code: 'fabric_answer_wrong', reason: /1 to 32/ },
  { rule: 'exit-in-load', code: 'fabric_exited', during: 'load' },
  { rule: 'hang-in-load', code: 'fabric_hung', during: 'load' },
  { rule: 'crash-in-init', code: 'fabric_crashed', during: 'init', reason: /SIGSEGV/ },
  { rule: 'hang-in-init', code: 'fabric_hung', during: 'init' },
  { rule: 'refuse-init', code: 'fabric_init_failed' },
  { rule: 'signals-in-init', code: 'fabric_signals_changed', reason: /^signal 2$/ },
  { rule: 'crash-in-probe', code: 'fabric_crashed', during: 'probe' },
  { rule: 'hang-in-probe', code: 'fabric_hung', during: 'probe' },
  { rule: 'no-device', code: 'fabric_unusable' },
  { rule: 'null-device', code: 'fabric_answer_wrong', reason: /null device/ },
  { rule: 'wrong-bits', code: 'fabric_bits_wrong' },
]

const IN_A_RUN: readonly Case[] = [
  { rule: 'crash-in-run', code: 'fabric_crashed', during: 'run', reason: /SIGSEGV/ },
  { rule: 'abort-in-run', code: 'fabric_crashed', during: 'run', reason: /SIGABRT/ },
  { rule: 'exit-in-run', code: 'fabric_exited', during: 'run', reason: /exit 0/ },
  { rule: 'hang-in-start', code: 'fabric_hung', during: 'run_start' },
  { rule: 'hang-in-run', code: 'fabric_hung', during: 'run_wait' },
  { rule: 'unasked-cancel', code: 'fabric_answer_wrong', reason: /nobody cancelled/ },
  { rule: 'unknown-code', code: 'fabric_answer_wrong', reason: /77/ },
  { rule: 'wrong-receipt', code: 'fabric_receipt_wrong', reason: /op outputs/ },
  { rule: 'wrong-output-digest', code: 'fabric_receipt_wrong', reason: /output digest/ },
  { rule: 'leak', code: 'fabric_leaked', reason: /^4096 bytes, first scratch$/ },
  { rule: 'overrun', code: 'fabric_overran' },
  { rule: 'underrun', code: 'fabric_overran' },
  { rule: 'memory-bomb', code: 'fabric_memory_exceeded' },
  { rule: 'thread-bomb', code: 'fabric_threads_exceeded' },
  { rule: 'fork', code: 'fabric_forked' },
  { rule: 'exec', code: 'fabric_forked' },
  { rule: 'flood-output', code: 'fabric_flooded' },
  { rule: 'flood-errors', code: 'fabric_flooded' },
  { rule: 'descriptors', code: 'fabric_descriptors_exceeded' },
  { rule: 'signals-in-run', code: 'fabric_signals_changed' },
  { rule: 'garble-line', code: 'fabric_answer_wrong', reason: /wrote to the line/ },
  { rule: 'close-line', code: 'fabric_answer_wrong', reason: /closed the line/ },
]

/** A fabric that breaks one rule: its file is named after it. */
function badFabric(folder: string, rule: string): string {
  const path = join(folder, `${rule}.so`)
  copyFileSync(repositoryFile('build/native/misbehave.so'), path)
  return path
}

function open(blobs: BlobStore, fabricPath: string): Promise<FabricProcess> {
  const limits = basename(fabricPath).startsWith('hang') ? HASTY : LIMITS
  return openFabricProcess({ blobs, fabricPath, isForeign: true, threads: 1, limits })
}

async function refusalOf(opening: Promise<FabricProcess>): Promise<Refusal> {
  try {
    await (await opening).close()
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal
    throw error
  }
  return check.fail('it was opened')
}

function isNamed(found: Refusal, { code, during, reason }: Case): void {
  const text = JSON.stringify({ ...found.facts })
  check.equal(found.code, code, text)
  if (during !== undefined) check.equal(found.facts['during'], during, text)
  if (reason !== undefined) check.match(String(found.facts['reason']), reason)
}

const HONEST = honestRun(int8Sample(), 7)
let jobs = 0

async function jobOn(blobs: BlobStore): Promise<FabricJob> {
  const put = (bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve) => blobs.put(bytes, resolve))
  const { program, weights } = HONEST.named
  for (const bytes of weights) await put(bytes)
  const inputs = await Promise.all(HONEST.inputs.map(put))
  return { jobId: `job-${++jobs}`, program, inputs, deadlineMs: 10_000 }
}

function run(fabric: FabricProcess, job: FabricJob, cancelAfterMs?: number): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const running = fabric.run(job, resolve)
    if (cancelAfterMs !== undefined) setTimeout(() => running.cancel(), cancelAfterMs)
  })
}

async function goesOn(blobs: BlobStore, fabric: FabricProcess): Promise<void> {
  const outcome = await run(fabric, await jobOn(blobs))
  check.ok(outcome.kind === 'done', JSON.stringify(outcome))
  check.equal(toHex(outcome.outputDigest), toHex(blake3(HONEST.outputs.at(-1) ?? new Uint8Array())))
}

describe('a fabric that misbehaves', function () {
  this.timeout(120_000)

  for (const bad of AT_OPENING) {
    it(`${bad.rule}: is refused as ${bad.code}`, () =>
      withFolder(async (folder) => {
        const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
        isNamed(await refusalOf(open(blobs, badFabric(folder, bad.rule))), bad)
      }))
  }

  it('is refused when it is no shared object, or exports no entry', () =>
    withFolder(async (folder) => {
      const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
      const text = join(folder, 'text.so')
      writeFileSync(text, 'not a shared object')
      check.equal((await refusalOf(open(blobs, text))).code, 'fabric_not_loadable')
      const mute = repositoryFile('build/native/misbehave-mute.so')
      check.equal((await refusalOf(open(blobs, mute))).code, 'fabric_entry_missing')
    }))

  for (const bad of IN_A_RUN) {
    it(`${bad.rule}: fails the job as ${bad.code}, and does the next`, () =>
      withFolder(async (folder) => {
        const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
        const fabric = await open(blobs, badFabric(folder, bad.rule))
        try {
          const exits: Refusal[] = []
          fabric.onExit(({ refusal }) => exits.push(refusal))
          const job = await jobOn(blobs)
          const outcome = await run(fabric, job)
          check.ok(outcome.kind === 'failed', JSON.stringify(outcome.kind))
          isNamed(outcome.refusal, bad)
          check.equal(outcome.refusal.facts['job'], job.jobId)
          check.deepEqual(exits, [outcome.refusal])
          await goesOn(blobs, fabric)
        } finally {
          await fabric.close()
        }
      }))
  }

  for (const rule of ['hang-in-cancel', 'endless-run']) {
    it(`${rule}: loses its process when a job is cancelled, and does the next`, () =>
      withFolder(async (folder) => {
        const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
        const fabric = await open(blobs, badFabric(folder, rule))
        try {
          const exits: Refusal[] = []
          fabric.onExit(({ refusal }) => exits.push(refusal))
          check.deepEqual(await run(fabric, await jobOn(blobs), 50), { kind: 'cancelled' })
          isNamed(exits[0] as Refusal, { rule, code: 'fabric_hung', during: 'cancel' })
          await goesOn(blobs, fabric)
        } finally {
          await fabric.close()
        }
      }))
  }

  it('busy-after-run: is ended while nothing is asked of it, and does the next', () =>
    withFolder(async (folder) => {
      const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
      const fabric = await open(blobs, badFabric(folder, 'busy-after-run'))
      try {
        const ended = new Promise<Refusal>((resolve) =>
          fabric.onExit(({ refusal }) => resolve(refusal)),
        )
        await goesOn(blobs, fabric)
        isNamed(await ended, { rule: '', code: 'fabric_busy', during: 'idle' })
        await goesOn(blobs, fabric)
      } finally {
        await fabric.close()
      }
    }))

  for (const [rule, what] of [
    ['kill-node', 'can send no signal to the node'],
    ['file', 'cannot fill the disk'],
  ] as const) {
    it(`${rule}: ${what}, and does its job`, () =>
      withFolder(async (folder) => {
        const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
        const fabric = await open(blobs, badFabric(folder, rule))
        try {
          await goesOn(blobs, fabric)
        } finally {
          await fabric.close()
        }
      }))
  }

  it('leaves the fabrics of others alone', () =>
    withFolder(async (folder) => {
      const blobs = openBlobStore(folder, DEFAULT_BLOB_LIMITS, addon())
      const own = await openFabricProcess({ blobs, threads: 1 })
      const bad = await open(blobs, badFabric(folder, 'crash-in-run'))
      try {
        const [outcome] = await Promise.all([run(bad, await jobOn(blobs)), goesOn(blobs, own)])
        check.equal(outcome.kind, 'failed')
        await goesOn(blobs, own)
      } finally {
        await Promise.all([own.close(), bad.close()])
      }
    }))
})
