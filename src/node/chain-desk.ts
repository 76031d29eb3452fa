/**
 * Between consensus and the ledger: blocks are built, judged, committed and followed by the next.
 *
 *   build-value -> built -> body durable -> value-built
 *   judge-body  -> whole -> decoded -> signatures checked -> executed -> durable -> body-judged
 *   decided     -> applied -> block durable -> next height begins
 *
 * Invariants
 *   - One block at a time is applied, and nothing is executed while it is on its way to the disk.
 *   - A block's signatures are checked once, whoever sent them first.
 *
 * Source: protocol.md §2, §3.
 */

import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { attempt, type Refusal, refusal } from '../base/refusal.ts'
import { commitOf } from '../consensus/certificate.ts'
import { cutBody } from '../consensus/parts.ts'
import type { Height, Proposal, QuorumCertificate, Round, ValueId } from '../consensus/types.ts'
import { buildBlock, nextBeaconAlpha } from '../ledger/build.ts'
import { applyBlock, type Executed, executeBlock, requiredChecks } from '../ledger/ledger.ts'
import { bodyKey, sealed } from '../ledger/store-schema.ts'
import { type Block, BlockCodec, blockId } from '../ledger/types/block.ts'
import { validatorSet } from '../ledger/types/validator-set.ts'
import { validatorsAt } from '../ledger/validators.ts'
import type { SignatureRule } from '../runtime/ports.ts'
import { toConsensus } from './consensus-desk.ts'
import { afterCommit } from './height-desk.ts'
import type { NodeState } from './state.ts'
import { fetchDecided } from './sync-desk.ts'
import { ask, type Turn, tell } from './turn.ts'

export function buildValue(node: NodeState, turn: Turn, height: Height, round: Round): void {
  const { ledger, identity, pool } = node
  const { account, vrfProve } = identity
  assert(account !== undefined && vrfProve !== undefined, 'only a validator builds blocks')
  assert(height === ledger.head.height + 1n, 'a block is built on the head')
  const earliestMs = ledger.head.timeMs + ledger.params.min_block_interval_ms
  const nowMs = BigInt(turn.at.wallMs)
  const { block, left } = buildBlock(ledger, pool, {
    timeMs: nowMs > earliestMs ? nowMs : earliestMs,
    proposer: account,
    beaconProof: vrfProve(nextBeaconAlpha(ledger)),
  })
  for (const { id, refusal } of left) dropHopeless(node, turn, id, refusal)
  const executed = executeBlock(ledger, block, (id) => pool.has(id))
  assert('executed' in executed, 'a block we build is valid')
  const bytes = encode(BlockCodec, block)
  const value = toHex(blockId(block.header))
  node.bodies.keep(value, {
    bytes,
    block,
    executed: executed.executed,
    sinceMs: turn.at.monotonicMs,
  })
  const { partsRoot, partsCount, bodyBytes } = cutBody(bytes)
  keepDurable(node, turn, value, bytes, (later) =>
    toConsensus(node, later, {
      kind: 'value-built',
      height,
      round,
      built: { value, partsRoot, partsCount, bodyBytes },
    }),
  )
}

export function judgeBody(node: NodeState, turn: Turn, proposal: Proposal, fresh: boolean): void {
  const body = node.bodies.get(proposal.value)
  if (body !== undefined) {
    const fits = !fresh || isFresh(node, turn, proposal, body.block)
    answerJudged(node, turn, proposal, body.executed !== undefined && fits)
    return
  }
  node.judging.set(proposal.value, { proposal, fresh })
  const bytes = node.bodies.expect(proposal, turn.at.monotonicMs)
  if (bytes !== undefined) judgeWhole(node, turn, proposal.value, bytes)
}

/** All parts of a body are here. */
export function judgeWhole(node: NodeState, turn: Turn, value: ValueId, bytes: Uint8Array): void {
  const asked = node.judging.get(value)
  if (asked === undefined) return
  node.judging.delete(value)
  const { proposal, fresh } = asked
  const rule = fresh ? 'proposal' : 'block'
  examine(node, turn, { value, bytes, rule }, (later, outcome) => {
    // The height may have been decided while signatures were checked: then nobody asks any more.
    if (node.applying || proposal.height !== node.ledger.head.height + 1n) return
    if ('refused' in outcome) {
      tell(later, {
        kind: 'block-refused',
        height: proposal.height,
        id: value,
        refusal: outcome.refused,
      })
      answerJudged(node, later, proposal, false)
      return
    }
    const { block, executed } = outcome
    const sinceMs = node.bodies.sinceMs(value) ?? later.at.monotonicMs
    node.bodies.keep(value, { bytes, block, executed, sinceMs })
    const fits = !fresh || isFresh(node, later, proposal, block)
    keepDurable(node, later, value, bytes, (last) => answerJudged(node, last, proposal, fits))
  })
}

export type Examined =
  | { readonly block: Block; readonly executed: Executed }
  | { readonly refused: Refusal }

export interface Examination {
  readonly value: ValueId
  readonly bytes: Uint8Array
  readonly rule: Exclude<SignatureRule, 'gossip'>
}

