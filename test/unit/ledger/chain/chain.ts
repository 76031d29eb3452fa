/** A chain in a test: a genesis with known keys, objects signed by them, blocks built and applied. */

import { strict as check } from 'node:assert'

import { fromHex, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { encode } from '../../../../src/base/codec.ts'
import { vrfProve, vrfPublicKey } from '../../../../src/base/ecvrf.ts'
import { sha256, signingDigest } from '../../../../src/base/hash.ts'
import { describeRefusal } from '../../../../src/base/refusal.ts'
import { isParamKey, type ParamKey } from '../../../../src/governance/params.ts'
import { accountOf } from '../../../../src/ledger/accounts.ts'
import { buildBlock, nextBeaconAlpha } from '../../../../src/ledger/build.ts'
import { createLedger } from '../../../../src/ledger/genesis-state.ts'
import {
  type Applied,
  applyBlock,
  type Executed,
  executeBlock,
  type Ledger,
} from '../../../../src/ledger/ledger.ts'
import { Mempool } from '../../../../src/ledger/mempool.ts'
import { type Block, blockId, type Commit } from '../../../../src/ledger/types/block.ts'
import {
  type Envelope,
  OBJECT_KIND_BYTES,
  type ObjectKind,
  objectId,
} from '../../../../src/ledger/types/envelope.ts'
import type { Genesis } from '../../../../src/ledger/types/genesis.ts'
import {
  type Action,
  encodeAction,
  ROLE_VALIDATOR,
  TransactionCodec,
} from '../../../../src/ledger/types/transaction.ts'
import { voteDigest } from '../../../../src/ledger/types/vote.ts'
import { validatorsAt } from '../../../../src/ledger/validators.ts'
import { keyPairOf, signerOf } from '../../../../src/runtime/io/key-file.ts'
import type { Signer, StoreOp } from '../../../../src/runtime/ports.ts'

export const BLOCK = 1_000_000_000n
export const GENESIS_TIME_MS = 1_700_000_000_000n
export const INTERVAL_MS = 250n

/** Short windows, so that everything falls due within a test. */
export const PARAMS: Partial<Record<ParamKey, bigint>> = {
  verdict_window_blocks: 20n,
  challenge_blocks: 20n,
  proof_window_blocks: 20n,
  availability_window_blocks: 20n,
  gov_voting_blocks: 20n,
  evidence_age: 30n,
  unbonding_blocks: 30n,
  downtime_window: 10n,
  downtime_jail_blocks: 5n,
  epoch_blocks: 4n,
}

export interface Actor {
  readonly id: string
  readonly account: Signer
  readonly consensus: Signer
  readonly vrfSeed: Uint8Array
}

function seedOf(label: string): Uint8Array {
  return sha256(utf8(label))
}

export function actor(name: string): Actor {
  const account = signerOf(keyPairOf(seedOf(`${name}/account`)))
  const consensus = signerOf(keyPairOf(seedOf(`${name}/consensus`)))
  return { id: toHex(account.publicKey), account, consensus, vrfSeed: seedOf(`${name}/vrf`) }
}

export function actors(prefix: string, count: number): Actor[] {
  return Array.from({ length: count }, (_, at) => actor(`${prefix}${at}`)).sort((left, right) =>
    left.id < right.id ? -1 : 1,
  )
}

export function genesisOf(
  validators: readonly Actor[],
  accounts: readonly Actor[],
  changes: Partial<Record<ParamKey, bigint>> = {},
): Genesis {
  const params = Object.entries({ ...PARAMS, ...changes })
    .filter(([key]) => isParamKey(key))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => ({ key: utf8(key), value: value }))
  const everyone = [...validators, ...accounts].sort((left, right) => (left.id < right.id ? -1 : 1))
  return {
    name: utf8('sim'),
    time: GENESIS_TIME_MS,
    params,
    validators: [...validators].map(({ id, consensus, vrfSeed }) => ({
      id: fromHex(id),
      consensusKey: consensus.publicKey,
      vrfKey: vrfPublicKey(vrfSeed),
      bond: 2_000n * BLOCK,
    })),
    accounts: everyone.map(({ id }) => ({ id: fromHex(id), balance: 10_000n * BLOCK })),
    kernelDigests: [],
    faucet: null,
  }
}

export function envelope(
  genesisHash: Uint8Array,
  kind: ObjectKind,
  body: Uint8Array,
  signer: Signer,
): Envelope {
  const signature = signer.sign(objectId(kind, genesisHash, body))
  return { kind: OBJECT_KIND_BYTES[kind], body, signature }
}

export function transaction(
  genesisHash: Uint8Array,
  from: Actor,
  nonce: bigint,
  action: Action,
  tip = 0n,
): Envelope {
  const body = encode(TransactionCodec, {
    sender: fromHex(from.id),
    nonce,
    tip,
    ...encodeAction(action),
  })
  return envelope(genesisHash, 'transaction', body, from.account)
}

