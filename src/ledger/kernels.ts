/**
 * Kernel variants: which digests a provider may register and a receipt may name, and which of them
 * are switched off.
 *
 * A digest enters with genesis. Bit i of `kernels_disabled` switches off the i-th in ascending
 * order: nobody registers with it and nobody who has is matched. What was matched before is judged
 * by the parameters of its match height, so a provider that did its work is paid.
 */

import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import type { Params } from '../governance/params.ts'
import { KERNEL_DIGESTS } from './market-records.ts'
import type { Reader } from './state.ts'

/** @throws RefusalError kernel_digest_unknown. */
export function requireKernelDigest(reader: Reader, digest: Uint8Array): void {
  const key = toHex(digest)
  if (reader.get(KERNEL_DIGESTS, key) === undefined) {
    refuse('kernel_digest_unknown', { digest: key })
  }
}

/** @throws RefusalError kernel_digest_unknown | kernel_digest_disabled. */
export function requireKernelEnabled(reader: Reader, digest: Uint8Array, params: Params): void {
  requireKernelDigest(reader, digest)
  if (disabledKernels(reader, params).has(toHex(digest))) {
    refuse('kernel_digest_disabled', { digest: toHex(digest) })
  }
}

/** Digests that are switched off, hex. */
export function disabledKernels(reader: Reader, params: Params): ReadonlySet<string> {
  const mask = params.kernels_disabled
  if (mask === 0n) return new Set()
  const digests = reader.entries(KERNEL_DIGESTS).map(([digest]) => digest)
  return new Set(digests.filter((_, index) => ((mask >> BigInt(index)) & 1n) === 1n))
}
