/**
 * A small deterministic world for consensus machines: virtual time, a network that loses, repeats
 * and delays, journals whose tail a crash takes, and twins that share a key.
 *
 * Everything is drawn from one seed, so a run can be repeated exactly.
 */

import { strict as check } from 'node:assert'

import { toHex, u32Bytes, utf8 } from '../../../src/base/bytes.ts'
import { checked } from '../../../src/base/checked.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { timeMs } from '../../../src/base/time.ts'
import type {
  ConsensusEffect,
  ConsensusEvent,
  HeightSetup,
  Timeouts,
  Timer,
} from '../../../src/consensus/events.ts'
import type { ConsensusEvidence } from '../../../src/consensus/misbehavior.ts'
import { decodeRecord, openSignGuard, type SignGuard } from '../../../src/consensus/sign-guard.ts'
import { type ConsensusState, newConsensus } from '../../../src/consensus/state.ts'
import { step } from '../../../src/consensus/step.ts'
import {
  type Certificate,
  type Proposal,
  proposalSigningDigest,
  type QuorumCertificate,
  type Vote,
  voteSigningDigest,
} from '../../../src/consensus/types.ts'
import { encodeWalEntry, readWal } from '../../../src/consensus/wal.ts'
import {
  initialPriorities,
  nextPriorities,
  type Priorities,
  type ValidatorSet,
  validatorSet,
} from '../../../src/ledger/types/validator-set.ts'
import type { Journal, Signer } from '../../../src/runtime/ports.ts'

export const GENESIS_HASH: Uint8Array = new Uint8Array(32).fill(7)

export const TIMEOUTS: Timeouts = {
  proposeMs: 300,
  proposeStepMs: 100,
  prevoteMs: 150,
  prevoteStepMs: 50,
  precommitMs: 150,
  precommitStepMs: 50,
  rebroadcastMs: 600,
}

/** mulberry32: small, fast, good enough to draw schedules. */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function key(index: number): Uint8Array {
  return sha256(utf8('key'), u32Bytes(index))
}

export function validators(powers: readonly number[]): ValidatorSet {
  return validatorSet(
    powers.map((power, index) => ({
      id: new Uint8Array(32).fill(index + 1),
      consensusKey: key(index),
      vrfKey: key(index),
      power: BigInt(power),
    })),
  )
}

/** Not Ed25519: the machine never looks at a signature, and the world forges none. */
export function fakeSigner(index: number): Signer {
  return {
    publicKey: key(index),
    sign: (digest) => {
      const half = sha256(key(index), digest)
      const signature = new Uint8Array(64)
      signature.set(half)
      signature.set(sha256(half), 32)
      return signature
    },
  }
}

export interface WorldOptions {
  readonly seed: number
  readonly powers: readonly number[]
  /** Validator index of each node; the same index twice makes twins, undefined an observer. */
  readonly nodes: readonly (number | undefined)[]
  /** Until then messages are lost, delayed and repeated, nodes crash, the net is split. */
  readonly calmAtMs: number
  readonly lossPercent: number
  readonly crashes: boolean
  readonly targetHeight: bigint
  readonly endAtMs: number
}

interface DecidedBlock {
  readonly value: string
  readonly certificate: QuorumCertificate
}

interface Node {
  readonly id: number
  readonly self: number | undefined
  /** Grows at each start; what an earlier life asked for is not answered. */
  life: number
  alive: boolean
  state: ConsensusState
  guard: SignGuard | undefined
  wal: Uint8Array[]
  guardRecords: Uint8Array[]
  chain: DecidedBlock[]
  bodies: Set<string>
  counter: number
}

