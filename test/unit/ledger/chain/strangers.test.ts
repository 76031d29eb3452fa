/**
 * What a stranger may sign: any values in any fields. Each object is admitted or answered with a
 * code, applied or refused with a code, and whatever was applied conserves money to the last unit.
 */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { fromHex } from '../../../../src/base/bytes.ts'
import { type Codec, encode } from '../../../../src/base/codec.ts'
import { attempt } from '../../../../src/base/refusal.ts'
import { admitObject } from '../../../../src/ledger/admit.ts'
import { applyObject, finishBlock } from '../../../../src/ledger/execute.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { contextOf } from '../../../../src/ledger/ledger.ts'
import { openEnvelope } from '../../../../src/ledger/objects.ts'
import { REFUSALS } from '../../../../src/ledger/refusals.ts'
import { View } from '../../../../src/ledger/state.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { AttestationBatchCodec } from '../../../../src/ledger/types/attestation.ts'
import {
  type Envelope,
  OBJECT_KIND_BYTES,
  type ObjectKind,
} from '../../../../src/ledger/types/envelope.ts'
import { EVIDENCE_TYPE_BYTES, EvidenceCodec } from '../../../../src/ledger/types/evidence.ts'
import {
  CancelOfferCodec,
  OfferCodec,
  ProofAnnounceCodec,
  ReceiptCodec,
} from '../../../../src/ledger/types/market.ts'
import { ACTIONS, TransactionCodec } from '../../../../src/ledger/types/transaction.ts'
import { actors, BLOCK, Chain, genesisOf } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const ACCOUNTS = actors('account', 3)
const KNOWN = [...VALIDATORS, ...ACCOUNTS]
const RUNS = 400

const id = fc.oneof(
  fc.constantFrom(
    ...KNOWN.flatMap(({ id: hex, consensus }) => [fromHex(hex), consensus.publicKey]),
  ),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.constant(new Uint8Array(32)),
)
/** Mostly somebody who can pay. */
const payer = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...KNOWN.map(({ id: hex }) => fromHex(hex))) },
  { weight: 1, arbitrary: id },
)
const u8 = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 255 }))
const u32 = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffff_ffff }))
const u64 = fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, (1n << 64n) - 1n))
const u128 = fc.oneof(
  fc.bigInt(0n, 3n),
  fc.bigInt(0n, 20_000_000_000_000n),
  fc.constantFrom(1_500n * BLOCK, 150n * BLOCK),
  fc.bigInt(0n, (1n << 128n) - 1n),
)
/** Mostly what its payer can afford. */
const tip = fc.oneof({ weight: 9, arbitrary: fc.bigInt(0n, 9n) }, { weight: 1, arbitrary: u128 })
const bytes = (maxLength: number) => fc.uint8Array({ maxLength: Math.min(maxLength, 80) })
const wide = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const blobs = fc.array(fc.record({ digest: id, length: u64 }), { maxLength: 3 })
const words = fc.array(bytes(32), { maxLength: 2 })

const PAYLOADS: Readonly<Record<keyof typeof ACTIONS, fc.Arbitrary<object>>> = {
  transfer: fc.record({ to: id, value: u128 }),
  bond: fc.record({ role: u8, value: u128, consensusKey: id, vrfKey: id, possession: wide(64) }),
  unbond: fc.record({ role: u8, value: u128 }),
  unjail: fc.record({ reserved: u8 }),
  'rotate-key': fc.record({ consensusKey: id, vrfKey: id, possession: wide(64) }),
  'register-provider': fc.record({ bond: u128, fabric: bytes(32), kernelDigest: id }),
  'retire-provider': fc.record({ reserved: u8 }),
  'register-program': fc.record({
    ir: bytes(80),
    name: bytes(64),
    weights: fc.array(fc.record({ digest: id, length: u64, dtype: u8 }), { maxLength: 3 }),
  }),
  'retire-program': fc.record({ program: id }),
  'post-ask': fc.record({
    lane: u8,
    unitPrice: u128,
    blocksBase: u32,
    unitsPerBlock: u64,
    maxUnits: u64,
    maxOpenJobs: u32,
    expiryHeight: u64,
    capabilities: words,
  }),
  'cancel-ask': fc.record({ ask: id }),
  propose: fc.record({
    kind: u8,
    rollback: id,
    title: bytes(80),
    deposit: u128,
    items: fc.array(
      fc.record({
        key: fc.oneof(bytes(64), fc.constant(new TextEncoder().encode('max_attempts'))),
        value: u64,
      }),
      { maxLength: 3 },
    ),
  }),
  deposit: fc.record({ proposal: id, value: u128 }),
  vote: fc.record({ proposal: id, option: u8 }),
}

/** Codecs differ in type by kind; here only their encodings matter. */
function encoded(codec: unknown, value: object): Uint8Array {
  return encode(codec as Codec<object>, value)
}

interface Signed {
  readonly kind: ObjectKind
  readonly body: Uint8Array
}

const transactions: fc.Arbitrary<Signed> = fc
  .constantFrom(...(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]))
  .chain((name) =>
    fc
      .record({ sender: payer, nonce: fc.constant(0n), tip, payload: PAYLOADS[name] })
      .map(({ payload, ...head }) => {
        const { byte, codec } = ACTIONS[name]
        const body = { ...head, action: byte, payload: encoded(codec, payload) }
        return { kind: 'transaction', body: encoded(TransactionCodec, body) }
      }),
  )

