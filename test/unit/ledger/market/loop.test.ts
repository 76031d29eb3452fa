/**
 * The loop through the real ledger: signed objects, a pool, built and executed blocks. Validators
 * and providers do what their duties say and know nothing else.
 */

import { strict as check } from 'node:assert'

import { equalBytes, fromHex, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { type Codec, encode } from '../../../../src/base/codec.ts'
import { verifyZip215 } from '../../../../src/base/ed25519-keys.ts'
import { blake3, sha256 } from '../../../../src/base/hash.ts'
import {
  matchedAttempts,
  pendingAvailability,
  pendingVerdicts,
  windowsOpen,
} from '../../../../src/ledger/duties.ts'
import { explain } from '../../../../src/ledger/explain.ts'
import { restoreLedger } from '../../../../src/ledger/genesis-state.ts'
import { requiredChecks } from '../../../../src/ledger/ledger.ts'
import { HEAD_KEY, STATE_PREFIX } from '../../../../src/ledger/store-schema.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { AttestationBatchCodec, STATEMENTS } from '../../../../src/ledger/types/attestation.ts'
import type { ObjectKind } from '../../../../src/ledger/types/envelope.ts'
import type { LedgerEvent } from '../../../../src/ledger/types/event.ts'
import { EVIDENCE_TYPE_BYTES, EvidenceCodec } from '../../../../src/ledger/types/evidence.ts'
import {
  JobDescriptorCodec,
  type Offer,
  OfferCodec,
  type Receipt,
  ReceiptCodec,
} from '../../../../src/ledger/types/market.ts'
import type { Action } from '../../../../src/ledger/types/transaction.ts'
import { buildFraudProof } from '../../../../src/program/fraud.ts'
import type { Signer } from '../../../../src/runtime/ports.ts'
import { publish } from '../../program/samples.ts'
import { type Actor, actor, actors, BLOCK, Chain, envelope, genesisOf } from '../chain/chain.ts'
import { askPayload, falsified, KERNELS, programPayload, SMALL, SMALL_RUN } from './world.ts'

const VALIDATORS = actors('validator', 4)
const OWNER = actor('owner')
const BUYER = actor('buyer')
const HONEST = actor('honest provider')
const CHEAT = actor('cheating provider')
const PEOPLE = [OWNER, BUYER, HONEST, CHEAT]
const RIGHT = publish(SMALL_RUN, SMALL_RUN.outputs)
const WRONG = publish(SMALL_RUN, falsified())

class Market {
  readonly chain = new Chain(
    { ...genesisOf(VALIDATORS, PEOPLE, { evidence_bond: BLOCK }), kernelDigests: [KERNELS] },
    [...VALIDATORS, ...PEOPLE],
  )
  readonly events: LedgerEvent[] = []

  send<Body>(kind: ObjectKind, codec: Codec<Body>, body: Body, signer: Signer): void {
    const { ledger, pool } = this.chain
    pool.add(ledger, envelope(ledger.genesisHash, kind, encode(codec, body), signer), true)
  }

  act(who: Actor, action: Action): void {
    check.equal(this.chain.submit(who, action), '')
  }

  /** One block of what is pooled, every signature of it checked by the rule for blocks. */
  block(): void {
    const block = this.chain.build()
    for (const { checks } of requiredChecks(this.chain.ledger, block)) {
      for (const { publicKey, digest, signature } of checks) {
        check.ok(verifyZip215(publicKey, digest, signature))
      }
    }
    this.events.push(...this.chain.apply(block).events)
    check.ok(audit(this.chain.ledger.state).conserved)
  }

  /** What every node would do after a block, and the next block. */
  live(): void {
    const { state, head } = this.chain.ledger
    for (const validator of VALIDATORS) this.#attest(validator)
    for (const provider of [HONEST, CHEAT]) {
      for (const duty of matchedAttempts(state, provider.id)) {
        this.send('receipt', ReceiptCodec, receiptOf(duty, provider), provider.account)
      }
    }
    check.ok(head.height < 200n)
    this.block()
  }

  #attest(validator: Actor): void {
    const { state, head } = this.chain.ledger
    const held = pendingAvailability(state, head.height, validator.id)
    const judged = pendingVerdicts(state, head.height, validator.id)
    if (held.length + judged.length === 0) return
    const verdicts = judged.map(({ receiptId, receipt }) => {
      const isRight = equalBytes(receipt.traceRoot, RIGHT.statement.traceRoot)
      if (!isRight && validator === VALIDATORS[0]) this.#accuse(receiptId, validator)
      return item(receiptId, isRight ? 'valid' : 'invalid', 30_000)
    })
    const items = [...held.map(({ object }) => item(object, 'available', 0)), ...verdicts]
    const batch = { validator: fromHex(validator.id), height: head.height, items }
    this.send('attestation-batch', AttestationBatchCodec, batch, validator.consensus)
  }

  #accuse(receiptId: string, reporter: Actor): void {
    const fault = { kind: 'wrong_element', opIndex: 0, element: 0 } as const
    const evidence = {
      reporter: fromHex(reporter.id),
      type: EVIDENCE_TYPE_BYTES['fraud-proof'],
      offender: fromHex(CHEAT.id),
      subject: fromHex(receiptId),
      payload: buildFraudProof(SMALL.program, WRONG.data, fault),
    }
    this.send('evidence', EvidenceCodec, evidence, reporter.account)
  }

  count(kind: LedgerEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length
  }
}

