/**
 * Payloads of evidence against providers; those against validators stand in `vote.ts`.
 *
 *   P1 receipt-equivocation   two signed receipts for one attempt
 *   P4 fraud-proof            the encoded proof of `src/program/fraud.ts`, as it is
 *   V1 false-verdict          empty: the verdict and its refutation are both in state
 *
 * Source: protocol.md §6.
 */

import { concatBytes, u32Bytes, u64Bytes } from '../../base/bytes.ts'
import { bytes64, type Codec, container, type Decoded, encode } from '../../base/codec.ts'
import { sha256, signingDigest } from '../../base/hash.ts'
import { type Receipt, ReceiptCodec } from './market.ts'

const signedReceipt = container({
  receipt: ReceiptCodec,
  /** By the provider's account key over the receipt's id. */
  signature: bytes64,
})

const receiptEquivocation = container({ first: signedReceipt, second: signedReceipt })
export type ReceiptEquivocation = Decoded<typeof receiptEquivocation>
/** Payload of P1. */
export const ReceiptEquivocationCodec: Codec<ReceiptEquivocation> = receiptEquivocation

/** What a provider signs, and the receipt's id. */
export function receiptDigest(genesisHash: Uint8Array, receipt: Receipt): Uint8Array {
  return signingDigest('receipt', genesisHash, encode(ReceiptCodec, receipt))
}

/** The subject of C1, C2 and C3: one punishment for one round of one height. */
export function roundSubject(height: bigint, round: number): Uint8Array {
  return sha256(concatBytes(u64Bytes(height), u32Bytes(round)))
}

/** The subject of P1: one punishment for one attempt, however many receipts were signed. */
export function attemptSubject(job: Uint8Array, attempt: number): Uint8Array {
  return sha256(concatBytes(job, u32Bytes(attempt)))
}
