/**
 * A validator's duties besides voting: holding data, verifying receipts, attesting to both.
 *
 *   window open -> blobs fetched -> `available`           programs' weights, offers' inputs
 *   receipt anchored -> verified -> verdict               invalid: a fraud proof goes out as well
 *   last quarter of the window, data not to be had -> `unavailable`
 *
 * The duties are read from the ledger's state after each block, so a restart loses none. At most
 * one batch is signed for a height.
 *
 * Source: protocol.md §4, §5 (Attestations).
 */

import { assert, unreachable } from '../base/assert.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import type { LaneVerdict } from '../compute/lanes.ts'
import {
  type AvailabilityDuty,
  pendingAvailability,
  pendingVerdicts,
  type VerdictDuty,
} from '../ledger/duties.ts'
import { requireJob } from '../ledger/market-records.ts'
import {
  ATTESTATION_ITEMS_MAX,
  AttestationBatchCodec,
  type AttestationItem,
  STATEMENTS,
  type Statement,
} from '../ledger/types/attestation.ts'
import { LANES } from '../ledger/types/market.ts'
import { reportFraud } from './evidence-desk.ts'
import { offerOwn } from './gossip-desk.ts'
import { envelopeOf } from './identity.ts'
import type { NodeState } from './state.ts'
import { ask, type Turn, tell } from './turn.ts'

const FETCH_DEADLINE_MS = 15_000
/** Verifications under way at once; the verifier process takes them one by one. */
const VERIFYING_MAX = 16
const FETCHING_MAX = 64
/** An item whose batch no block has taken after this many blocks is signed again. */
const RESEND_BLOCKS = 6n

interface Ready {
  readonly statement: Statement
  readonly micros: number
  /** Height of the batch it was last sent in. */
  sentHeight: bigint | undefined
}

export class ValidatorDuties {
  /** Objects being fetched or verified. */
  readonly busy = new Set<string>()
  /** What this validator has found out and no block holds yet, by object id. */
  readonly ready = new Map<string, Ready>()
  /** Receipts whose data could not be had so far. */
  readonly missing = new Set<string>()
  lastBatchHeight = -1n
}

/** After each block: new duties are begun, old ones forgotten, and a batch goes out. */
export function onValidatorBlock(node: NodeState, turn: Turn): void {
  const { account, attestor } = node.identity
  if (account === undefined || attestor === undefined) return
  const { state, head } = node.ledger
  const availability = pendingAvailability(state, head.height, account)
  const verdicts = pendingVerdicts(state, head.height, account)
  const wanted = new Set([
    ...availability.map(({ object }) => object),
    ...verdicts.map(({ receiptId }) => receiptId),
  ])
  for (const object of node.validator.ready.keys()) {
    if (!wanted.has(object)) node.validator.ready.delete(object)
  }
  for (const duty of availability) beginAvailability(node, turn, duty)
  for (const duty of verdicts) beginVerdict(node, turn, duty)
  sendBatch(node, turn)
}

function isSettled({ validator }: NodeState, object: string): boolean {
  return validator.busy.has(object) || validator.ready.has(object)
}

function beginAvailability(node: NodeState, turn: Turn, duty: AvailabilityDuty): void {
  const { object } = duty
  if (isSettled(node, object) || node.validator.busy.size >= FETCHING_MAX) return
  node.validator.busy.add(object)
  fetchAll(node, turn, duty, 0)
}

/** Fetches the blobs of an object one after another; a failure is tried again after the next block. */
function fetchAll(node: NodeState, turn: Turn, duty: AvailabilityDuty, from: number): void {
  const blob = duty.blobs[from]
  if (blob === undefined) {
    node.validator.busy.delete(duty.object)
    found(node, turn, duty.object, 'available', 0)
    return
  }
  const lengthBytes = Number(blob.length)
  ask(
    turn,
    { kind: 'fetch', digest: blob.digest, lengthBytes, deadlineMs: FETCH_DEADLINE_MS },
    (later, { refusal }) => {
      if (refusal === undefined) fetchAll(node, later, duty, from + 1)
      else node.validator.busy.delete(duty.object)
    },
  )
}