interface Scheduled {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class World {
  nowMs = 0
  readonly nodes: Node[]
  readonly evidence: ConsensusEvidence[] = []
  /** What was published, by validator and position. */
  readonly published = new Map<string, Set<string>>()
  readonly set: ValidatorSet
  traceHash: Uint8Array = new Uint8Array(32)
  crashCount = 0
  readonly #options: WorldOptions
  readonly #random: () => number
  readonly #priorities: Priorities[]
  readonly #bodies = new Map<string, number>()
  #queue: Scheduled[] = []
  #order = 0
  #split: ReadonlySet<number> = new Set()

  constructor(options: WorldOptions) {
    this.#options = options
    this.#random = random(options.seed)
    this.set = validators(options.powers)
    this.#priorities = [initialPriorities(this.set)]
    this.nodes = options.nodes.map((self, id) => ({
      id,
      self,
      life: 0,
      alive: false,
      state: newConsensus(GENESIS_HASH),
      guard: undefined,
      wal: [],
      guardRecords: [],
      chain: [],
      bodies: new Set(),
      counter: 0,
    }))
  }

  /** Runs to the target or the end; returns whether every node reached the target. */
  run(): boolean {
    const { endAtMs, targetHeight } = this.#options
    for (const node of this.nodes) this.#start(node)
    this.#trouble()
    this.#poll()
    while (this.nowMs < endAtMs) {
      const next = this.#pop()
      if (next === undefined) break
      this.nowMs = next.atMs
      next.run()
      if (this.nodes.every(({ chain }) => BigInt(chain.length) >= targetHeight)) return true
    }
    return false
  }

  #after(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs
    const entry = { atMs, order: this.#order++, run }
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#queue[middle] as Scheduled
      if (other.atMs > atMs || (other.atMs === atMs && other.order > entry.order)) low = middle + 1
      else high = middle
    }
    this.#queue.splice(low, 0, entry)
  }

