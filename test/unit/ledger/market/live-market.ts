/**
 * A small real chain with a market on it: signed objects, a pool, built and executed blocks.
 * Validators and providers do what their duties say and know nothing else.
 */

import { strict as check } from 'node:assert'

import { equalBytes, fromHex, utf8 } from '../../../../src/base/bytes.ts'
import { type Codec, encode } from '../../../../src/base/codec.ts'
import { verifyZip215 } from '../../../../src/base/ed25519-keys.ts'
import { blake3, sha256 } from '../../../../src/base/hash.ts'
import {
  matchedAttempts,
  pendingAvailability,
  pendingVerdicts,
  windowsOpen,
} from '../../../../src/ledger/duties.ts'
import { requiredChecks } from '../../../../src/ledger/ledger.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { AttestationBatchCodec, STATEMENTS } from '../../../../src/ledger/types/attestation.ts'
import type { ObjectKind } from '../../../../src/ledger/types/envelope.ts'
import type { LedgerEvent } from '../../../../src/ledger/types/event.ts'
import { EVIDENCE_TYPE_BYTES, EvidenceCodec } from '../../../../src/ledger/types/evidence.ts'
import {
  JobDescriptorCodec,
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

export const VALIDATORS: readonly Actor[] = actors('validator', 4)
const OWNER: Actor = actor('owner')
export const BUYER: Actor = actor('buyer')
export const HONEST: Actor = actor('honest provider')
export const CHEAT: Actor = actor('cheating provider')
const PEOPLE = [OWNER, BUYER, HONEST, CHEAT]
const RIGHT = publish(SMALL_RUN, SMALL_RUN.outputs)
const WRONG = publish(SMALL_RUN, falsified())
/** What providers publish beside a receipt: the digest of every op's output. */
export const MANIFEST: Uint8Array = Uint8Array.from(
  { length: 32 * SMALL.program.ops.length },
  (_, at) => at,
)
/** Blocks after which a market that has not come to rest never will. */
const BLOCKS_MAX = 200n

export class LiveMarket {
  readonly chain = new Chain(
    { ...genesisOf(VALIDATORS, PEOPLE, { evidence_bond: BLOCK }), kernelDigests: [KERNELS] },
    [...VALIDATORS, ...PEOPLE],
  )
  /** Everything that has happened, in order. */
  readonly events: LedgerEvent[] = []

  get height(): bigint {
    return this.chain.ledger.head.height
  }

  count(kind: LedgerEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length
  }

  /** Registers the program and both providers, the cheat as the cheaper one. */
  open(): void {
    this.#act(OWNER, { name: 'register-program', payload: programPayload(SMALL) })
    for (const provider of [HONEST, CHEAT]) {
      const payload = { bond: 500n * BLOCK, fabric: utf8('cpu'), kernelDigest: KERNELS }
      this.#act(provider, { name: 'register-provider', payload })
      const unitPrice = provider === CHEAT ? 1_000n : 2_000n
      this.#act(provider, { name: 'post-ask', payload: askPayload({ unitPrice }) })
    }
    this.live()
    this.live()
  }

  /** One job of the buyer. */
  offer(salt: bigint): void {
    const work = {
      program: SMALL.digest,
      inputs: SMALL_RUN.inputs.map((bytes) => ({
        digest: blake3(bytes),
        length: BigInt(bytes.length),
      })),
      lane: 0,
      verification: 0,
    }
    const offer = {
      ...work,
      buyer: fromHex(BUYER.id),
      salt,
      tip: 7n,
      priceCeiling: BLOCK,
      deadlineBlocks: 10,
      capabilities: [],
      expiryHeight: this.height + 90n,
      descriptorDigest: sha256(encode(JobDescriptorCodec, work)),
    }
    this.#send('offer', OfferCodec, offer, BUYER.account)
  }

  /** What every node would do after a block, and the next block. */
  live(): void {
    const { state } = this.chain.ledger
    for (const validator of VALIDATORS) this.#attest(validator)
    for (const provider of [HONEST, CHEAT]) {
      for (const duty of matchedAttempts(state, provider.id)) {
        this.#send('receipt', ReceiptCodec, receiptOf(duty, provider), provider.account)
      }
    }
    check.ok(this.height < BLOCKS_MAX)
    this.#block()
  }

  /** Blocks until every job has ended and every window is closed. */
  settle(): void {
    do this.live()
    while (windowsOpen(this.chain.ledger.state, 0n))
  }

  /** One block of what is pooled, every signature of it checked by the rule for blocks. */
  #block(): void {
    const block = this.chain.build()
    for (const { checks } of requiredChecks(this.chain.ledger, block)) {
      for (const { publicKey, digest, signature } of checks) {
        check.ok(verifyZip215(publicKey, digest, signature))
      }
    }
    this.events.push(...this.chain.apply(block).events)
    check.ok(audit(this.chain.ledger.state).conserved)
  }

  #act(who: Actor, action: Action): void {
    check.equal(this.chain.submit(who, action), '')
  }

  #send<Body>(kind: ObjectKind, codec: Codec<Body>, body: Body, signer: Signer): void {
    const { ledger, pool } = this.chain
    pool.add(ledger, envelope(ledger.genesisHash, kind, encode(codec, body), signer), true)
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
    this.#send('attestation-batch', AttestationBatchCodec, batch, validator.consensus)
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
    this.#send('evidence', EvidenceCodec, evidence, reporter.account)
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
    proofDigest: blake3(MANIFEST),
    proofBytes: BigInt(MANIFEST.length),
    units: duty.units,
    payment: duty.payment,
    kernelDigest: KERNELS,
    descriptorDigest: duty.offer.descriptorDigest,
    benchmarkCommit: utf8('abc123'),
    tensorProfile: null,
    gradientDigests: [],
  }
}
