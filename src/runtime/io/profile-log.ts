/**
 * The file of the tensor profile: whole runs appended, bounded, reset and cleared.
 *
 *   <data folder>/profile/tensor-profile.log      being written
 *   <data folder>/profile/tensor-profile.log.1    what came before, once that was full
 *
 * A run is one write to a file opened for appending, so that runs never mix and a reader meets whole
 * lines. At PROFILE_LOG_BYTES_MAX the file is moved aside, over what was there; so the two together
 * never take more than twice that and one run.
 */

import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

import { refuse } from '../../base/refusal.ts'
import {
  type AllocationEvent,
  PROFILE_HEADER,
  PROFILE_RESET,
  type ProfileHead,
  profileLines,
} from '../../base/tensor-profile.ts'

export const PROFILE_LOG_BYTES_MAX: number = 16 * 1024 * 1024
/** Longer than our own files ever are: something else has been put there. */
const READ_BYTES_MAX: number = 2 * PROFILE_LOG_BYTES_MAX

export function profileLogPath(dataDir: string): string {
  return join(dataDir, 'profile', 'tensor-profile.log')
}

/** Appends one run. Throws what the disk throws. */
export function tensorProfileAppend(
  path: string,
  head: ProfileHead,
  events: readonly AllocationEvent[],
): void {
  append(path, profileLines(head, events))
}

/** From here on everything is counted anew; the lines of before stay to be read. */
export function tensorProfileReset(path: string): void {
  append(path, `${PROFILE_RESET}\n`)
}

/** Removes the log. @returns bytes that were freed */
export function tensorProfileClearLog(path: string): number {
  const bytes = [path, asideOf(path)].reduce((sum, each) => sum + sizeOf(each), 0)
  for (const each of [path, asideOf(path)]) rmSync(each, { force: true })
  return bytes
}

/** The text of the log, '' when there is none. @throws RefusalError profile_log_oversized */
export function readProfileLog(path: string): string {
  const bytes = sizeOf(path)
  if (bytes > READ_BYTES_MAX) refuse('profile_log_oversized', { path, bytes, READ_BYTES_MAX })
  return bytes === 0 ? '' : readFileSync(path, 'utf8')
}

function append(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (sizeOf(path) >= PROFILE_LOG_BYTES_MAX) renameSync(path, asideOf(path))
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    const isNew = fstatSync(file).size === 0
    writeSync(file, isNew ? `${PROFILE_HEADER}\n${text}` : text)
  } finally {
    closeSync(file)
  }
}

function asideOf(path: string): string {
  return `${path}.1`
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
