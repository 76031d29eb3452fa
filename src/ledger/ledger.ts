/**
 * The ledger as a node holds it: settled state, head and tree, and the two-step commit.
 *
 *   executeBlock   header, sections, end of block, on a view that can be thrown away
 *   applyBlock     the view folded down, the tree updated, one batch for the store
 *
 * Invariants
 *   - `executeBlock` changes nothing; the same block on the same head gives the same outcome.
 *   - Between apply and the next execution the head is the applied block.
 *
 * Source: protocol.md §2, §3.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { attempt, type Refusal, refusal, refuse } from '../base/refusal.ts'
import type { Params } from '../governance/params.ts'
import type { SignatureCheck, StoreOp } from '../runtime/ports.ts'
import { ACCOUNTS } from './accounts.ts'
import { commitChecks, commitId, isEmptyCommit, judgeCommit, signersOf } from './commit.ts'
import { applyObject, finishBlock } from './execute.ts'
import type { BlockContext, Execution } from './execution.ts'
import { checkHeader, envelopeId, eventsRootOf, nextBeacon, type Parent } from './header.ts'
import { openEnvelope, signatureChecks } from './objects.ts'
import { activeParams } from './parameters.ts'
import { checkSections, SECTIONS } from './sections.ts'
import { type Change, type State, View } from './state.ts'
import type { StateTree } from './state-tree.ts'
import {
  blockKey,
  EVENTS_MAX,
  EventsCodec,
  eventsKey,
  HEAD_KEY,
  HeadRecordCodec,
  heightKey,
  receiptHeightKey,
  sealed,
  stateKeyOf,
} from './store-schema.ts'
import { assertConserved } from './supply.ts'
import { type Block, blockId, type Commit } from './types/block.ts'
import type { EncodedEvent, LedgerEvent } from './types/event.ts'
import type { Genesis } from './types/genesis.ts'
import { StoredBlockCodec } from './types/stored-block.ts'
import { countSignatures, validatorsAt } from './validators.ts'

export interface Head extends Parent {
  /** The commit that decided it; empty before block 1. */
  readonly commit: Commit
}

export interface Ledger {
  readonly genesis: Genesis
  readonly genesisHash: Uint8Array
  readonly state: State
  readonly tree: StateTree
  head: Head
  params: Params
  paramsVersion: number
}

/** A block that is valid on the head it was executed on. */
export interface Executed {
  readonly block: Block
  readonly id: Uint8Array
  readonly view: View
  readonly events: readonly LedgerEvent[]
  readonly beacon: Uint8Array
}

export interface Applied {
  readonly writes: readonly StoreOp[]
  readonly events: readonly LedgerEvent[]
}

export interface ObjectCheck {
  /** Hex id of the object the checks belong to. */
  readonly id: string
  readonly checks: readonly SignatureCheck[]
}

/**
 * Every signature that must hold: those of the parent's commit, unless it is the very one this node
 * decided by, then those of the objects.
 * @throws RefusalError commit_* or when an object cannot be opened.
 */
export function requiredChecks(ledger: Ledger, block: Block): ObjectCheck[] {
  return [...parentChecks(ledger, block), ...objectChecks(ledger, block)]
}

function parentChecks({ head, state, genesisHash }: Ledger, { lastCommit }: Block): ObjectCheck[] {
  if (head.height === 0n || equalBytes(commitId(lastCommit), commitId(head.commit))) return []
  const members = validatorsAt(state, head.height)
  const checks = commitChecks(genesisHash, lastCommit, members)
  return [{ id: toHex(commitId(lastCommit)), checks }]
}

function objectChecks(ledger: Ledger, block: Block): ObjectCheck[] {
  return SECTIONS.flatMap((section) =>
    block[section].map((envelope) => {
      const opened = openEnvelope(ledger.genesisHash, envelope)
      const height = ledger.head.height + 1n
      const checks = signatureChecks(ledger.state, ledger.genesisHash, envelope, opened, height)
      return { id: opened.id, checks }
    }),
  )
}

/** Where a block at the head would be executed. */
export function contextOf(
  ledger: Ledger,
  header: {
    readonly time: bigint
    readonly proposer: Uint8Array
    readonly beaconProof: Uint8Array
  },
  checked: (objectId: string) => boolean,
): BlockContext {
  return {
    genesisHash: ledger.genesisHash,
    height: ledger.head.height + 1n,
    timeMs: header.time,
    proposer: toHex(header.proposer),
    beacon: nextBeacon(ledger.head.beacon, header.beaconProof),
    params: ledger.params,
    checked,
  }
}

