/**
 * Digests of the last few claims: the votes of a round are mostly for one block, and votes of one
 * claim have one digest whoever casts them.
 */

import { type VoteClaim, voteSigningDigest } from './types.ts'
import { sameClaim } from './vote-keeper.ts'

/** Claims remembered: both votes of two rounds, for a block and for nil. */
const CLAIMS_MAX = 8

export interface DigestMemo {
  readonly genesisHash: Uint8Array
  /** Newest last. */
  readonly known: { readonly claim: VoteClaim; readonly digest: Uint8Array }[]
}

export function newDigestMemo(genesisHash: Uint8Array): DigestMemo {
  return { genesisHash, known: [] }
}

/** The same as `voteSigningDigest`. */
export function memoDigest({ genesisHash, known }: DigestMemo, claim: VoteClaim): Uint8Array {
  const found = known.find((each) => sameClaim(each.claim, claim))
  if (found !== undefined) return found.digest
  const digest = voteSigningDigest(genesisHash, claim)
  known.push({ claim, digest })
  if (known.length > CLAIMS_MAX) known.shift()
  return digest
}
