/**
 * A stopwatch that an entry point may lend the matcher: it is told when to start and stop, returns
 * nothing, and so cannot change an outcome. Without one, nothing is timed.
 *
 * Source: architecture.md, the shape of a core.
 */

import type { Lane } from './types/market.ts'

export interface MatchProbe {
  start(): void
  /** `lanes`: those in which offers were waiting. */
  stop(lanes: readonly Lane[]): void
}

const IDLE: MatchProbe = { start: () => undefined, stop: () => undefined }

let installed: MatchProbe = IDLE

/** Installs a probe for the whole process; called once, by an entry point. */
export function installMatchProbe(probe: MatchProbe): void {
  installed = probe
}

export function matchProbe(): MatchProbe {
  return installed
}
