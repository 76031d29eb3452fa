/**
 * What the process of a fabric may take, and how long each step of it may last.
 *
 * Our own fabrics are bounded by time alone: the runtimes of their devices need room, threads and
 * processes that nobody can foresee. What others wrote is bounded in everything.
 *
 * Source: docs/reference/fabric.md, section 9.
 */

/** What is done to open a fabric, in this order; `answers` are runs whose results are known. */
export const OPEN_STEPS = ['load', 'init', 'probe', 'answers'] as const
export type OpenStep = (typeof OPEN_STEPS)[number]

export interface FabricLimits {
  /** Resident; 0 for no limit. */
  readonly memoryBytes: number
  /** 0 for no limit, as for those below. */
  readonly threads: number
  readonly descriptors: number
  readonly fileBytes: number
  /** Written to standard output and error, for each run. */
  readonly outputBytes: number
  /** Processor time of the process between runs. */
  readonly idleCpuSeconds: number
  /** Whether it may start processes, open sockets, or send signals to others. */
  readonly isAlone: boolean
  /** The start of the process itself is counted with the first step. */
  readonly stepMs: Readonly<Record<OpenStep, number>>
  /** Any one call within a run; `run_wait` is told to return within a second. */
  readonly callMs: number
  /** From the wish to cancel to the end of the run. */
  readonly cancelMs: number
}

const GIB = 1024 * 1024 * 1024

export const OWN_LIMITS: FabricLimits = {
  memoryBytes: 0,
  threads: 0,
  descriptors: 0,
  fileBytes: 0,
  outputBytes: 0,
  idleCpuSeconds: 0,
  isAlone: false,
  stepMs: { load: 20_000, init: 20_000, probe: 60_000, answers: 20_000 },
  callMs: 120_000,
  cancelMs: 1_000,
}

export const FOREIGN_LIMITS: FabricLimits = {
  memoryBytes: 16 * GIB,
  threads: 256,
  descriptors: 256,
  fileBytes: 16 * GIB,
  outputBytes: 1024 * 1024,
  idleCpuSeconds: 10,
  isAlone: true,
  stepMs: { load: 20_000, init: 20_000, probe: 60_000, answers: 30_000 },
  callMs: 120_000,
  cancelMs: 1_000,
}

/** What a process may have beyond its limit before the system refuses it: our own part of it. */
export const OWN_MEMORY_BYTES = GIB
