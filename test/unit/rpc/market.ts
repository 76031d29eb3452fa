/** A small real chain with a market on it, and what a node would let be asked about it. */

import { equalBytes, fromHex, utf8 } from '../../../src/base/bytes.ts'
import { type Codec, encode } from '../../../src/base/codec.ts'
import { blake3, sha256 } from '../../../src/base/hash.ts'
import {
  matchedAttempts,
  pendingAvailability,
  pendingVerdicts,
  windowsOpen,
} from '../../../src/ledger/duties.ts'
import { JOBS } from '../../../src/ledger/market-records.ts'
import { AttestationBatchCodec, STATEMENTS } from '../../../src/ledger/types/attestation.ts'
import type { ObjectKind } from '../../../src/ledger/types/envelope.ts'
import type { LedgerEvent } from '../../../src/ledger/types/event.ts'
import { EVIDENCE_TYPE_BYTES, EvidenceCodec } from '../../../src/ledger/types/evidence.ts'
import { JobDescriptorCodec, OfferCodec, ReceiptCodec } from '../../../src/ledger/types/market.ts'
import type { Action } from '../../../src/ledger/types/transaction.ts'
import type { Queries } from '../../../src/node/queries.ts'
import { buildFraudProof } from '../../../src/program/fraud.ts'
import { openHistory } from '../../../src/rpc/io/store-history.ts'
import type { Signer, Store } from '../../../src/runtime/ports.ts'
import {
  type Actor,
  actor,
  actors,
  BLOCK,
  Chain,
  envelope,
  genesisOf,
} from '../ledger/chain/chain.ts'
import {
  askPayload,
  falsified,
  KERNELS,
  programPayload,
  SMALL,
  SMALL_RUN,
} from '../ledger/market/world.ts'
import { publish } from '../program/samples.ts'

export const VALIDATORS: readonly Actor[] = actors('validator', 4)
export const OWNER: Actor = actor('owner')
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
export { SMALL }

export class LiveMarket {
  readonly chain = new Chain(
    { ...genesisOf(VALIDATORS, PEOPLE, { evidence_bond: BLOCK }), kernelDigests: [KERNELS] },
    [...VALIDATORS, ...PEOPLE],
  )

  get height(): bigint {
    return this.chain.ledger.head.height
  }

  /** Registers everybody and runs one job to its end: the cheat is slashed, the honest paid. */
  runToTheEnd(): readonly LedgerEvent[] {
    const events: LedgerEvent[] = []
    this.#act(OWNER, { name: 'register-program', payload: programPayload(SMALL) })
    for (const provider of [HONEST, CHEAT]) {
      const payload = { bond: 500n * BLOCK, fabric: utf8('cpu'), kernelDigest: KERNELS }
      this.#act(provider, { name: 'register-provider', payload })
      const unitPrice = provider === CHEAT ? 1_000n : 2_000n
      this.#act(provider, { name: 'post-ask', payload: askPayload({ unitPrice }) })
    }
    events.push(...this.live(), ...this.live())
    this.offer(1n)
    events.push(...this.live())
    for (let left = 100; left > 0 && windowsOpen(this.chain.ledger.state, 0n); left--) {
      events.push(...this.live())
    }
    return events
  }

  /** What every node would do after a block, and the next block. */
  live(): readonly LedgerEvent[] {
    const { state } = this.chain.ledger
    for (const validator of VALIDATORS) this.#attest(validator)
    for (const provider of [HONEST, CHEAT]) {
      for (const duty of matchedAttempts(state, provider.id)) {
        this.#send('receipt', ReceiptCodec, receiptOf(duty, provider), provider.account)
      }
    }
    return this.chain.apply(this.chain.build()).events
  }

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

  #act(who: Actor, action: Action): void {
    this.chain.submit(who, action)
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

function receiptOf(duty: ReturnType<typeof matchedAttempts>[number], provider: Actor) {
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
    tensorProfileEpoch: null,
    gradientDigests: [],
  }
}

/** The store port over the chain's map. */
export function storeOver(entries: Map<string, Uint8Array>): Store {
  return {
    write: (_batch, done) => queueMicrotask(done),
    get: (key, done) => queueMicrotask(() => done(entries.get(key))),
    range: (from, to, countMax, done) => {
      const keys = [...entries.keys()].filter((key) => key >= from && key < to).sort()
      const found = keys
        .slice(0, countMax)
        .map((key) => [key, entries.get(key) as Uint8Array] as const)
      queueMicrotask(() => done(found))
    },
  }
}

export async function queriesOf({ chain }: LiveMarket): Promise<Queries> {
  const { ledger, pool } = chain
  return {
    ledger,
    pool,
    history: await openHistory(storeOver(chain.store), ledger.head.height),
    blobs: {
      get: async (digest) => (equalBytes(digest, blake3(MANIFEST)) ? MANIFEST : undefined),
    },
    info: () => ({
      version: '0.1.0',
      peerId: '12D3KooW',
      account: VALIDATORS[0]?.id,
      http: '',
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      roles: ['validator'],
      bootstrap: [],
    }),
    peers: () => [],
    peersReason: () => '0 peers because nobody was dialled',
    consensus: () => ({ height: ledger.head.height + 1n, round: 0, step: 'propose' }),
    sync: () => ({ syncing: false, targetHeight: ledger.head.height }),
  }
}

export function jobIds({ chain }: LiveMarket): string[] {
  return chain.ledger.state.entries(JOBS).map(([id]) => id)
}
