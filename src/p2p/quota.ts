/**
 * A quota that remembers one number: the generic cell rate algorithm.
 *
 * `due` is the instant at which everything taken so far would have grown back. Taking `cost` items
 * moves it on; it is refused when it would lie further ahead than a full quota allows.
 *
 * Source: ITU-T I.371 annex A, the virtual scheduling algorithm.
 */

import { assert } from '../base/assert.ts'
import type { Quota } from './protocols.ts'

/** Keys remembered at once; the one unused longest goes first. */
export const QUOTA_KEYS_MAX = 4096

export class QuotaTable {
  readonly #dueMs = new Map<string, number>()

  /** Takes `cost` items for `key` at `nowMs`, or reports that they are not there. */
  take(key: string, quota: Quota, cost: number, nowMs: number): boolean {
    assert(cost >= 0, 'a cost is not negative')
    const spanMs = (cost * quota.perMs) / quota.items
    const dueMs = Math.max(this.#dueMs.get(key) ?? 0, nowMs) + spanMs
    if (dueMs - nowMs > quota.perMs) return false
    this.#remember(key, dueMs)
    return true
  }

  get size(): number {
    return this.#dueMs.size
  }

  #remember(key: string, dueMs: number): void {
    this.#dueMs.delete(key)
    this.#dueMs.set(key, dueMs)
    if (this.#dueMs.size <= QUOTA_KEYS_MAX) return
    const oldest = this.#dueMs.keys().next()
    if (!oldest.done) this.#dueMs.delete(oldest.value)
  }
}

/** A budget in bytes that refills steadily; may be overdrawn, and then says for how long to wait. */
export class ByteBudget {
  readonly #bytesPerSec: number
  readonly #burstBytes: number
  #leftBytes: number
  #atMs: number

  constructor(bytesPerSec: number, burstBytes: number, nowMs: number) {
    assert(bytesPerSec > 0 && burstBytes > 0, 'a budget lets something through')
    this.#bytesPerSec = bytesPerSec
    this.#burstBytes = burstBytes
    this.#leftBytes = burstBytes
    this.#atMs = nowMs
  }

  /** Milliseconds to wait before more is read; 0 while the budget lasts. */
  spend(bytes: number, nowMs: number): number {
    this.#refill(nowMs)
    this.#leftBytes -= bytes
    return this.#leftBytes >= 0 ? 0 : Math.ceil((-this.#leftBytes * 1000) / this.#bytesPerSec)
  }

  /** Gives back what turned out to be welcome; never beyond the burst. */
  refund(bytes: number): void {
    this.#leftBytes = Math.min(this.#burstBytes, this.#leftBytes + bytes)
  }

  /** True when the whole burst is there again, so that the entry may be forgotten. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#leftBytes >= this.#burstBytes
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#leftBytes = Math.min(
      this.#burstBytes,
      this.#leftBytes + (passedMs * this.#bytesPerSec) / 1000,
    )
    this.#atMs = nowMs
  }
}
