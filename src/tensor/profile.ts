/**
 * The profile of a library user: every allocation and release, and what is still alive.
 *
 * Off, nothing is kept. On, up to EVENTS_MAX events are kept in the line family of
 * docs/reference/profile.md; all that is alive is known by its owner's label however many events
 * there were.
 */

import {
  type AllocationEvent,
  EVENTS_MAX,
  PROFILE_HEADER,
  profileLines,
  word,
} from '../base/tensor-profile.ts'

export interface LiveTensor {
  /** The owner: an op, or a name that the caller gave. */
  readonly label: string
  readonly bytes: number
  /** Counts allocations from 1. */
  readonly sequence: number
  readonly device: string
}

interface ProfileState {
  isOn: boolean
  sequence: number
  events: AllocationEvent[]
  readonly alive: Map<number, LiveTensor>
}

const state: ProfileState = { isOn: false, sequence: 0, events: [], alive: new Map() }
let readSetting: () => boolean = () => false

/** Says where it stands whether there is a profile; called once, by the entry of the package. */
export function installProfile(setting: () => boolean): void {
  readSetting = setting
  state.isOn = setting()
}

/** Reads the setting anew and counts from here: nothing that was allocated before is in it. */
export function tensorProfileReset(): void {
  state.isOn = readSetting()
  state.sequence = 0
  tensorProfileClearLog()
  state.alive.clear()
}

/** Forgets the events; what is alive stays known. */
export function tensorProfileClearLog(): void {
  state.events = []
}

/** All that was allocated since the reset and has not been released, oldest first. */
export function tensorLive(): LiveTensor[] {
  return [...state.alive.values()]
}

/** Events since the reset or the last clearing, for whoever appends them to a log. */
export function tensorProfileEvents(): readonly AllocationEvent[] {
  return state.events
}

/**
 * The log as text: a header and one run under the name `job`, which says at its end what is alive.
 * '' when nothing was noted.
 */
export function tensorProfileLog(job = 'library', device = 'cpu'): string {
  if (state.events.length === 0) return ''
  const head = { job, fabric: 'tensor', device, outcome: 'done' } as const
  return `${PROFILE_HEADER}\n${profileLines(head, state.events)}`
}

/** @returns the sequence of the allocation; 0 while there is no profile */
export function noteAlloc(label: string, bytes: number, device: string): number {
  if (!state.isOn) return 0
  const sequence = ++state.sequence
  state.alive.set(sequence, { label, bytes, sequence, device })
  note({ kind: 'alloc', label: word(label), bytes })
  return sequence
}

export function noteFree({
  label,
  bytes,
  sequence,
}: Pick<LiveTensor, 'label' | 'bytes' | 'sequence'>): void {
  // What was allocated before the reset is not released after it.
  if (state.isOn && state.alive.delete(sequence)) note({ kind: 'free', label: word(label), bytes })
}

function note(event: AllocationEvent): void {
  if (state.events.length < EVENTS_MAX) state.events.push(event)
}