/** Decodes a block, checks what is not yet known to be signed, and executes it on the head. */
export function examine(
  node: NodeState,
  turn: Turn,
  { value, bytes, rule }: Examination,
  then: (turn: Turn, outcome: Examined) => void,
): void {
  const decoded = attempt(() => decode(BlockCodec, bytes))
  if ('refused' in decoded) {
    then(turn, decoded)
    return
  }
  const block = decoded.value
  if (toHex(blockId(block.header)) !== value) {
    then(turn, { refused: refusal('block_id_mismatch', { value }) })
    return
  }
  const required = attempt(() => requiredChecks(node.ledger, block))
  if ('refused' in required) {
    then(turn, required)
    return
  }
  const objects = required.value
  const unknown = objects.filter(({ id, checks }) => !node.pool.isChecked(id, checks))
  const batch = unknown.flatMap(({ checks }) => checks)
  ask(turn, { kind: 'check', batch, rule }, (later, { valid }) => {
    if (!valid.every((each) => each)) {
      then(later, { refused: refusal('block_signature_invalid', { value }) })
      return
    }
    const checkedIds = new Set(objects.map(({ id }) => id))
    const outcome = executeBlock(node.ledger, block, (id) => checkedIds.has(id))
    then(later, 'refused' in outcome ? outcome : { block, executed: outcome.executed })
  })
}

/** What can be taken by no later block leaves the pool; what is merely early stays. */
function dropHopeless(node: NodeState, turn: Turn, id: string, refusal: Refusal): void {
  if (EARLY_CODES.has(refusal.code)) return
  node.pool.drop(id)
  tell(turn, { kind: 'object-dropped', id, refusal })
}

/** Refusals that a later block may lift. */
const EARLY_CODES: ReadonlySet<string> = new Set([
  'nonce_wrong',
  'attestation_height',
  'balance_insufficient',
])

/**
 * A fresh proposal is of its own proposer, and timely. One that named another could choose between
 * two beacons; one that stands on a polka keeps whoever first proposed it (protocol.md §3).
 */
function isFresh(
  node: NodeState,
  turn: Turn,
  { height, proposer }: Proposal,
  block: Block,
): boolean {
  const member = validatorSet(validatorsAt(node.ledger.state, height)).members[proposer]
  const isOwn = member !== undefined && equalBytes(member.id, block.header.proposer)
  return isOwn && isTimely(node, turn, block)
}

/** Proposer-based time: judged once, on fresh proposals only (protocol.md §1, Clocks). */
function isTimely(node: NodeState, turn: Turn, block: Block): boolean {
  const { clock_precision_ms: precision, message_delay_ms: delay } = node.ledger.params
  const now = BigInt(turn.at.wallMs)
  const { time } = block.header
  return time <= now + precision && time + precision + delay >= now
}

function answerJudged(node: NodeState, turn: Turn, proposal: Proposal, valid: boolean): void {
  const { height, round, value } = proposal
  toConsensus(node, turn, { kind: 'body-judged', height, round, value, valid })
}

function keepDurable(
  node: NodeState,
  turn: Turn,
  value: ValueId,
  bytes: Uint8Array,
  then: (turn: Turn) => void,
): void {
  const height = node.ledger.head.height + 1n
  ask(
    turn,
    {
      kind: 'persist',
      batch: [sealed(bodyKey(height, value), bytes)],
      holds: value,
    },
    then,
  )
}

/** Consensus decided `value`: commit it if the body is here, else get it from peers. */
export function commitDecided(
  node: NodeState,
  turn: Turn,
  value: ValueId,
  certificate: QuorumCertificate,
): void {
  const body = node.bodies.get(value)
  if (body?.executed === undefined) {
    fetchDecided(node, turn, certificate)
    return
  }
  const { block, bytes, executed, sinceMs } = body
  commit(node, turn, { block, bytes, executed, certificate, sinceMs })
}

export interface Decision {
  readonly block: Block
  readonly bytes: Uint8Array
  readonly executed: Executed
  readonly certificate: QuorumCertificate
  /** When its proposal was first known, monotonic milliseconds; undefined for a synced block. */
  readonly sinceMs: number | undefined
}

/** Applies an executed block and goes on once it is durable. */
export function commit(node: NodeState, turn: Turn, decision: Decision): void {
  assert(!node.applying, 'one block at a time is applied')
  node.applying = true
  const { block, bytes, executed, certificate, sinceMs } = decision
  const { height } = block.header
  const applied = applyBlock(node.ledger, executed, commitOf(certificate))
  const forgotten = node.bodies.clear().map((value) => bodyKey(height, value))
  node.judging.clear()
  const batch = [...applied.writes, ...forgotten.map((key) => ({ op: 'del', key }) as const)]
  ask(turn, { kind: 'persist', batch, holds: certificate.value }, (later) => {
    node.applying = false
    tell(later, {
      kind: 'block-committed',
      height,
      id: certificate.value,
      round: certificate.round,
      objects: objectsOf(block),
      bytes: bytes.length,
      events: applied.events,
      finalityMs: sinceMs === undefined ? undefined : later.at.monotonicMs - sinceMs,
    })
    afterCommit(node, later, block)
  })
}

function objectsOf(block: Block): number {
  const { evidence, attestations, receipts, transactions, offers } = block
  return [evidence, attestations, receipts, transactions, offers].reduce(
    (sum, section) => sum + section.length,
    0,
  )
}
