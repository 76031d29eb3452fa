/** What simulations share: keys, a small genesis, objects to submit. */

import { toHex, utf8 } from '../../src/base/bytes.ts'
import { encode } from '../../src/base/codec.ts'
import { blake3, sha256 } from '../../src/base/hash.ts'
import { describeRefusal } from '../../src/base/refusal.ts'
import {
  EnvelopeCodec,
  OBJECT_KIND_BYTES,
  type ObjectKind,
  objectId,
} from '../../src/ledger/types/envelope.ts'
import type { EventKind, LedgerEvent } from '../../src/ledger/types/event.ts'
import { type Genesis, genesisHash as hashOf } from '../../src/ledger/types/genesis.ts'
import { JobDescriptorCodec, OfferCodec } from '../../src/ledger/types/market.ts'
import { type Action, encodeAction, TransactionCodec } from '../../src/ledger/types/transaction.ts'
import type { NamedProgram } from '../../src/program/builder.ts'
import { int8Mlp } from '../../src/program/networks.ts'
import type { Faults } from '../../src/runtime/deterministic.ts'
import { signerOf } from '../../src/runtime/io/key-file.ts'
import {
  Cluster,
  SIM_KERNEL,
  type SimKeys,
  type SimNodeSpec,
  simGenesis,
} from '../../src/sim/cluster.ts'
import { checkSignature, pairNamed } from '../../src/sim/io/crypto.ts'

export const KEYS: SimKeys = {
  signer: (name) => signerOf(pairNamed(name)),
  seed: (name) => pairNamed(name).secretKey,
  check: checkSignature,
}

export const CALM: Faults = { dropPercent: 0, repeatPercent: 0, delayMsMax: 5, syncMsMax: 2 }

/** Windows short enough for a simulation, long enough for seven validators. */
export const PARAMS: Readonly<Record<string, bigint>> = {
  min_block_interval_ms: 50n,
  heartbeat_ms: 5_000n,
  propose_timeout_ms: 400n,
  vote_timeout_ms: 200n,
  verdict_window_blocks: 20n,
  challenge_blocks: 24n,
  proof_window_blocks: 20n,
  availability_window_blocks: 60n,
  evidence_age: 200n,
  unbonding_blocks: 200n,
  gov_deposit: 1_000_000_000n,
  gov_voting_blocks: 20n,
  gov_timelock_blocks: 4n,
  gov_shadow_blocks: 6n,
  gov_watch_blocks: 6n,
  suspension_blocks: 30n,
  max_offer_ttl: 2_000n,
}

export function idOf(name: string): string {
  return toHex(KEYS.signer(name).publicKey)
}

export function envelope(
  genesis: Genesis,
  kind: ObjectKind,
  body: Uint8Array,
  name: string,
): Uint8Array {
  const signature = KEYS.signer(name).sign(objectId(kind, hashOf(genesis), body))
  return encode(EnvelopeCodec, { kind: OBJECT_KIND_BYTES[kind], body, signature })
}

export function transaction(
  genesis: Genesis,
  name: string,
  nonce: bigint,
  action: Action,
): Uint8Array {
  const sender = KEYS.signer(name).publicKey
  const body = encode(TransactionCodec, { sender, nonce, tip: 0n, ...encodeAction(action) })
  return envelope(genesis, 'transaction', body, name)
}

export function cluster(
  seed: number,
  faults: Faults,
  specs: readonly SimNodeSpec[],
  accounts: readonly string[],
): Cluster {
  const validators = specs.filter(({ role }) => role === 'validator').map(({ name }) => name)
  const providers = specs.filter(({ role }) => role === 'provider').map(({ name }) => name)
  const genesis = simGenesis(
    { validators, accounts: [...providers, ...accounts], params: PARAMS },
    KEYS,
  )
  return new Cluster(seed, faults, genesis, specs, KEYS)
}

export function validators(count: number): SimNodeSpec[] {
  return Array.from({ length: count }, (_, index) => ({ name: `v${index}`, role: 'validator' }))
}

/** A network small enough for virtual time: 2 rows of 8 through 6 to 3 classes. */
export function smallNetwork(): NamedProgram {
  const layer = (inputs: number, outputs: number) => ({
    inputs,
    outputs,
    weights: Int8Array.from({ length: inputs * outputs }, (_, at) => ((at * 37) % 21) - 10),
    bias: Int32Array.from({ length: outputs }, (_, at) => at * 3 - 4),
    multiplier: 1 << 20,
    shift: 22,
  })
  return int8Mlp(2, [layer(8, 6), layer(6, 3)])
}