  #pop(): Scheduled | undefined {
    return this.#queue.pop()
  }

  #between(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1))
  }

  get #calm(): boolean {
    return this.nowMs >= this.#options.calmAtMs
  }

  #trouble(): void {
    if (this.#calm) {
      this.#split = new Set()
      return
    }
    const dice = this.#random()
    if (dice < 0.15) {
      const half = this.nodes.filter(() => this.#random() < 0.5).map(({ id }) => id)
      this.#split = new Set(half)
    } else if (dice < 0.3) {
      this.#split = new Set()
    } else if (dice < 0.5 && this.#options.crashes) {
      const node = this.nodes[this.#between(0, this.nodes.length - 1)] as Node
      if (node.alive) this.#crash(node)
    }
    this.#after(this.#between(50, 400), () => this.#trouble())
  }

  /** Lagging nodes take decided blocks from others. */
  #poll(): void {
    for (const node of this.nodes) {
      const other = this.nodes[this.#between(0, this.nodes.length - 1)] as Node
      const block = other.chain[node.chain.length]
      if (node.alive && block !== undefined && this.#connected(node, other)) {
        this.#event(node, {
          kind: 'decided-elsewhere',
          certificate: checked(block.certificate),
        })
        this.#commit(node, block)
      }
    }
    this.#after(500, () => this.#poll())
  }

  #crash(node: Node): void {
    this.crashCount += 1
    node.alive = false
    node.life += 1
    node.state = newConsensus(GENESIS_HASH)
    this.#after(this.#between(10, 800), () => this.#start(node))
  }

  #start(node: Node): void {
    node.alive = true
    if (node.self !== undefined) {
      node.guard = openSignGuard({
        genesisHash: GENESIS_HASH,
        journal: this.#journal(node, node.guardRecords),
        signer: fakeSigner(node.self),
        records: node.guardRecords,
        signedHeightAtLeast: 0n,
      })
    }
    const height = BigInt(node.chain.length) + 1n
    this.#startHeight(node, readWal(node.wal, height), node.guard?.signedAt(height) ?? [])
  }

  /** A write is durable some time later, unless the node dies before. */
  #journal(node: Node, records: Uint8Array[]): Journal {
    const { life } = node
    let chain = 0
    return {
      append: (record, durable) => {
        chain = Math.max(chain, this.nowMs) + this.#between(0, 8)
        this.#after(chain - this.nowMs, () => {
          if (node.life !== life) return
          records.push(record)
          durable()
        })
      },
      readAll: () => check.fail('the world reads journals itself'),
      replace: (fresh, durable) => {
        records.splice(0, records.length, ...fresh)
        this.#after(0, durable)
      },
    }
  }

  #startHeight(
    node: Node,
    replay: ReturnType<typeof readWal>,
    signed: ReturnType<SignGuard['signedAt']>,
  ): void {
    const height = BigInt(node.chain.length) + 1n
    const setup: HeightSetup = {
      height,
      validators: this.set,
      priorities: this.#prioritiesAt(height),
      next: { validators: this.set, priorities: this.#prioritiesAt(height + 1n) },
      self: node.self,
      timeouts: TIMEOUTS,
      minimumStartAtMs: timeMs(this.nowMs + this.#between(0, 40)),
    }
    this.#event(node, { kind: 'start-height', setup, replay, signed })
  }

  #prioritiesAt(height: bigint): Priorities {
    while (this.#priorities.length <= Number(height)) {
      const last = this.#priorities[this.#priorities.length - 1] as Priorities
      this.#priorities.push(nextPriorities(this.set, last, this.set))
    }
    return this.#priorities[Number(height)] as Priorities
  }

  #event(node: Node, event: ConsensusEvent): void {
    if (!node.alive) return
    for (const effect of step(node.state, event, timeMs(this.nowMs))) this.#perform(node, effect)
  }

  #later(node: Node, delayMs: number, make: () => ConsensusEvent | undefined): void {
    const { life } = node
    this.#after(delayMs, () => {
      const event = node.life === life ? make() : undefined
      if (event !== undefined) this.#event(node, event)
    })
  }

  readonly #timers = new Map<string, number>()

  #perform(node: Node, effect: ConsensusEffect): void {
    switch (effect.kind) {
      case 'build-value':
        this.#build(node, effect.height, effect.round)
        return
      case 'judge-body':
        this.#judge(node, effect.proposal, effect.fresh)
        return
      case 'sign': {
        const { life } = node
        node.guard?.sign(effect.request, (outcome) => {
          if (node.life !== life) return
          const { request } = effect
          this.#later(node, 0, () =>
            outcome.kind === 'signed'
              ? { kind: 'signed', request, signature: outcome.signature }
              : { kind: 'sign-refused', request, refusal: outcome.refusal },
          )
        })
        return
      }
      case 'publish-vote':
        this.#note(
          node,
          effect.vote.type,
          effect.vote,
          voteSigningDigest(GENESIS_HASH, effect.vote),
        )
        this.#spread(node, { kind: 'vote', vote: checked(effect.vote) })
        return
      case 'publish-proposal': {
        const { proposal } = effect
        this.#note(node, 'proposal', proposal, proposalSigningDigest(GENESIS_HASH, proposal))
        this.#bodies.set(proposal.value, node.id)
        this.#spread(node, { kind: 'proposal', proposal: checked(proposal) })
        return
      }
      case 'set-timer':
        this.#setTimer(node, effect.timer, effect.delay)
        return
      case 'clear-timer':
        this.#timers.delete(timerName(node, effect.timer))
        return
      case 'journal':
        this.#writeLog(node, effect)
        return
      case 'journal-reset':
        node.wal.length = 0
        return
      case 'decided':
        this.#commit(node, effect)
        return
      case 'want-block':
        return
      case 'evidence':
        this.evidence.push(effect.evidence)
        return
      case 'rebroadcast':
        this.#repair(node, effect)
        return
      case 'fact':
        return
    }
  }

  #build(node: Node, height: bigint, round: number): void {
    node.counter += 1
    const value = toHex(sha256(utf8(`${node.id} ${node.counter} ${height} ${round}`)))
    const built = { value, partsRoot: new Uint8Array(32), partsCount: 1, bodyBytes: 1 }
    this.#later(node, this.#between(0, 30), () => ({ kind: 'value-built', height, round, built }))
  }

  #judge(node: Node, { height, round, value }: Proposal, fresh: boolean): void {
    const untimely = fresh && !this.#calm && this.#random() < 0.1
    this.#later(node, this.#between(0, 30), () => ({
      kind: 'body-judged',
      height,
      round,
      value,
      valid: !untimely,
    }))
  }

  /** Written through a journal of its own: the tail of the log may be lost where the guard's is not. */
  #writeLog(node: Node, effect: ConsensusEffect & { readonly kind: 'journal' }): void {
    const { height, sequence, entries } = effect
    const records = entries.map((entry) => encodeWalEntry(height, entry))
    const { life } = node
    this.#after(this.#between(0, 8), () => {
      if (node.life !== life) return
      node.wal.push(...records)
      this.#event(node, { kind: 'journalled', sequence })
    })
  }

  #setTimer(node: Node, timer: Timer, delayMs: number): void {
    const name = timerName(node, timer)
    const order = this.#order
    this.#timers.set(name, order)
    this.#later(node, delayMs, () => {
      if (this.#timers.get(name) !== order) return undefined
      this.#timers.delete(name)
      return { kind: 'timeout', timer }
    })
  }

  #commit(node: Node, { value, certificate }: DecidedBlock): void {
    if (certificate.height !== BigInt(node.chain.length) + 1n) return
    node.chain.push({ value, certificate })
    this.traceHash = sha256(this.traceHash, utf8(`${this.nowMs} ${node.id} ${value}`))
    const { life } = node
    this.#after(this.#between(0, 10), () => {
      if (node.life === life) this.#startHeight(node, [], [])
    })
  }

  #note(
    node: Node,
    kind: string,
    { height, round }: { readonly height: bigint; readonly round: number },
    digest: Uint8Array,
  ): void {
    const durable = node.guardRecords
      .map(decodeRecord)
      .some((record) => toHex(record.digest) === toHex(digest))
    check.ok(durable, 'what is said is durable in the guard')
    const name = `${node.self} ${height} ${round} ${kind}`
    const digests = this.published.get(name) ?? new Set()
    digests.add(toHex(digest))
    this.published.set(name, digests)
  }

  #connected(left: Node, right: Node): boolean {
    return this.#split.has(left.id) === this.#split.has(right.id)
  }

  #spread(from: Node, event: ConsensusEvent): void {
    for (const node of this.nodes) {
      if (node !== from) this.#send(from, node, event)
    }
  }

  #send(from: Node, to: Node, event: ConsensusEvent): void {
    const copies = !this.#calm && this.#random() < 0.1 ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const lost = !this.#calm && 100 * this.#random() < this.#options.lossPercent
      if (lost || !this.#connected(from, to)) continue
      const delay = this.#calm ? this.#between(1, 20) : this.#between(1, 250)
      this.#after(delay, () => this.#event(to, event))
    }
  }

  #repair(from: Node, effect: ConsensusEffect & { readonly kind: 'rebroadcast' }): void {
    const events: ConsensusEvent[] = [
      ...effect.certificates.map(
        (certificate: Certificate) =>
          ({ kind: 'certificate', certificate: checked(certificate) }) as const,
      ),
      ...(effect.proposal === undefined
        ? []
        : [{ kind: 'proposal', proposal: checked(effect.proposal) } as const]),
      ...effect.votes.map((vote: Vote) => ({ kind: 'vote', vote: checked(vote) }) as const),
    ]
    for (const event of events) this.#spread(from, event)
  }
}

function timerName(node: Node, timer: Timer): string {
  return `${node.id} ${node.life} ${timer.kind} ${timer.height} ${timer.round}`
}
