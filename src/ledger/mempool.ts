/**
 * Objects that wait for a block: bounded by kind, by sender and by what the sender can pay.
 *
 *   admitted, checked -> pooled -> in a block | replaced | no longer possible
 *
 * Invariants
 *   - At most SENDER_MAX pending objects of one payer, whose fees, tips, deposits and escrow are
 *     covered together by its balance.
 *   - Receipts, attestations and evidence have places of their own: no flood of offers or
 *     transactions crowds them out.
 *   - One object for each replay key; another one of the same key comes in only at a higher fee,
 *     and only where the key is a nonce.
 *   - What is pooled has had its signatures checked.
 *
 * Source: protocol.md §2 (Mempool).
 */

import { unreachable } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { byBigint } from '../base/ordered.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { accountOf, balanceOf } from './accounts.ts'
import { feeOf } from './execute.ts'
import { envelopeId } from './header.ts'
import type { Ledger } from './ledger.ts'
import { type Opened, openEnvelope, speakerOf } from './objects.ts'
import { SECTION_KINDS, SECTIONS } from './sections.ts'
import type { Block, SectionName } from './types/block.ts'
import { type Envelope, EnvelopeCodec, type ObjectKind } from './types/envelope.ts'

export const SENDER_MAX = 16
/** Objects pooled for each section. */
export const POOL_MAX: Readonly<Record<SectionName, number>> = {
  evidence: 256,
  attestations: 1024,
  receipts: 1024,
  transactions: 8192,
  offers: 4096,
}
/** Kinds whose signer stands in their body. */
const KEY_IN_BODY: ReadonlySet<ObjectKind> = new Set<ObjectKind>([
  'transaction',
  'offer',
  'cancel-offer',
  'receipt',
  'proof-announce',
])
/** A replacement pays at least an eighth more. */
const REPLACE_NUMERATOR = 9n
const REPLACE_DENOMINATOR = 8n
/** Blocks after which an object is pushed to proposers by stream. */
export const OVERDUE_BLOCKS = 3n

export interface Pooled {
  readonly id: string
  readonly section: SectionName
  readonly envelope: Envelope
  readonly opened: Opened
  readonly speaker: string
  /** Head when it was pooled. */
  readonly sinceHeight: bigint
  /** Signed here: pushed when overdue. */
  readonly own: boolean
}

