/**
 * Looks at another process now and then: memory, threads, descriptors. Whoever exceeds is named.
 *
 * From outside, because the process cannot be asked: a stranger's code runs in it. Where the system
 * has no /proc nothing is looked at, and only what the process has promised to the system holds.
 */

import { readdirSync, readFileSync } from 'node:fs'

import { type Refusal, refusal } from '../../base/refusal.ts'
import type { FabricLimits } from '../fabric-limits.ts'

const LOOK_MS = 100
const KIB = 1024
/** Descriptors that a process at its limit may still have to spare. */
const DESCRIPTORS_SPARE = 8

export interface ProcessWatch {
  /** Resident when last looked at, of what it may have. */
  memoryShare(): number
  stop(): void
}

type Bounds = Pick<FabricLimits, 'memoryBytes' | 'threads' | 'descriptors'>

/** @param onBreach called at most once */
export function watchProcess(
  pid: number,
  bounds: Bounds,
  onBreach: (refused: Refusal) => void,
): ProcessWatch {
  const { memoryBytes, threads, descriptors } = bounds
  let residentBytes = 0
  const isUnbounded = memoryBytes === 0 && threads === 0 && descriptors === 0
  const timer = isUnbounded ? undefined : setInterval(look, LOOK_MS)
  timer?.unref()

  function look(): void {
    const levels = levelsOf(pid)
    if (levels === undefined) return
    residentBytes = levels.residentBytes
    const breach = breachOf(levels, bounds)
    if (breach === undefined) return
    clearInterval(timer)
    onBreach(breach)
  }

  return {
    memoryShare: () => (memoryBytes === 0 ? 0 : residentBytes / memoryBytes),
    stop: () => clearInterval(timer),
  }
}

interface Levels {
  readonly residentBytes: number
  readonly threads: number
  readonly descriptors: number
}

function breachOf(levels: Levels, bounds: Bounds): Refusal | undefined {
  const { memoryBytes, threads, descriptors } = bounds
  if (memoryBytes > 0 && levels.residentBytes > memoryBytes) {
    return refusal('fabric_memory_exceeded', { bytes: levels.residentBytes, most: memoryBytes })
  }
  if (threads > 0 && levels.threads > threads) {
    return refusal('fabric_threads_exceeded', { threads: levels.threads, most: threads })
  }
  if (descriptors > 0 && levels.descriptors > descriptors - DESCRIPTORS_SPARE) {
    return refusal('fabric_descriptors_exceeded', {
      descriptors: levels.descriptors,
      most: descriptors,
    })
  }
  return undefined
}

/** Undefined when the process is gone, or the system does not tell. */
function levelsOf(pid: number): Levels | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return {
      residentBytes: numberAfter(status, 'VmRSS:') * KIB,
      threads: numberAfter(status, 'Threads:'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
    }
  } catch {
    return undefined
  }
}

function numberAfter(text: string, name: string): number {
  const at = text.indexOf(name)
  return at < 0 ? 0 : Number.parseInt(text.slice(at + name.length), 10)
}
