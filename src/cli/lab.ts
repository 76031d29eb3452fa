/** What the lab commands share: the log's file, the subjects, this machine, and who computes. */

import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { cpus, machine, release, type as systemName, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { fromHex, utf8, ZERO_32 } from '../base/bytes.ts'
import type { DeviceFacts } from '../compute/child-messages.ts'
import { readGoldenSuites } from '../compute/io/golden-vectors.ts'
import {
  byReference,
  type Compute,
  type LabBits,
  type LabSubject,
  onDevice,
  vectorsSubject,
} from '../compute/io/lab-run.ts'
import { COVERS, type LabEntry, NAME_BYTES_MAX, TEXT_BYTES_MAX } from '../compute/lab-entry.ts'
import { type LabLog, LOG_BYTES_MAX, readLabLog } from '../compute/lab-log.ts'
import { REPOSITORY_ROOT } from '../runtime/io/native-addon.ts'
import type { Context, Input } from './context.ts'
import { openTarget, type Target, whyNot } from './fabrics.ts'
import { EXIT, fail } from './failure.ts'
import { readText } from './files.ts'
import { readLabSet } from './lab-set.ts'
import { printable } from './render.ts'

/** The loops of the specification, as a fabric. */
export const REFERENCE = 'reference'

const LOG_DEFAULT = 'runs/lab.jsonl'
const SET_DEFAULT: string = join(REPOSITORY_ROOT, 'examples/lab/set.json')

export function labPath({ cwd }: Context, { options }: Input): string {
  return resolve(cwd, typeof options['log'] === 'string' ? options['log'] : LOG_DEFAULT)
}

/** @throws CliFailure lab_log_unreadable. @throws RefusalError of `readLabLog` */
export function readLog(path: string): LabLog {
  return readLabLog(readText(path, 'lab_log_unreadable', LOG_BYTES_MAX))
}

/** Whole or not at all. @throws CliFailure lab_log_unwritable */
export function writeLog(path: string, text: string): void {
  const draft = `${path}.new`
  try {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(draft, 'w', 0o644)
    try {
      const bytes = utf8(text)
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    fail(EXIT.failed, 'lab_log_unwritable', { path, reason })
  }
}

/** The programs of the set, then the golden vectors; `--only` keeps those whose name begins so. */
export function labSubjects({ cwd }: Context, input: Input): LabSubject[] {
  const set = input.options['set']
  const all = [
    ...readLabSet(typeof set === 'string' ? resolve(cwd, set) : SET_DEFAULT),
    ...readGoldenSuites().map(vectorsSubject),
  ]
  const kept = all.filter(({ name }) => isAsked(input, name))
  return kept.length > 0 ? kept : fail(EXIT.usage, 'lab_subject_unknown', { subjects: all.length })
}

/** Whether `--only` keeps what has this name. */
export function isAsked({ options }: Input, name: string): boolean {
  const only = options['only']
  return !Array.isArray(only) || only.some((start) => name.startsWith(String(start)))
}

/** Somebody who computes: a fabric in its process, or the loops in this one. */
export interface Computer {
  readonly compute: Compute
  readonly facts: LabEntry['fabric']
  close(): Promise<void>
}

/** @param target undefined: the loops of the specification. @returns why not, in words */
export async function openComputer(target: Target | undefined): Promise<Computer | string> {
  if (target === undefined) {
    return { compute: byReference, facts: REFERENCE_FACTS, close: () => Promise.resolve() }
  }
  const { device, refused } = await openTarget(target, 0)
  if (refused !== undefined) return whyNot(refused)
  const { facts } = device
  return { compute: onDevice(device), facts: fabricFacts(facts), close: () => device.close() }
}

const REFERENCE_FACTS: LabEntry['fabric'] = {
  name: utf8(REFERENCE),
  version: utf8('1'),
  isa: utf8('none'),
  device: utf8('TypeScript'),
  vendor: utf8('blocktorch'),
  driver: utf8(''),
  kernelDigest: ZERO_32,
}

function fabricFacts(facts: DeviceFacts): LabEntry['fabric'] {
  return {
    name: cut(facts.fabric, NAME_BYTES_MAX),
    version: cut(facts.version, NAME_BYTES_MAX),
    isa: cut(facts.isa, NAME_BYTES_MAX),
    device: cut(facts.device, TEXT_BYTES_MAX),
    vendor: cut(facts.vendor, TEXT_BYTES_MAX),
    driver: cut(facts.driver, TEXT_BYTES_MAX),
    kernelDigest: facts.kernelDigest,
  }
}

/** What entries made here and now have in common. */
export type LabPlace = Pick<LabEntry, 'machine' | 'timeMs' | 'commit' | 'modified' | 'benchmark'>

export function labPlace(): LabPlace {
  const commit = git('rev-parse', 'HEAD')
  return {
    machine: {
      system: cut(`${systemName()} ${release()} ${machine()}`, TEXT_BYTES_MAX),
      processor: cut(cpus()[0]?.model ?? '', TEXT_BYTES_MAX),
      cores: cpus().length,
      memoryBytes: BigInt(totalmem()),
      runtime: cut(`node ${process.version}`, NAME_BYTES_MAX),
    },
    timeMs: BigInt(Date.now()),
    commit: utf8(/^[0-9a-f]{40}$/.test(commit) ? commit : ''),
    modified: git('status', '--porcelain') !== '',
    benchmark: utf8(benchmarkOf(commit)),
  }
}

export function labEntry(
  { name, covers, program, inputs, outputs }: LabSubject,
  { ops, outputDigest, profileEpoch }: LabBits,
  fabric: LabEntry['fabric'],
  place: LabPlace,
): LabEntry {
  const about = { name: utf8(name), covers: COVERS.indexOf(covers), program, inputs, outputs }
  return { ...about, ops, outputDigest, profileEpoch, fabric, ...place }
}

/** Outside of a checkout, or without git, nothing is known. */
function git(...args: readonly string[]): string {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return execFileSync('git', args, { cwd: REPOSITORY_ROOT, encoding: 'utf8', stdio }).trim()
  } catch {
    return ''
  }
}

/** Figures of this commit, under its full or its short name. */
function benchmarkOf(commit: string): string {
  const folder = join(REPOSITORY_ROOT, 'bench/results')
  if (commit === '' || !existsSync(folder)) return ''
  const found = readdirSync(folder).find((name) => name.length >= 7 && commit.startsWith(name))
  const file = `bench/results/${found ?? ''}/benchmarks.json`
  return found !== undefined && existsSync(join(REPOSITORY_ROOT, file)) ? file : ''
}

/** Text of a fabric or a system in at most so many bytes. */
function cut(text: string, bytesMax: number): Uint8Array {
  return utf8(
    printable(text)
      .replace(/[^ -~]/g, '?')
      .slice(0, bytesMax),
  )
}

/** @throws CliFailure lab_digest_malformed */
export function digestOption({ options }: Input, name: string): Uint8Array | undefined {
  const given = options[name]
  if (given === undefined) return undefined
  const text = String(given)
  return /^[0-9a-f]{64}$/.test(text)
    ? fromHex(text, 32)
    : fail(EXIT.usage, 'id_malformed', { option: name, id: text.slice(0, 80) })
}
