/** The trace manifest: the digests of all op outputs in program order, 32 bytes each, joined. */

import { concatBytes } from '../base/bytes.ts'

export function traceManifest(opDigests: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...opDigests)
}