function item(object: string, statement: (typeof STATEMENTS)[number], micros: number) {
  return { object: fromHex(object), statement: STATEMENTS.indexOf(statement), micros }
}

function receiptOf(duty: ReturnType<typeof matchedAttempts>[number], provider: Actor): Receipt {
  const { statement } = provider === CHEAT ? WRONG : RIGHT
  return {
    job: fromHex(duty.job),
    attempt: duty.attempt,
    provider: fromHex(provider.id),
    fabric: utf8('cpu'),
    program: duty.offer.program,
    inputs: duty.offer.inputs,
    outputDigest: statement.outputDigest,
    traceRoot: statement.traceRoot,
    proofKind: duty.offer.verification,
    proofDigest: sha256(statement.traceRoot),
    proofBytes: 32n * BigInt(SMALL.program.ops.length),
    units: duty.units,
    payment: duty.payment,
    kernelDigest: KERNELS,
    descriptorDigest: duty.offer.descriptorDigest,
    benchmarkCommit: new Uint8Array(0),
    tensorProfileEpoch: null,
    gradientDigests: [],
  }
}

function offerOf(market: Market, salt: bigint): Offer {
  const work = {
    program: SMALL.digest,
    inputs: SMALL_RUN.inputs.map((bytes) => ({
      digest: blake3(bytes),
      length: BigInt(bytes.length),
    })),
    lane: 0,
    verification: 0,
  }
  return {
    ...work,
    buyer: fromHex(BUYER.id),
    salt,
    tip: 7n,
    priceCeiling: BLOCK,
    deadlineBlocks: 10,
    capabilities: [],
    expiryHeight: market.chain.ledger.head.height + 90n,
    descriptorDigest: sha256(encode(JobDescriptorCodec, work)),
  }
}

function opened(): Market {
  const market = new Market()
  market.act(OWNER, { name: 'register-program', payload: programPayload(SMALL) })
  for (const provider of [HONEST, CHEAT]) {
    const payload = { bond: 500n * BLOCK, fabric: utf8('cpu'), kernelDigest: KERNELS }
    market.act(provider, { name: 'register-provider', payload })
    const unitPrice = provider === CHEAT ? 1_000n : 2_000n
    market.act(provider, { name: 'post-ask', payload: askPayload({ unitPrice }) })
  }
  market.live()
  market.live()
  return market
}

describe('the loop through real blocks', () => {
  it('settles every job with the honest provider and slashes the cheat', () => {
    const market = opened()
    for (const salt of [1n, 2n, 3n]) {
      market.send('offer', OfferCodec, offerOf(market, salt), BUYER.account)
    }
    market.live()
    check.equal(market.count('job-offered'), 3)
    while (windowsOpen(market.chain.ledger.state, 0n)) market.live()
    const settled = market.events.filter(({ kind }) => kind === 'job-settled')
    check.deepEqual(
      settled.map(({ actor: who }) => who),
      [HONEST.id, HONEST.id, HONEST.id],
    )
    const [slash] = market.events.filter(({ kind }) => kind === 'provider-slashed')
    check.equal(slash?.actor, CHEAT.id)
    check.equal(slash?.value, 500n * BLOCK)
    check.equal(explain(market.chain.ledger.state, slash?.subject ?? '')?.kind, 'evidence')
    check.equal(market.count('provider-slashed'), 1)
    check.equal(market.count('duty-missed'), 0)
  })

  it('goes on from the store as if it had never stopped', () => {
    const market = opened()
    market.send('offer', OfferCodec, offerOf(market, 9n), BUYER.account)
    for (let left = 4; left > 0; left--) market.live()
    const { ledger, store } = market.chain
    const entries = [...store].filter(([key]) => key.startsWith(STATE_PREFIX))
    const head = store.get(HEAD_KEY)
    check.ok(head !== undefined)
    const restored = restoreLedger(ledger.genesis, entries, head, ledger.head.commit)
    check.equal(toHex(restored.head.stateRoot), toHex(ledger.head.stateRoot))
    for (const { id } of [...VALIDATORS, HONEST, CHEAT]) {
      const height = ledger.head.height
      check.deepEqual(
        pendingVerdicts(restored.state, height, id),
        pendingVerdicts(ledger.state, height, id),
      )
      check.deepEqual(matchedAttempts(restored.state, id), matchedAttempts(ledger.state, id))
    }
  })
})
