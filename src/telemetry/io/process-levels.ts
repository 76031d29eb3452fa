/** What the process says of itself: memory, and how long the event loop kept others waiting. */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

import type { Meter } from '../../runtime/ports.ts'

const RESOLUTION_MS = 10
const NANOS_PER_SECOND = 1e9
const P99 = 99

export class ProcessLevels {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#delay.enable()
  }

  /** Writes the levels; the delay counts anew from here. */
  read(meter: Meter): void {
    meter.set('process_resident_memory_bytes', process.memoryUsage.rss())
    const nanos = this.#delay.count === 0 ? 0 : this.#delay.percentile(P99)
    meter.set('event_loop_delay_p99_seconds', nanos / NANOS_PER_SECOND)
    this.#delay.reset()
  }

  stop(): void {
    this.#delay.disable()
  }
}
