/** The port for chance over the operating system's generator; forks are independent by nature. */

import { randomBytes, randomInt } from 'node:crypto'

import { assert } from '../../base/assert.ts'
import type { Rng } from '../ports.ts'

/** The generator's bound, exclusive. */
const BOUND_MAX = 0x1_0000_0000

export function createSystemRng(): Rng {
  const below = (bound: number): number => {
    assert(bound > 0 && bound <= BOUND_MAX, 'a drawn number has a bound within 32 bits')
    return randomInt(bound)
  }
  const rng: Rng = {
    u32: () => randomInt(BOUND_MAX),
    below,
    chance: (numerator, denominator) => below(denominator) < numerator,
    bytes: (count) => new Uint8Array(randomBytes(count)),
    fork: () => rng,
  }
  return rng
}