function objects(
  kind: ObjectKind,
  codec: unknown,
  fields: fc.Arbitrary<object>,
): fc.Arbitrary<Signed> {
  return fields.map((value) => ({ kind, body: encoded(codec, value) }))
}

const others = fc.oneof(
  objects(
    'offer',
    OfferCodec,
    fc.record({
      buyer: payer,
      salt: u64,
      tip,
      program: id,
      inputs: blobs,
      lane: u8,
      verification: u8,
      priceCeiling: u128,
      deadlineBlocks: u32,
      capabilities: words,
      expiryHeight: u64,
      descriptorDigest: id,
    }),
  ),
  objects(
    'cancel-offer',
    CancelOfferCodec,
    fc.record({ buyer: payer, offer: id, tip, expiryHeight: u64 }),
  ),
  objects(
    'receipt',
    ReceiptCodec,
    fc.record({
      job: id,
      attempt: u8,
      provider: id,
      fabric: bytes(32),
      program: id,
      inputs: blobs,
      outputDigest: id,
      traceRoot: id,
      proofKind: u8,
      proofDigest: id,
      proofBytes: u64,
      units: u64,
      payment: u128,
      kernelDigest: id,
      descriptorDigest: id,
      benchmarkCommit: bytes(40),
      tensorProfile: fc.option(
        fc.record({
          epoch: id,
          allocations: fc.nat(),
          releases: fc.nat(),
          allocFreeDelta: fc.bigInt(0n, 2n ** 64n - 1n),
        }),
      ),
      gradientDigests: fc.array(id, { maxLength: 2 }),
    }),
  ),
  objects(
    'proof-announce',
    ProofAnnounceCodec,
    fc.record({ receipt: id, provider: id, proofDigest: id, bytes: u64 }),
  ),
  objects(
    'attestation-batch',
    AttestationBatchCodec,
    fc.record({
      validator: id,
      height: u64,
      items: fc.array(fc.record({ object: id, statement: u8, micros: u32 }), { maxLength: 3 }),
    }),
  ),
  objects(
    'evidence',
    EvidenceCodec,
    fc.record({
      reporter: id,
      type: fc.oneof(fc.constantFrom(...Object.values(EVIDENCE_TYPE_BYTES)), u8),
      offender: id,
      subject: id,
      payload: bytes(80),
    }),
  ),
)

const envelopes = fc
  .record({ object: fc.oneof(transactions, others), signature: wide(64), noise: fc.nat(400) })
  .map(({ object: { kind, body }, signature, noise }): Envelope => {
    // One in eight has a byte of its encoding changed.
    const bent = noise < 50 && body.length > 0 ? Uint8Array.from(body) : body
    if (bent !== body) bent[noise % body.length] = (bent[noise % body.length] as number) ^ 0x5a
    return { kind: OBJECT_KIND_BYTES[kind], body: bent, signature }
  })

describe('what strangers sign', () => {
  const chain = new Chain(genesisOf(VALIDATORS, ACCOUNTS), KNOWN)
  chain.advance(3)
  const { ledger } = chain
  const header = chain.build().header
  const applied = new Set<string>()
  const codes = new Set<string>()

  it('is admitted, put off or refused with a code, whatever its fields hold', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const admission = admitObject(ledger, envelope)
        if (admission.kind !== 'check') check.match(admission.refusal.code, /^[a-z_]+$/)
      }),
      { numRuns: RUNS },
    )
  })

  it('is pooled or refused with a code', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const outcome = attempt(() => chain.pool.add(ledger, envelope, false))
        check.ok('value' in outcome || outcome.refused.code.length > 0)
      }),
      { numRuns: RUNS },
    )
  })

  it('is applied or refused with a code, and conserves money', () => {
    fc.assert(
      fc.property(fc.array(envelopes, { minLength: 1, maxLength: 24 }), (batch) => {
        const block = contextOf(ledger, header, () => true)
        const execution: Execution = { view: new View(ledger.state), block, events: [] }
        for (const envelope of batch) {
          const view = new View(execution.view)
          const outcome = attempt(() => {
            const opened = openEnvelope(ledger.genesisHash, envelope)
            applyObject({ ...execution, view }, opened)
            return opened.kind === 'transaction' ? opened.action.name : opened.kind
          })
          if ('value' in outcome) {
            applied.add(outcome.value)
            view.fold()
          } else codes.add(outcome.refused.code)
        }
        finishBlock(execution)
        const sums = audit(execution.view)
        check.ok(
          sums.conserved,
          JSON.stringify(sums, (_, each) => String(each)),
        )
      }),
      { numRuns: RUNS },
    )
  })

  it('is really applied now and then, and every code of the ledger is in its table', () => {
    check.ok(applied.size >= 2, [...applied].join(' '))
    const own = [...codes].filter(
      (code) =>
        !/^(codec|hex|program|ir|param|proposal|gov|vote|deposit|fraud|opening|shape|op)_/.test(
          code,
        ),
    )
    check.deepEqual(
      own.filter((code) => REFUSALS[code] === undefined),
      [],
    )
  })
})