function beginVerdict(node: NodeState, turn: Turn, duty: VerdictDuty): void {
  const { receiptId, unavailableFrom } = duty
  const { validator, ledger } = node
  const height = ledger.head.height + 1n
  if (isSettled(node, receiptId)) return
  if (validator.missing.has(receiptId) && height >= unavailableFrom) {
    found(node, turn, receiptId, 'unavailable', 0)
    return
  }
  if (validator.busy.size >= VERIFYING_MAX + FETCHING_MAX) return
  if (duty.verification === 'succinct') return
  verify(node, turn, duty, duty.verification)
}

function verify(
  node: NodeState,
  turn: Turn,
  duty: VerdictDuty,
  verification: 'fold' | 'replay',
): void {
  const { coinSecret } = node.identity
  assert(coinSecret !== undefined, 'a validator has a secret for its coins')
  const { receiptId, receipt, program } = duty
  node.validator.busy.add(receiptId)
  ask(
    turn,
    {
      kind: 'verify',
      request: {
        verification,
        receiptId: fromHex(receiptId),
        secret: coinSecret,
        program: program.program,
        programBytes: program.bytes,
        inputs: receipt.inputs.map(({ digest }) => digest),
        outputDigest: receipt.outputDigest,
        traceRoot: receipt.traceRoot,
        manifestDigest: receipt.proofDigest,
        peers: node.peers,
        fetchDeadlineMs: FETCH_DEADLINE_MS,
      },
    },
    (later, { verdict }) => {
      node.validator.busy.delete(receiptId)
      onVerdict(node, later, duty, verdict)
    },
  )
}

function onVerdict(node: NodeState, turn: Turn, duty: VerdictDuty, verdict: LaneVerdict): void {
  const { receiptId, receipt } = duty
  tell(turn, {
    kind: 'verdict-given',
    receipt: receiptId,
    verification: duty.verification,
    lane: laneOf(node, duty.job),
    outcome: verdict.kind,
    micros: 'micros' in verdict ? verdict.micros : 0,
  })
  switch (verdict.kind) {
    case 'valid':
      found(node, turn, receiptId, 'valid', verdict.micros)
      return
    case 'invalid':
      found(node, turn, receiptId, 'invalid', verdict.micros)
      if (verdict.fraudProof !== undefined) {
        const provider = toHex(receipt.provider)
        reportFraud(node, turn, { receipt: receiptId, provider, proof: verdict.fraudProof })
      }
      return
    case 'unavailable':
      node.validator.missing.add(receiptId)
      return
    case 'failed':
      tell(turn, { kind: 'alarm', code: verdict.refusal.code, facts: verdict.refusal.facts })
      return
    default:
      unreachable(verdict)
  }
}

function laneOf({ ledger }: NodeState, job: string): string {
  return LANES[requireJob(ledger.state, job).offer.lane] ?? LANES[0]
}

function found(
  node: NodeState,
  turn: Turn,
  object: string,
  statement: Statement,
  micros: number,
): void {
  node.validator.missing.delete(object)
  node.validator.ready.set(object, { statement, micros, sentHeight: undefined })
  sendBatch(node, turn)
}

/** Signs what is ready, unless a batch of this height is out already. */
function sendBatch(node: NodeState, turn: Turn): void {
  const { validator, ledger, identity } = node
  const { height } = ledger.head
  const { account, attestor } = identity
  if (account === undefined || attestor === undefined) return
  if (node.applying || validator.lastBatchHeight >= height || height === 0n) return
  const due = [...validator.ready].filter(
    ([, { sentHeight }]) => sentHeight === undefined || sentHeight + RESEND_BLOCKS <= height,
  )
  if (due.length === 0) return
  const items: AttestationItem[] = due
    .slice(0, ATTESTATION_ITEMS_MAX)
    .map(([object, { statement, micros }]) => ({
      object: fromHex(object),
      statement: STATEMENTS.indexOf(statement),
      micros: Math.min(Math.max(0, Math.ceil(micros)), 0xffff_ffff),
    }))
  for (const [, ready] of due.slice(0, ATTESTATION_ITEMS_MAX)) ready.sentHeight = height
  validator.lastBatchHeight = height
  const body = encode(AttestationBatchCodec, { validator: fromHex(account), height, items })
  offerOwn(node, turn, 'attestation-batch', envelopeOf(node, 'attestation-batch', body, attestor))
}
