/**
 * How far back validator sets are still needed, whatever has become of the windows since.
 *
 * A proposal may shorten the windows while long ones are open; what is being judged then keeps the
 * powers of its own height until it is final. So no change of parameters can stop the chain by
 * taking away what a later block must look up.
 */

import { attemptOf, OPEN_ATTEMPTS, WINDOWS } from './market-records.ts'
import type { Reader } from './state.ts'

/** The lowest height whose powers something open is judged by; `height` when there is none. */
export function oldestJudgedHeight(reader: Reader, height: bigint): bigint {
  let oldest = height
  for (const [, { openHeight }] of reader.entries(WINDOWS)) {
    if (openHeight < oldest) oldest = openHeight
  }
  for (const [key, { attempt }] of reader.entries(OPEN_ATTEMPTS)) {
    const job = key.slice(key.indexOf('/') + 1)
    const anchored = attemptOf(reader, job, attempt)?.anchorHeight ?? 0n
    if (anchored > 0n && anchored < oldest) oldest = anchored
  }
  return oldest
}