/** Falsifies the bias sum of every job it is matched to. */
export const CHEAT: SimNodeSpec = {
  name: 'cheat',
  role: 'provider',
  tamper: (_program, outputs) => {
    const bytes = outputs[1]
    if (bytes !== undefined) bytes[0] = (bytes[0] ?? 0) ^ 1
  },
}

/** The events of one kind, as a node told them. */
export function events(chain: Cluster, node: string, kind: EventKind): LedgerEvent[] {
  return chain.facts.flatMap(({ node: who, fact }) =>
    who === node && fact.kind === 'block-committed'
      ? fact.events.filter((event) => event.kind === kind)
      : [],
  )
}

/** Registers program and providers, posts their asks, and makes the given number of offers. */
export class Market {
  readonly chain: Cluster
  readonly network: NamedProgram = smallNetwork()
  readonly #nonces = new Map<string, bigint>()
  #salt = 0n

  constructor(chain: Cluster) {
    this.chain = chain
  }

  /** Signs with the next nonce of `name` and hands it to a living node. */
  act(name: string, action: Action): void {
    const nonce = this.#nonces.get(name) ?? 0n
    this.#nonces.set(name, nonce + 1n)
    this.submit(transaction(this.chain.genesis, name, nonce, action))
  }

  submit(bytes: Uint8Array): void {
    const node = this.chain.nodes.find(({ spec }) => spec.role === 'validator')
    node?.driver.submit(bytes, (outcome) => {
      if ('refusal' in outcome) throw new Error(describeRefusal(outcome.refusal))
    })
  }

  /** The client's data, uploaded to one node. */
  upload(bytes: Uint8Array): Uint8Array {
    const digest = blake3(bytes)
    this.chain.blobs.of('v0').set(toHex(digest), bytes)
    return digest
  }

  registerProgram(name: string, network: NamedProgram = this.network): void {
    const { bytes, weights, program } = network
    this.act(name, {
      name: 'register-program',
      payload: {
        ir: bytes,
        name: utf8(`small-${toHex(network.digest.slice(0, 4))}`),
        weights: weights.map((weight, index) => ({
          digest: this.upload(weight),
          length: BigInt(weight.length),
          dtype: program.weights[index]?.type.dtype ?? 0,
        })),
      },
    })
  }

  registerProvider(name: string, unitPrice: bigint): void {
    this.act(name, {
      name: 'register-provider',
      payload: { bond: 200_000_000_000_000n, fabric: utf8('sim'), kernelDigest: SIM_KERNEL },
    })
    this.act(name, {
      name: 'post-ask',
      payload: {
        lane: 0,
        unitPrice,
        blocksBase: 10,
        unitsPerBlock: 1_000_000n,
        maxUnits: 1_000_000n,
        maxOpenJobs: 8,
        expiryHeight: 1_000_000n,
        capabilities: [],
      },
    })
  }

  /** One job of the small network, on input that no other job has. @returns the job's id. */
  offer(name: string, verification: number): string {
    const input = Uint8Array.from({ length: 16 }, (_, at) => (at * 7 + Number(this.#salt)) % 100)
    return this.offerOf(name, verification, this.network, [input])
  }

  /** @returns the job's id. */
  offerOf(
    name: string,
    verification: number,
    network: NamedProgram,
    given: readonly Uint8Array[],
  ): string {
    const inputs = given.map((bytes) => ({
      digest: this.upload(bytes),
      length: BigInt(bytes.length),
    }))
    const descriptor = { program: network.digest, inputs, lane: 0, verification }
    const { height } = this.chain.nodes[0]?.ledger.head ?? { height: 0n }
    const body = encode(OfferCodec, {
      buyer: KEYS.signer(name).publicKey,
      salt: this.#salt++,
      tip: 0n,
      ...descriptor,
      priceCeiling: 1_000_000_000_000n,
      deadlineBlocks: 60,
      capabilities: [],
      expiryHeight: height + 1_000n,
      descriptorDigest: sha256(encode(JobDescriptorCodec, descriptor)),
    })
    this.submit(envelope(this.chain.genesis, 'offer', body, name))
    return toHex(objectId('offer', hashOf(this.chain.genesis), body))
  }
}
