/** The height after which an offer, or its cancellation, means nothing; read before it is queued. */

import { decode } from '../../base/codec.ts'
import { attempt } from '../../base/refusal.ts'
import { EnvelopeCodec, objectKind } from '../../ledger/types/envelope.ts'
import { CancelOfferCodec, OfferCodec } from '../../ledger/types/market.ts'

/** Undefined when the bytes are no offer at all; the gate says what is wrong with them. */
export function offerExpiry(bytes: Uint8Array): bigint | undefined {
  const read = attempt(() => {
    const envelope = decode(EnvelopeCodec, bytes)
    const kind = objectKind(envelope)
    if (kind === 'offer') return decode(OfferCodec, envelope.body).expiryHeight
    if (kind === 'cancel-offer') return decode(CancelOfferCodec, envelope.body).expiryHeight
    return undefined
  })
  return 'refused' in read ? undefined : read.value
}
