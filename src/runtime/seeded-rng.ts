/** splitmix32: one 32-bit word of state, full period. Steele, Lea, Flood, OOPSLA 2014. */

import { assert } from '../base/assert.ts'
import { utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import type { Rng } from './ports.ts'

const U32_SPAN = 0x1_0000_0000

export class SeededRng implements Rng {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  below(bound: number): number {
    assert(bound > 0, 'a range is not empty')
    // Draws beyond the last whole multiple of `bound` would favour small numbers; draw again.
    const fair = U32_SPAN - (U32_SPAN % bound)
    let drawn = this.u32()
    while (drawn >= fair) drawn = this.u32()
    return drawn % bound
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u32() & 0xff)
  }

  fork(label: string): Rng {
    const digest = sha256(utf8(`${this.#state}/${label}`))
    return new SeededRng(new DataView(digest.buffer, digest.byteOffset).getUint32(0))
  }
}
