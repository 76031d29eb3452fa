/**
 * The tensor profile: what a run allocated and released, in a form in which two runs agree.
 *
 *   events of a run --profileOf--> epoch digest, counts, delta, what is still alive
 *                   --profileLines--> lines of the log --parseProfile--> the same again
 *
 * A log is a text of lines; its first names the version:
 *
 *   tensor-profile 1
 *   job <job> <fabric> <device>
 *   alloc <label> <bytes> <job> <device> <sequence>
 *   free <label> <bytes> <job> <device> <sequence>
 *   live <label> <bytes> <job> <device>             allocated and not released when the run ended
 *   end <job> <outcome> <allocations> <releases> <delta bytes> <epoch>
 *   reset                                           what stands above is not counted any more
 *
 * The epoch of a run is SHA-256("bt/profile/1" || u32 events || for each: u8 0 alloc, 1 free || u32
 * value || u64 bytes), over the events that follow from the program alone: those labelled `op-N`,
 * the outputs of its ops. Copies of inputs and scratch room differ between devices; they are in the
 * log and in the delta, not in the epoch.
 */

import { concatBytes, toHex, u32Bytes, u64Bytes, utf8 } from './bytes.ts'
import { sha256 } from './hash.ts'

export interface AllocationEvent {
  readonly kind: 'alloc' | 'free'
  /** A word; see `word`. */
  readonly label: string
  readonly bytes: number
}

export interface LiveLabel {
  readonly label: string
  readonly bytes: number
}

/** What the events of one run come to. */
export interface TensorProfile {
  readonly epoch: Uint8Array
  readonly allocations: number
  readonly releases: number
  /** Bytes allocated less bytes released; zero for a run that gives back what it took. */
  readonly deltaBytes: number
  /** Labels of what was never released, at most LIVE_LABELS_MAX. */
  readonly live: readonly LiveLabel[]
}

/** One run as the log tells it. */
export interface ProfiledJob extends Omit<TensorProfile, 'epoch'> {
  readonly job: string
  readonly fabric: string
  readonly device: string
  /** `done`, `failed`, `cancelled`, or `torn` when the log ends before the run does. */
  readonly outcome: string
  /** Hex, as the `end` line says; '' when there is none. */
  readonly epoch: string
  readonly events: readonly AllocationEvent[]
  /** Whether the events give the numbers and the epoch of the `end` line. */
  readonly agrees: boolean
}

export interface ParsedProfile {
  readonly jobs: readonly ProfiledJob[]
  /** Lines that are none of the family, or stand outside of a job. */
  readonly malformed: number
}

/** Who ran what, for the log. */
export interface ProfileHead {
  readonly job: string
  readonly fabric: string
  readonly device: string
  readonly outcome: 'done' | 'failed' | 'cancelled'
}

export const PROFILE_HEADER = 'tensor-profile 1'
export const PROFILE_RESET = 'reset'
/** Labels of leaks that are told one by one; bytes beyond them are in the delta. */
export const LIVE_LABELS_MAX = 16
/** Events of one run that are kept; a program has at most 4,096 ops, two events each. */
export const EVENTS_MAX = 16_384
const WORD_MAX = 128
const EPOCH_DOMAIN: Uint8Array = utf8('bt/profile/1')
const VALUE_LABEL = /^op-(\d{1,4})$/

/** Any text as one word of a line: at most 128 characters, the strange ones as hyphens. */
export function word(text: string): string {
  return text.slice(0, WORD_MAX).replace(/[^A-Za-z0-9._:/+-]+/g, '-') || '-'
}

/**
 * What every host does for a run: a buffer for the output of each op in program order, and all of
 * them released the other way round.
 * @param opBytes length of the output of each op
 */
export function hostEvents(opBytes: readonly number[]): AllocationEvent[] {
  const labels = opBytes.map((bytes, op) => ({ label: `op-${op}`, bytes }))
  return [
    ...labels.map((each) => ({ kind: 'alloc' as const, ...each })),
    ...labels.map((each) => ({ kind: 'free' as const, ...each })).reverse(),
  ]
}

/** @param events of one run, in order */
export function profileOf(events: readonly AllocationEvent[]): TensorProfile {
  const alive = new Map<string, number>()
  let [allocations, deltaBytes] = [0, 0]
  for (const { kind, label, bytes } of events) {
    const signed = kind === 'alloc' ? bytes : -bytes
    if (kind === 'alloc') allocations++
    deltaBytes += signed
    alive.set(label, (alive.get(label) ?? 0) + signed)
  }
  const live = [...alive]
    .filter(([, bytes]) => bytes > 0)
    .slice(0, LIVE_LABELS_MAX)
    .map(([label, bytes]) => ({ label, bytes }))
  const releases = events.length - allocations
  return { epoch: epochOf(events), allocations, releases, deltaBytes, live }
}

