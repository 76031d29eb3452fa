/** What the command line signs, read back by the ledger; and money as people type it. */

import { strict as check } from 'node:assert'

import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'

import { NBLOCK_PER_BLOCK } from '../../../src/base/amount.ts'
import { equalBytes, toHex } from '../../../src/base/bytes.ts'
import { decode, encode } from '../../../src/base/codec.ts'
import { sha256, signingDigest } from '../../../src/base/hash.ts'
import { parseAmount, showAmount } from '../../../src/cli/amounts.ts'
import { CliFailure } from '../../../src/cli/failure.ts'
import {
  moreBond,
  type Signed,
  signCancelOffer,
  signOffer,
  signTransaction,
  validatorBond,
} from '../../../src/cli/wallet.ts'
import { type Opened, openEnvelope } from '../../../src/ledger/objects.ts'
import { EnvelopeCodec } from '../../../src/ledger/types/envelope.ts'
import { JobDescriptorCodec } from '../../../src/ledger/types/market.ts'
import { keyPairOf } from '../../../src/runtime/io/key-file.ts'

const GENESIS = new Uint8Array(32).fill(7)
const PAIR = keyPairOf(new Uint8Array(32).fill(1))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })

function opened({ bytes }: Signed): Opened {
  return openEnvelope(GENESIS, decode(EnvelopeCodec, bytes))
}

function isSignedBy(signed: Signed, publicKey: Uint8Array, digest: Uint8Array): boolean {
  const { signature } = decode(EnvelopeCodec, signed.bytes)
  return ed25519.verify(signature, digest, publicKey)
}

function bodyOf(signed: Signed): Uint8Array {
  return decode(EnvelopeCodec, signed.bytes).body
}

describe('the wallet', () => {
  it('signs transactions that the ledger opens with the same id, sender, nonce and action', () => {
    fc.assert(
      fc.property(bytes32, u128, u64, u128, (to, value, nonce, tip) => {
        const signed = signTransaction(GENESIS, PAIR, nonce, tip, {
          name: 'transfer',
          payload: { to, value },
        })
        const read = opened(signed)
        check.equal(read.kind, 'transaction')
        if (read.kind !== 'transaction') return
        check.equal(read.id, signed.id)
        check.equal(toHex(read.body.sender), toHex(PAIR.publicKey))
        check.deepEqual([read.body.nonce, read.body.tip], [nonce, tip])
        check.deepEqual(read.action, { name: 'transfer', payload: { to, value } })
        const digest = signingDigest('transaction', GENESIS, bodyOf(signed))
        check.equal(toHex(digest), signed.id)
        check.equal(isSignedBy(signed, PAIR.publicKey, digest), true)
      }),
      { numRuns: 25 },
    )
  })

  it('fills in the buyer and the descriptor digest of an offer', () => {
    fc.assert(
      fc.property(bytes32, bytes32, u64, u128, (program, input, salt, priceCeiling) => {
        const terms = {
          salt,
          tip: 0n,
          program,
          inputs: [{ digest: input, length: 12n }],
          lane: 1,
          verification: 2,
          priceCeiling,
          deadlineBlocks: 9,
          capabilities: [],
          expiryHeight: 100n,
        }
        const signed = signOffer(GENESIS, PAIR, terms)
        const read = opened(signed)
        if (read.kind !== 'offer') return check.fail(read.kind)
        const { buyer, descriptorDigest, ...rest } = read.body
        check.deepEqual(rest, terms)
        check.equal(equalBytes(buyer, PAIR.publicKey), true)
        const { inputs, lane, verification } = terms
        const descriptor = encode(JobDescriptorCodec, { program, inputs, lane, verification })
        check.equal(equalBytes(descriptorDigest, sha256(descriptor)), true)
      }),
      { numRuns: 25 },
    )
  })

  it('cancels in the name of the buyer', () => {
    const offer = new Uint8Array(32).fill(3)
    const read = opened(signCancelOffer(GENESIS, PAIR, { offer, tip: 5n, expiryHeight: 9n }))
    if (read.kind !== 'cancel-offer') return check.fail(read.kind)
    check.deepEqual(read.body, { buyer: PAIR.publicKey, offer, tip: 5n, expiryHeight: 9n })
  })

  it('proves with the consensus key that it holds it, for this account and this chain', () => {
    const consensus = keyPairOf(new Uint8Array(32).fill(2))
    const keys = { account: PAIR, consensus, vrfSeed: new Uint8Array(32).fill(4) }
    const { name, payload } = validatorBond(GENESIS, keys, 10n)
    if (name !== 'bond') return check.fail(name)
    check.deepEqual(payload.consensusKey, consensus.publicKey)
    const digest = signingDigest('possession', GENESIS, PAIR.publicKey)
    check.equal(ed25519.verify(payload.possession, digest, consensus.publicKey), true)
    const more = moreBond(1, 3n)
    check.equal(more.name === 'bond' && more.payload.consensusKey.every((byte) => byte === 0), true)
  })

  it('makes an id that another chain does not share', () => {
    const action = { name: 'unjail', payload: { reserved: 0 } } as const
    const here = signTransaction(GENESIS, PAIR, 0n, 0n, action)
    const there = signTransaction(new Uint8Array(32), PAIR, 0n, 0n, action)
    check.notEqual(here.id, there.id)
  })
})

describe('amounts', () => {
  it('read what they write, in BLOCK and in nBLOCK', () => {
    fc.assert(
      fc.property(u128, (value) => {
        check.equal(parseAmount(`${value}n`), value)
        const shown = showAmount(value).replace(' BLOCK', '')
        check.equal(parseAmount(shown), value)
      }),
    )
    check.equal(parseAmount('12.5'), 12n * NBLOCK_PER_BLOCK + 500_000_000n)
    check.equal(parseAmount('0.000000001'), 1n)
  })

  it('refuse what is no amount', () => {
    const bad = ['', '-1', '1.', '.5', '1.0000000001', '1e3', 'n', '0x10', '1,5', `${1n << 128n}n`]
    for (const text of bad) {
      check.throws(
        () => parseAmount(text),
        (error) => error instanceof CliFailure && error.refusal.code === 'amount_malformed',
        text,
      )
    }
  })
})
