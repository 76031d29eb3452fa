/**
 * What a client signs: envelopes with their ids, made from bodies and a key.
 *
 *   body --encode--> bytes --signingDigest--> id --Ed25519--> envelope --encode--> what is submitted
 *
 * Fields that follow from the key or from other fields (sender, buyer, descriptor digest) are filled
 * in here, so that a caller cannot contradict itself.
 *
 * Source: protocol.md §1, §2.
 */

import { toHex, ZERO_32 } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { vrfPublicKey } from '../base/ecvrf.ts'
import { sha256, signingDigest } from '../base/hash.ts'
import {
  EnvelopeCodec,
  OBJECT_KIND_BYTES,
  type ObjectKind,
  objectId,
} from '../ledger/types/envelope.ts'
import {
  type CancelOffer,
  CancelOfferCodec,
  JobDescriptorCodec,
  type Offer,
  OfferCodec,
} from '../ledger/types/market.ts'
import {
  type Action,
  encodeAction,
  ROLE_VALIDATOR,
  TransactionCodec,
} from '../ledger/types/transaction.ts'
import { type KeyPair, signerOf } from '../runtime/io/key-file.ts'

export interface Signed {
  /** Hex; what the object is called everywhere. */
  readonly id: string
  /** SSZ of the envelope. */
  readonly bytes: Uint8Array
}

/** An offer without what follows from the key and from its other fields. */
export type OfferTerms = Omit<Offer, 'buyer' | 'descriptorDigest'>

/** @param body SSZ of the kind's own container */
export function signEnvelope(
  kind: ObjectKind,
  genesisHash: Uint8Array,
  pair: KeyPair,
  body: Uint8Array,
): Signed {
  const digest = objectId(kind, genesisHash, body)
  const signature = signerOf(pair).sign(digest)
  const bytes = encode(EnvelopeCodec, { kind: OBJECT_KIND_BYTES[kind], body, signature })
  return { id: toHex(digest), bytes }
}

/** @param tip nBLOCK */
export function signTransaction(
  genesisHash: Uint8Array,
  pair: KeyPair,
  nonce: bigint,
  tip: bigint,
  action: Action,
): Signed {
  const body = encode(TransactionCodec, {
    sender: pair.publicKey,
    nonce,
    tip,
    ...encodeAction(action),
  })
  return signEnvelope('transaction', genesisHash, pair, body)
}

/** The id of the offer is the id of its job. */
export function signOffer(genesisHash: Uint8Array, pair: KeyPair, terms: OfferTerms): Signed {
  const { program, inputs, lane, verification } = terms
  const descriptor = encode(JobDescriptorCodec, { program, inputs, lane, verification })
  const offer: Offer = { ...terms, buyer: pair.publicKey, descriptorDigest: sha256(descriptor) }
  return signEnvelope('offer', genesisHash, pair, encode(OfferCodec, offer))
}

export function signCancelOffer(
  genesisHash: Uint8Array,
  pair: KeyPair,
  terms: Omit<CancelOffer, 'buyer'>,
): Signed {
  const body = encode(CancelOfferCodec, { ...terms, buyer: pair.publicKey })
  return signEnvelope('cancel-offer', genesisHash, pair, body)
}

export interface BondKeys {
  readonly account: KeyPair
  readonly consensus: KeyPair
  /** 32 bytes. */
  readonly vrfSeed: Uint8Array
}

/** A validator's first bond: names its keys and proves that it holds the one it will vote with. */
export function validatorBond(
  genesisHash: Uint8Array,
  { account, consensus, vrfSeed }: BondKeys,
  value: bigint,
): Action {
  const digest = signingDigest('possession', genesisHash, account.publicKey)
  return {
    name: 'bond',
    payload: {
      role: ROLE_VALIDATOR,
      value,
      consensusKey: consensus.publicKey,
      vrfKey: vrfPublicKey(vrfSeed),
      possession: signerOf(consensus).sign(digest),
    },
  }
}

/** More of a bond that is already there; it names no key. */
export function moreBond(role: number, value: bigint): Action {
  return {
    name: 'bond',
    payload: {
      role,
      value,
      consensusKey: ZERO_32,
      vrfKey: ZERO_32,
      possession: new Uint8Array(64),
    },
  }
}