function epochOf(events: readonly AllocationEvent[]): Uint8Array {
  const counted = events.flatMap(({ kind, label, bytes }) => {
    const value = VALUE_LABEL.exec(label)?.[1]
    if (value === undefined) return []
    const side = new Uint8Array([kind === 'alloc' ? 0 : 1])
    return [concatBytes(side, u32Bytes(Number(value)), u64Bytes(BigInt(bytes)))]
  })
  return sha256(EPOCH_DOMAIN, u32Bytes(counted.length), ...counted)
}

/** The lines of one run, each ended. Events beyond EVENTS_MAX are left out, their sums are not. */
export function profileLines(head: ProfileHead, events: readonly AllocationEvent[]): string {
  const [job, fabric, device] = [word(head.job), word(head.fabric), word(head.device)]
  const { epoch, allocations, releases, deltaBytes, live } = profileOf(events)
  const lines = [
    `job ${job} ${fabric} ${device}`,
    ...events
      .slice(0, EVENTS_MAX)
      .map(({ kind, label, bytes }, at) => `${kind} ${label} ${bytes} ${job} ${device} ${at + 1}`),
    ...live.map(({ label, bytes }) => `live ${label} ${bytes} ${job} ${device}`),
    `end ${job} ${head.outcome} ${allocations} ${releases} ${deltaBytes} ${toHex(epoch)}`,
  ]
  return `${lines.join('\n')}\n`
}

interface OpenJob {
  readonly job: string
  readonly fabric: string
  readonly device: string
  readonly events: AllocationEvent[]
}

/** What has been read so far. */
interface Reading {
  jobs: ProfiledJob[]
  open: OpenJob | undefined
  malformed: number
}

/**
 * Reads a log that anybody may have written: a line that is none of the family is counted and
 * passed over. A log of another version has no lines of this family.
 * @returns the runs since the last reset
 */
export function parseProfile(text: string): ParsedProfile {
  const [header, ...lines] = text.split('\n').filter((line) => line !== '')
  if (header === undefined) return { jobs: [], malformed: 0 }
  if (header !== PROFILE_HEADER) return { jobs: [], malformed: lines.length + 1 }
  const reading: Reading = { jobs: [], open: undefined, malformed: 0 }
  for (const line of lines) readLine(reading, line.split(' '))
  closeTorn(reading)
  return { jobs: reading.jobs, malformed: reading.malformed }
}

function readLine(reading: Reading, fields: readonly string[]): void {
  const { open } = reading
  const [kind, first = '', second = '', third = ''] = fields
  if (kind === PROFILE_RESET && fields.length === 1) {
    reading.jobs = []
    reading.open = undefined
  } else if (kind === 'job' && fields.length === 4) {
    closeTorn(reading)
    reading.open = { job: first, fabric: second, device: third, events: [] }
  } else if (kind === 'end' && open?.job === first && fields.length === 7) {
    reading.jobs.push(endedJob(open, fields))
    reading.open = undefined
  } else if (open === undefined || !takeLine(open, fields)) {
    reading.malformed++
  }
}

/** A run whose end is missing was cut off: by a crash, or by a full disk. */
function closeTorn({ jobs, open }: Reading): void {
  if (open === undefined) return
  jobs.push({ ...open, ...profileOf(open.events), outcome: 'torn', epoch: '', agrees: false })
}

/** `alloc`, `free` and `live` lines; false for any other. */
function takeLine({ job, events }: OpenJob, fields: readonly string[]): boolean {
  const [kind, label = '', amount = '', named] = fields
  const bytes = whole(amount)
  if (bytes === undefined || label === '' || named !== job) return false
  if (kind === 'live') return fields.length === 5
  if ((kind !== 'alloc' && kind !== 'free') || fields.length !== 6) return false
  if (events.length < EVENTS_MAX) events.push({ kind, label, bytes })
  return true
}

function endedJob(
  { job, fabric, device, events }: OpenJob,
  fields: readonly string[],
): ProfiledJob {
  const [, , outcome = '', allocations, releases, delta, epoch = ''] = fields
  const sums = profileOf(events)
  const said = [allocations, releases, delta, epoch].join(' ')
  const found = [sums.allocations, sums.releases, sums.deltaBytes, toHex(sums.epoch)].join(' ')
  return {
    job,
    fabric,
    device,
    ...sums,
    outcome: word(outcome),
    epoch,
    events,
    agrees: said === found,
  }
}

function whole(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