export function executeBlock(
  ledger: Ledger,
  block: Block,
  checked: (objectId: string) => boolean,
): { readonly executed: Executed } | { readonly refused: Refusal } {
  const fault = checkFrame(ledger, block)
  if (fault !== undefined) return { refused: fault }
  const view = new View(ledger.state)
  const context = contextOf(ledger, block.header, checked)
  const execution: Execution = { view, block: context, events: [] }
  const outcome = attempt(() => run(ledger, execution, block))
  if ('refused' in outcome) return outcome
  assertConserved(ledger.state, view, view.changedKeys(ACCOUNTS))
  const executed = {
    block,
    id: blockId(block.header),
    view,
    events: execution.events,
    beacon: context.beacon,
  }
  return { executed }
}

/** Header, parent's commit and the size of the sections: what needs no execution. */
function checkFrame(ledger: Ledger, block: Block): Refusal | undefined {
  const { head, genesisHash, state, params } = ledger
  const { header, lastCommit } = block
  const input = { genesisHash, parent: head, reader: state, params, lastCommit, sections: block }
  return checkCommit(ledger, lastCommit) ?? checkSections(block) ?? checkHeader(header, input)
}

function checkCommit({ head, state }: Ledger, commit: Commit): Refusal | undefined {
  if (head.height === 0n) {
    return isEmptyCommit(commit) ? undefined : refusal('block_commit_wrong', { height: 1n })
  }
  if (commit.height !== head.height || !equalBytes(commit.blockId, head.id)) {
    return refusal('block_commit_wrong', { height: head.height + 1n })
  }
  return judgeCommit(commit, validatorsAt(state, head.height))
}

function run(ledger: Ledger, execution: Execution, block: Block): void {
  const seen = new Set<string>()
  if (ledger.head.height > 0n) countSignatures(execution, new Set(signersOf(block.lastCommit)))
  for (const section of SECTIONS) {
    for (const envelope of block[section]) {
      const opened = openEnvelope(ledger.genesisHash, envelope)
      if (seen.has(opened.id)) refuse('block_object_twice', { id: opened.id })
      seen.add(opened.id)
      applyObject(execution, opened)
    }
  }
  finishBlock(execution)
  assert(execution.events.length <= EVENTS_MAX, 'the story of a block is bounded')
}

/** Makes an executed block the head. The writes are one batch; nothing is said before they last. */
export function applyBlock(ledger: Ledger, executed: Executed, commit: Commit): Applied {
  const { block, id, view, events, beacon } = executed
  const { height, time } = block.header
  assert(height === ledger.head.height + 1n, 'blocks are applied in order')
  const changes = view.changes()
  view.fold()
  const stateRoot = ledger.tree.update(changes)
  const encoded = { round: commit.round, events: events.map(encodeEvent) }
  const eventsRoot = eventsRootOf(encoded.events)
  ledger.head = { height, id, timeMs: time, stateRoot, eventsRoot, beacon, commit }
  const { version, params } = activeParams(ledger.state)
  ledger.params = params
  ledger.paramsVersion = version
  const writes = [
    ...stateWrites(changes),
    ...indexWrites(ledger, block, id),
    sealed(eventsKey(height), encode(EventsCodec, encoded)),
    sealed(blockKey(height), encode(StoredBlockCodec, { block, commit })),
    headWrite(ledger.genesisHash, ledger.head),
  ]
  return { writes, events }
}

export function stateWrites(changes: readonly Change[]): StoreOp[] {
  return changes.map(({ table, key, value }) => {
    const at = stateKeyOf(table, key)
    return value === undefined ? { op: 'del', key: at } : sealed(at, value)
  })
}

export function headWrite(genesisHash: Uint8Array, head: Head): StoreOp {
  const { height, id, stateRoot, eventsRoot, beacon, timeMs } = head
  const record = { genesisHash, height, id, stateRoot, eventsRoot, beacon, timeMs }
  return sealed(HEAD_KEY, encode(HeadRecordCodec, record))
}

function indexWrites(ledger: Ledger, block: Block, id: Uint8Array): StoreOp[] {
  const { height } = block.header
  const at = utf8(String(height))
  return [
    sealed(heightKey(toHex(id)), at),
    ...block.receipts.map((envelope) =>
      sealed(receiptHeightKey(toHex(envelopeId(ledger.genesisHash, envelope))), at),
    ),
  ]
}

export function encodeEvent(event: LedgerEvent): EncodedEvent {
  return {
    kind: utf8(event.kind),
    subject: idBytes(event.subject),
    actor: idBytes(event.actor),
    value: event.value,
    count: event.count,
    reason: utf8(event.reason),
  }
}

export function decodeEvent(event: EncodedEvent): LedgerEvent {
  return {
    kind: new TextDecoder().decode(event.kind) as LedgerEvent['kind'],
    subject: idText(event.subject),
    actor: idText(event.actor),
    value: event.value,
    count: event.count,
    reason: new TextDecoder().decode(event.reason),
  }
}

function idBytes(hex: string): Uint8Array {
  return hex === '' ? new Uint8Array(32) : fromHex(hex, 32)
}

function idText(bytes: Uint8Array): string {
  return bytes.every((byte) => byte === 0) ? '' : toHex(bytes)
}
