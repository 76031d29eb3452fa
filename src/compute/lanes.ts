/**
 * The port to verification, and the data a verification needs.
 *
 *   fold    every value of the run: inputs, weights, all op outputs
 *   replay  inputs, weights and the digests of op outputs; of a wrong op, its output too
 *
 * A verdict says what the data says: `invalid` when an op does not follow from its operands,
 * `unavailable` when data cannot be had. What says nothing about the provider, such as a crash of
 * the verifier itself, is `failed` and is no verdict.
 * Source: protocol, section 5 (attestations), section 6 (P4).
 */

import type { Refusal } from '../base/refusal.ts'
import type { Program } from '../program/types.ts'
import type { PeerId } from '../runtime/ports.ts'

export interface VerifyRequest {
  readonly verification: 'fold' | 'replay'
  readonly receiptId: Uint8Array
  /** The validator's own 32 bytes; never logged. */
  readonly secret: Uint8Array
  /** Checked. */
  readonly program: Program
  readonly programBytes: Uint8Array
  /** BLAKE3 of each input; weights are named by the program. */
  readonly inputs: readonly Uint8Array[]
  readonly outputDigest: Uint8Array
  readonly traceRoot: Uint8Array
  /** BLAKE3 of the digests of all op outputs, joined. */
  readonly manifestDigest: Uint8Array
  /** Who may hold the data, the provider first. */
  readonly peers: readonly PeerId[]
  /** For fetching what is not here. */
  readonly fetchDeadlineMs: number
}

export type LaneVerdict =
  /** `micros`: wall time of the verify call on data in memory, hashing included. */
  | { readonly kind: 'valid'; readonly micros: number }
  | {
      readonly kind: 'invalid'
      readonly micros: number
      readonly opIndex: number
      readonly element: number
      /** Encoded, adjudicated here before it is handed on. */
      readonly fraudProof?: Uint8Array
    }
  | { readonly kind: 'unavailable'; readonly digest: Uint8Array }
  | { readonly kind: 'failed'; readonly refusal: Refusal }

export interface Lanes {
  /** `done` is called exactly once. */
  verify(request: VerifyRequest, done: (verdict: LaneVerdict) => void): void
}