export class Mempool {
  readonly #pooled = new Map<string, Pooled>()
  readonly #bySection: Readonly<Record<SectionName, Set<string>>> = {
    evidence: new Set(),
    attestations: new Set(),
    receipts: new Set(),
    transactions: new Set(),
    offers: new Set(),
  }
  readonly #bySpeaker = new Map<string, Set<string>>()
  /** Ids by replay key. */
  readonly #byReplay = new Map<string, string>()

  get size(): number {
    return this.#pooled.size
  }

  counts(): Readonly<Record<SectionName, number>> {
    const entries = SECTIONS.map((section) => [section, this.#bySection[section].size])
    return Object.fromEntries(entries) as Record<SectionName, number>
  }

  has(id: string): boolean {
    return this.#pooled.has(id)
  }

  get(id: string): Pooled | undefined {
    return this.#pooled.get(id)
  }

  /**
   * True when these very checks have passed before. An id does not bind the signature, and the key
   * of an attestation or of evidence depends on the head: those are checked anew.
   */
  isChecked(id: string, checks: readonly SignatureCheck[]): boolean {
    const pooled = this.#pooled.get(id)
    const own = checks[0]
    if (pooled === undefined || own === undefined || !KEY_IN_BODY.has(pooled.opened.kind)) {
      return false
    }
    return equalBytes(pooled.envelope.signature, own.signature)
  }

  /** Takes a checked object in, or says why not. */
  add(ledger: Ledger, envelope: Envelope, own: boolean): Refusal | undefined {
    const opened = openEnvelope(ledger.genesisHash, envelope)
    if (this.has(opened.id)) return refusal('pool_duplicate', { id: opened.id })
    const section = sectionOf(opened)
    const speaker = speakerOf(opened)
    const rival = this.#pooled.get(this.#byReplay.get(replayKey(opened)) ?? '')
    const refused = this.#refuse(ledger, opened, section, speaker, rival)
    if (refused !== undefined) return refused
    if (rival !== undefined) this.drop(rival.id)
    const sinceHeight = ledger.head.height
    this.#put({ id: opened.id, section, envelope, opened, speaker, sinceHeight, own })
    return undefined
  }

  drop(id: string): void {
    const pooled = this.#pooled.get(id)
    if (pooled === undefined) return
    this.#pooled.delete(id)
    this.#bySection[pooled.section].delete(id)
    this.#byReplay.delete(replayKey(pooled.opened))
    const mine = this.#bySpeaker.get(pooled.speaker)
    mine?.delete(id)
    if (mine?.size === 0) this.#bySpeaker.delete(pooled.speaker)
  }

  /** What a block may hold of a section, in the order to try. */
  candidates(section: SectionName): Pooled[] {
    const pooled = [...this.#bySection[section]].map((id) => this.#pooled.get(id) as Pooled)
    return section === 'transactions' ? byNonce(pooled) : pooled
  }

  /** A block was committed: what is in it leaves, and what it made impossible. */
  committed(ledger: Ledger, block: Block): string[] {
    for (const section of SECTIONS) {
      for (const envelope of block[section]) {
        this.drop(toHex(envelopeId(ledger.genesisHash, envelope)))
      }
    }
    const stale = [...this.#pooled.values()].filter((pooled) => isStale(ledger, pooled))
    for (const { id } of stale) this.drop(id)
    return stale.map(({ id }) => id)
  }

  /** Ids of what was signed here. */
  own(): ReadonlySet<string> {
    return new Set([...this.#pooled.values()].filter(({ own }) => own).map(({ id }) => id))
  }

  /** Own objects that have waited for blocks, or were `before` here already when none was made. */
  overdue(height: bigint, before: ReadonlySet<string>): Pooled[] {
    return [...this.#pooled.values()].filter(
      ({ id, own, sinceHeight }) =>
        own && (height - sinceHeight >= OVERDUE_BLOCKS || before.has(id)),
    )
  }

  #put(pooled: Pooled): void {
    this.#pooled.set(pooled.id, pooled)
    this.#bySection[pooled.section].add(pooled.id)
    this.#byReplay.set(replayKey(pooled.opened), pooled.id)
    const mine = this.#bySpeaker.get(pooled.speaker) ?? new Set()
    mine.add(pooled.id)
    this.#bySpeaker.set(pooled.speaker, mine)
  }

  #of(speaker: string): Pooled[] {
    return [...(this.#bySpeaker.get(speaker) ?? [])].map((id) => this.#pooled.get(id) as Pooled)
  }

  #refuse(
    ledger: Ledger,
    opened: Opened,
    section: SectionName,
    speaker: string,
    rival: Pooled | undefined,
  ): Refusal | undefined {
    if (rival !== undefined) {
      if (opened.kind !== 'transaction') {
        return refusal('pool_replay', { id: opened.id, pooled: rival.id })
      }
      const [was, is] = [feesOf(ledger, rival.opened), feesOf(ledger, opened)]
      if (is * REPLACE_DENOMINATOR < was * REPLACE_NUMERATOR) {
        return refusal('pool_replacement_underpriced', { fee: is, pooledFee: was })
      }
    }
    const countMax = POOL_MAX[section]
    if (rival === undefined && this.#bySection[section].size >= countMax) {
      return refusal('pool_full', { section, countMax })
    }
    return pays(opened) ? this.#refuseUnpaid(ledger, opened, speaker, rival) : undefined
  }

  /** All that one payer has waiting is covered together. */
  #refuseUnpaid(
    ledger: Ledger,
    opened: Opened,
    speaker: string,
    rival: Pooled | undefined,
  ): Refusal | undefined {
    const others = this.#of(speaker).filter(
      (pooled) => pays(pooled.opened) && pooled.id !== rival?.id,
    )
    if (others.length >= SENDER_MAX) {
      return refusal('pool_sender_full', { account: speaker, countMax: SENDER_MAX })
    }
    const needed = [...others.map((pooled) => pooled.opened), opened].reduce(
      (sum, each) => sum + costOf(ledger, each),
      0n,
    )
    const balance = balanceOf(ledger.state, speaker)
    if (needed <= balance) return undefined
    return refusal('balance_insufficient', { account: speaker, balance, needed })
  }
}

/** What can be in a chain only once (protocol.md §2, replay key). */
function replayKey(opened: Opened): string {
  const { kind } = opened
  switch (kind) {
    case 'transaction':
      return `${kind} ${toHex(opened.body.sender)} ${opened.body.nonce}`
    case 'receipt':
      return `${kind} ${toHex(opened.body.job)} ${opened.body.attempt}`
    case 'proof-announce':
      return `${kind} ${toHex(opened.body.receipt)}`
    case 'attestation-batch':
      return `${kind} ${toHex(opened.body.validator)} ${opened.body.height}`
    case 'evidence': {
      const { type, offender, subject } = opened.body
      return `${kind} ${type} ${toHex(offender)} ${toHex(subject)}`
    }
    case 'cancel-offer':
      return `${kind} ${toHex(opened.body.offer)}`
    case 'offer':
      return `${kind} ${opened.id}`
    default:
      return unreachable(opened)
  }
}

export function encodedOf({ envelope }: Pooled): Uint8Array {
  return encode(EnvelopeCodec, envelope)
}

function sectionOf({ kind }: Opened): SectionName {
  return SECTIONS.find((section) => SECTION_KINDS[section].includes(kind)) ?? 'transactions'
}

function pays({ kind }: Opened): boolean {
  return kind === 'transaction' || kind === 'offer' || kind === 'cancel-offer'
}

/** Base fee and tip. */
function feesOf({ params }: Ledger, opened: Opened): bigint {
  if (!isPaying(opened)) return 0n
  const { burned, tip } = feeOf({ block: { params } }, opened)
  return burned + tip
}

/** Everything the object would take from its payer. */
function costOf(ledger: Ledger, opened: Opened): bigint {
  return feesOf(ledger, opened) + lockedOf(ledger, opened)
}

function isPaying(
  opened: Opened,
): opened is Extract<Opened, { kind: 'transaction' | 'offer' | 'cancel-offer' }> {
  return pays(opened)
}

/** What the object moves or locks besides its fee. */
function lockedOf(ledger: Ledger, opened: Opened): bigint {
  if (opened.kind === 'offer') {
    const { inputs, priceCeiling } = opened.body
    const bytes = inputs.reduce((sum, { length }) => sum + length, 0n)
    return priceCeiling + bytes * ledger.params.deposit_per_byte
  }
  if (opened.kind !== 'transaction') return 0n
  const { action } = opened
  switch (action.name) {
    case 'transfer':
    case 'deposit':
      return action.payload.value
    case 'bond':
      return action.payload.value
    case 'register-provider':
      return action.payload.bond
    case 'propose':
      return action.payload.deposit
    case 'unbond':
    case 'unjail':
    case 'rotate-key':
    case 'vote':
    case 'retire-provider':
    case 'register-program':
    case 'retire-program':
    case 'post-ask':
    case 'cancel-ask':
      return 0n
    default:
      return unreachable(action)
  }
}

/** Senders as they came, the transactions of each in nonce order. */
function byNonce(pooled: readonly Pooled[]): Pooled[] {
  const bySender = new Map<string, Pooled[]>()
  for (const each of pooled) {
    const mine = bySender.get(each.speaker) ?? []
    mine.push(each)
    bySender.set(each.speaker, mine)
  }
  return [...bySender.values()].flatMap((mine) =>
    mine.sort((left, right) => byBigint(nonceOf(left.opened), nonceOf(right.opened))),
  )
}

function nonceOf(opened: Opened): bigint {
  return opened.kind === 'transaction' ? opened.body.nonce : 0n
}

function isStale(ledger: Ledger, { opened, speaker, sinceHeight }: Pooled): boolean {
  const { height } = ledger.head
  switch (opened.kind) {
    case 'transaction':
      return opened.body.nonce < accountOf(ledger.state, speaker).nonce
    case 'offer':
    case 'cancel-offer':
      return opened.body.expiryHeight <= height
    case 'receipt':
    case 'proof-announce':
    case 'attestation-batch':
    case 'evidence':
      return height - sinceHeight > STALE_BLOCKS
    default:
      return unreachable(opened)
  }
}

/** Receipts, attestations and evidence that no block has taken for this long are hopeless. */
const STALE_BLOCKS = 4096n
