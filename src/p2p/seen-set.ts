/** Ids judged a short while ago, in two generations, so that forgetting costs nothing. */

import { assert } from '../base/assert.ts'

/** Ids in one generation; at most twice as many are remembered. */
export const SEEN_GENERATION_MAX = 32_768

export class SeenSet {
  readonly #generationMax: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(generationMax: number = SEEN_GENERATION_MAX) {
    assert(generationMax > 0, 'a generation holds something')
    this.#generationMax = generationMax
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id)
  }

  add(id: string): void {
    if (this.has(id)) return
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(id)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
