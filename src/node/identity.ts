/** Signing what this node says itself, apart from votes: those go through the sign guard. */

import {
  type Envelope,
  OBJECT_KIND_BYTES,
  type ObjectKind,
  objectId,
} from '../ledger/types/envelope.ts'
import type { Signer } from '../runtime/ports.ts'
import type { NodeState } from './state.ts'

export function envelopeOf(
  { ledger }: NodeState,
  kind: ObjectKind,
  body: Uint8Array,
  signer: Signer,
): Envelope {
  const digest = objectId(kind, ledger.genesisHash, body)
  return { kind: OBJECT_KIND_BYTES[kind], body, signature: signer.sign(digest) }
}