export function transfer(to: Actor, value: bigint): Action {
  return { name: 'transfer', payload: { to: fromHex(to.id), value } }
}

/** First bond of a validator, with its proof of possession. */
export function bond(genesisHash: Uint8Array, who: Actor, value: bigint): Action {
  const digest = signingDigest('possession', genesisHash, fromHex(who.id))
  return {
    name: 'bond',
    payload: {
      role: ROLE_VALIDATOR,
      value,
      consensusKey: who.consensus.publicKey,
      vrfKey: vrfPublicKey(who.vrfSeed),
      possession: who.consensus.sign(digest),
    },
  }
}

/** One node's view of the chain, with the keys of every actor at hand. */
export class Chain {
  readonly ledger: Ledger
  readonly pool = new Mempool()
  readonly store = new Map<string, Uint8Array>()
  readonly blocks: { readonly block: Block; readonly commit: Commit }[] = []
  readonly #actors: ReadonlyMap<string, Actor>

  constructor(genesis: Genesis, known: readonly Actor[]) {
    const { ledger, writes } = createLedger(genesis)
    this.ledger = ledger
    this.write(writes)
    this.#actors = new Map(known.map((each) => [each.id, each]))
  }

  write(ops: readonly StoreOp[]): void {
    for (const each of ops) {
      if (each.op === 'put') this.store.set(each.key, each.value)
      else this.store.delete(each.key)
    }
  }

  actorOf(id: string): Actor {
    const found = this.#actors.get(id)
    check.ok(found !== undefined)
    return found
  }

  /** Signs the next action of `from` and pools it. @returns the refusal code, or ''. */
  submit(from: Actor, action: Action, tip = 0n): string {
    const waiting = this.pool
      .candidates('transactions')
      .filter(({ speaker }) => speaker === from.id).length
    const nonce = accountOf(this.ledger.state, from.id).nonce + BigInt(waiting)
    const signed = transaction(this.ledger.genesisHash, from, nonce, action, tip)
    return this.pool.add(this.ledger, signed, false)?.code ?? ''
  }

  /** The block the proposer of the next height, or another member, would propose. */
  build(proposerAt?: number, laterMs = 0n): Block {
    const members = validatorsAt(this.ledger.state, this.ledger.head.height + 1n)
    const at = proposerAt ?? Number(this.ledger.head.height % BigInt(members.length))
    const proposer = this.actorOf(toHex((members[at] as (typeof members)[number]).id))
    const { block } = buildBlock(this.ledger, this.pool, {
      timeMs: this.ledger.head.timeMs + INTERVAL_MS + laterMs,
      proposer: proposer.id,
      beaconProof: vrfProve(proposer.vrfSeed, nextBeaconAlpha(this.ledger)),
    })
    return block
  }

  execute(block: Block): { readonly executed: Executed } | { readonly code: string } {
    const outcome = executeBlock(this.ledger, block, () => true)
    return 'refused' in outcome ? { code: describeRefusal(outcome.refused) } : outcome
  }

  /** The commit of a block by all members of its set but `absent`. */
  commitOf(block: Block, absent: readonly string[] = []): Commit {
    const { height } = block.header
    const members = validatorsAt(this.ledger.state, height)
    const id = blockId(block.header)
    const digest = voteDigest(this.ledger.genesisHash, {
      type: 2,
      height,
      round: 0,
      blockId: id,
      validRound: 0,
    })
    const signing = members.flatMap((member, at) =>
      absent.includes(toHex(member.id)) ? [] : [{ at, signer: this.actorOf(toHex(member.id)) }],
    )
    const last = signing[signing.length - 1]?.at ?? -1
    const signers = new Uint8Array((last + 8) >> 3)
    for (const { at } of signing) signers[at >> 3] = (signers[at >> 3] as number) | (1 << (at & 7))
    const signatures = signing.map(({ signer }) => signer.consensus.sign(digest))
    return { height, round: 0, blockId: id, signers, signatures }
  }

  apply(block: Block, absent: readonly string[] = []): Applied {
    const outcome = this.execute(block)
    check.ok('executed' in outcome, 'code' in outcome ? outcome.code : '')
    const commit = this.commitOf(block, absent)
    const applied = applyBlock(this.ledger, outcome.executed, commit)
    this.write(applied.writes)
    this.blocks.push({ block, commit })
    this.pool.committed(this.ledger, block)
    return applied
  }

  /** Builds and applies `count` blocks of what is pooled. */
  advance(count = 1, absent: readonly string[] = []): Applied {
    let applied: Applied = { writes: [], events: [] }
    for (let at = 0; at < count; at++) applied = this.apply(this.build(), absent)
    return applied
  }
}
