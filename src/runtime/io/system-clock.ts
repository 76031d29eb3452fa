/** The clock port over the event loop. */

import { timeMs } from '../../base/time.ts'
import type { Clock } from '../ports.ts'

/** Longest wait the event loop can hold; longer ones are waited for in pieces. */
const WAIT_MS_MAX = 0x7fff_ffff

export function createSystemClock(): Clock & { readonly stop: () => void } {
  const live = new Map<string, NodeJS.Timeout>()
  const monotonicMs = (): number => performance.now()
  const wait = (id: string, untilMs: number, done: () => void): void => {
    const leftMs = Math.min(WAIT_MS_MAX, Math.max(0, Math.ceil(untilMs - monotonicMs())))
    const timer = setTimeout(() => {
      // The event loop rounds, and may be up to a millisecond early.
      if (monotonicMs() < untilMs) {
        wait(id, untilMs, done)
        return
      }
      live.delete(id)
      done()
    }, leftMs)
    live.set(id, timer)
  }
  const clearTimer = (id: string): void => {
    clearTimeout(live.get(id))
    live.delete(id)
  }
  return {
    wallMs: () => timeMs(Date.now()),
    monotonicMs,
    setTimer: (id, delay, done) => {
      clearTimer(id)
      wait(id, monotonicMs() + delay, done)
    },
    clearTimer,
    /** Forgets every timer, so that the process can end. */
    stop: () => {
      for (const id of live.keys()) clearTimer(id)
    },
  }
}
