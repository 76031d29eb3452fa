/** Admission to gossip: what is rejected, ignored and parked, and which signatures are asked for. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { encode } from '../../../../src/base/codec.ts'
import { admitObject, NONCE_AHEAD_MAX } from '../../../../src/ledger/admit.ts'
import { AttestationBatchCodec } from '../../../../src/ledger/types/attestation.ts'
import { OBJECT_KIND_BYTES, objectId } from '../../../../src/ledger/types/envelope.ts'
import { CancelOfferCodec } from '../../../../src/ledger/types/market.ts'
import { type Actor, actors, Chain, envelope, genesisOf, transaction, transfer } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const PEOPLE = actors('person', 2)
const [ALICE, BOB] = PEOPLE as [Actor, Actor]
const [FIRST] = VALIDATORS as [Actor]

const chain = new Chain(genesisOf(VALIDATORS, PEOPLE), [...VALIDATORS, ...PEOPLE])
chain.submit(ALICE, transfer(BOB, 1n))
chain.advance(2)
const { ledger } = chain
const { genesisHash } = ledger

function verdictOf(...args: Parameters<typeof admitObject>): string {
  const admission = admitObject(...args)
  return admission.kind === 'check' ? 'check' : `${admission.kind} ${admission.refusal.code}`
}

function batch(who: Actor, height: bigint) {
  const body = encode(AttestationBatchCodec, { validator: fromHex(who.id), height, items: [] })
  return envelope(genesisHash, 'attestation-batch', body, who.consensus)
}

function cancel(expiryHeight: bigint) {
  const offer = new Uint8Array(32)
  const body = encode(CancelOfferCodec, { buyer: fromHex(ALICE.id), offer, tip: 0n, expiryHeight })
  return envelope(genesisHash, 'cancel-offer', body, ALICE.account)
}

describe('admission', () => {
  it('asks for the signature of the sender over the id', () => {
    const signed = transaction(genesisHash, ALICE, 1n, transfer(BOB, 1n))
    const admission = admitObject(ledger, signed)
    check.ok(admission.kind === 'check')
    check.deepEqual(admission.checks, [
      {
        publicKey: fromHex(ALICE.id),
        digest: objectId('transaction', genesisHash, signed.body),
        signature: signed.signature,
      },
    ])
  })

  it('ignores nonces that are used or far ahead, since honest heads differ', () => {
    const at = (nonce: bigint): string =>
      verdictOf(ledger, transaction(genesisHash, ALICE, nonce, transfer(BOB, 1n)))
    check.equal(at(0n), 'ignore nonce_used')
    check.equal(at(1n), 'check')
    check.equal(at(1n + NONCE_AHEAD_MAX), 'check')
    check.equal(at(2n + NONCE_AHEAD_MAX), 'ignore nonce_too_far_ahead')
  })

  it('ignores what has expired and parks what would live too long here', () => {
    const { height } = ledger.head
    const longest = height + 1n + ledger.params.max_offer_ttl
    check.equal(verdictOf(ledger, cancel(height)), 'ignore offer_expired')
    check.equal(verdictOf(ledger, cancel(height + 1n)), 'check')
    check.equal(verdictOf(ledger, cancel(longest)), 'check')
    check.equal(verdictOf(ledger, cancel(longest + 1n)), 'park offer_expiry_too_far')
  })

  it('asks for the consensus key of the validator, and ignores others', () => {
    const { height } = ledger.head
    const admission = admitObject(ledger, batch(FIRST, height + 1n))
    check.ok(admission.kind === 'check')
    check.equal(
      toHex(admission.checks[0]?.publicKey ?? new Uint8Array()),
      toHex(FIRST.consensus.publicKey),
    )
    check.equal(verdictOf(ledger, batch(ALICE, height + 1n)), 'ignore attestation_not_validator')
    check.equal(verdictOf(ledger, batch(FIRST, height + 100n)), 'park attestation_too_early')
  })

  it('rejects whatever does not decode, and never throws', () => {
    const kinds = fc.constantFrom(...Object.values(OBJECT_KIND_BYTES), 0, 99)
    const signature = new Uint8Array(64)
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 300 }), (kind, body) => {
        check.equal(admitObject(ledger, { kind, body, signature }).kind, 'reject')
      }),
      { numRuns: 300 },
    )
    const long = { kind: OBJECT_KIND_BYTES.receipt, body: new Uint8Array(16_384), signature }
    check.equal(verdictOf(ledger, long), 'reject object_oversized')
  })
})
