/**
 * A provider's duties: matched jobs are run, and each run ends in one signed, durable receipt.
 *
 *   matched -> inputs and weights fetched -> run -> receipt signed -> journalled -> published
 *                                                                  '-> kept: resent, never remade
 *
 * Invariants
 *   - A receipt is on disk before it is sent, and after a restart the stored one is sent again:
 *     two different receipts of one attempt would be an offence.
 *
 * Source: protocol.md §5 (Receipt, Match).
 */

import { fromHex, toHex, utf8 } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { profileOf, type TensorProfile } from '../base/tensor-profile.ts'
import type { RunDone, RunOutcome } from '../compute/fabric.ts'
import { type MatchedAttempt, matchedAttempts } from '../ledger/duties.ts'
import { type Envelope, EnvelopeCodec, objectId } from '../ledger/types/envelope.ts'
import { type Receipt, ReceiptCodec } from '../ledger/types/market.ts'
import { traceRoot } from '../program/trace.ts'
import { offerOwn } from './gossip-desk.ts'
import { envelopeOf } from './identity.ts'
import type { NodeState } from './state.ts'
import { ask, type Turn, tell } from './turn.ts'

const FETCH_DEADLINE_MS = 20_000
/** Longest a job may take on the fabric; the deadline in blocks usually ends sooner. */
const RUN_DEADLINE_MS = 120_000
/** Tries of one attempt before it is left to its deadline. */
const TRIES_MAX = 2

export class ProviderDuties {
  /** Attempts being worked on, by `job/attempt`. */
  readonly running = new Set<string>()
  readonly tries = new Map<string, number>()
  /** Receipts this provider has signed, by `job/attempt`; as the journal holds them. */
  readonly receipts = new Map<string, Envelope>()
}

/** Takes up what the journal of receipts holds. @throws RefusalError of the codec. */
export function recoverReceipts(duties: ProviderDuties, records: readonly Uint8Array[]): void {
  for (const record of records) {
    const envelope = decode(EnvelopeCodec, record)
    const { job, attempt } = decode(ReceiptCodec, envelope.body)
    duties.receipts.set(attemptName(toHex(job), attempt), envelope)
  }
}

/** After each block: what was matched to this provider is run, what was run is sent. */
export function onProviderBlock(node: NodeState, turn: Turn): void {
  const { account, fabric } = node.identity
  if (account === undefined || fabric === undefined) return
  for (const duty of matchedAttempts(node.ledger.state, account)) begin(node, turn, duty)
}

function begin(node: NodeState, turn: Turn, duty: MatchedAttempt): void {
  const { provider } = node
  const name = attemptName(duty.job, duty.attempt)
  if (provider.running.has(name)) return
  const stored = provider.receipts.get(name)
  if (stored !== undefined) {
    if (!node.pool.has(receiptIdOf(node, stored))) offerOwn(node, turn, 'receipt', stored)
    return
  }
  if ((provider.tries.get(name) ?? 0) >= TRIES_MAX) return
  provider.running.add(name)
  provider.tries.set(name, (provider.tries.get(name) ?? 0) + 1)
  fetchAll(node, turn, duty, 0)
}

function receiptIdOf(node: NodeState, envelope: Envelope): string {
  return toHex(objectId('receipt', node.ledger.genesisHash, envelope.body))
}

function fetchAll(node: NodeState, turn: Turn, duty: MatchedAttempt, from: number): void {
  const blob = [...duty.offer.inputs, ...duty.program.weights][from]
  if (blob === undefined) {
    run(node, turn, duty)
    return
  }
  ask(
    turn,
    {
      kind: 'fetch',
      digest: blob.digest,
      lengthBytes: Number(blob.length),
      deadlineMs: FETCH_DEADLINE_MS,
    },
    (later, { refusal }) => {
      if (refusal === undefined) {
        fetchAll(node, later, duty, from + 1)
        return
      }
      node.provider.running.delete(attemptName(duty.job, duty.attempt))
      tell(later, { kind: 'alarm', code: refusal.code, facts: { ...refusal.facts, job: duty.job } })
    },
  )
}

function run(node: NodeState, turn: Turn, duty: MatchedAttempt): void {
  const { job, attempt, offer } = duty
  const { program } = duty.program
  const inputs = offer.inputs.map(({ digest }) => digest)
  const jobId = attemptName(job, attempt)
  ask(
    turn,
    { kind: 'run', job: { jobId, program, inputs, deadlineMs: RUN_DEADLINE_MS } },
    (later, { outcome }) => onRan(node, later, duty, outcome),
  )
}

function onRan(node: NodeState, turn: Turn, duty: MatchedAttempt, outcome: RunOutcome): void {
  const { job, attempt } = duty
  const profile = profileOf(outcome.kind === 'cancelled' ? [] : (outcome.profile ?? []))
  tell(turn, {
    kind: 'job-run',
    job,
    attempt,
    outcome: outcome.kind === 'failed' ? outcome.refusal.code : outcome.kind,
    micros: outcome.kind === 'done' ? outcome.micros : 0,
    allocFreeDelta: profile.deltaBytes,
  })
  for (const { label, bytes } of profile.live) {
    tell(turn, { kind: 'tensor-leaked', job, attempt, label, bytes })
  }
  const name = attemptName(job, attempt)
  if (outcome.kind !== 'done') {
    node.provider.running.delete(name)
    return
  }
  const { accountSigner } = node.identity
  if (accountSigner === undefined) return
  const body = encode(ReceiptCodec, receiptOf(node, duty, outcome, profile))
  const envelope = envelopeOf(node, 'receipt', body, accountSigner)
  const record = encode(EnvelopeCodec, envelope)
  ask(
    turn,
    { kind: 'journal', journal: 'receipts', record, holds: receiptIdOf(node, envelope) },
    (later) => {
      node.provider.running.delete(name)
      node.provider.receipts.set(name, envelope)
      offerOwn(node, later, 'receipt', envelope)
    },
  )
}

function receiptOf(
  { identity }: NodeState,
  duty: MatchedAttempt,
  outcome: RunDone,
  profile: TensorProfile,
): Receipt {
  const { offer, units, payment } = duty
  const fabric = identity.fabric
  return {
    job: fromHex(duty.job),
    attempt: duty.attempt,
    provider: fromHex(identity.account ?? ''),
    fabric: utf8(fabric?.name ?? ''),
    program: offer.program,
    inputs: offer.inputs,
    outputDigest: outcome.outputDigest,
    traceRoot: traceRoot(outcome.opDigests),
    proofKind: offer.verification,
    proofDigest: outcome.manifestDigest,
    proofBytes: BigInt(32 * outcome.opDigests.length),
    units,
    payment,
    kernelDigest: fabric?.kernelDigest ?? new Uint8Array(32),
    descriptorDigest: offer.descriptorDigest,
    benchmarkCommit: utf8(fabric?.benchmarkCommit ?? ''),
    tensorProfile: fabric?.profiles === true ? receiptProfile(profile) : null,
    gradientDigests: [],
  }
}

/** Nothing for a fabric that says to have released more than it allocated: that is no figure. */
function receiptProfile(profile: TensorProfile): Receipt['tensorProfile'] {
  const { epoch, allocations, releases, deltaBytes } = profile
  if (deltaBytes < 0) return null
  return { epoch, allocations, releases, allocFreeDelta: BigInt(deltaBytes) }
}

function attemptName(job: string, attempt: number): string {
  return `${job}/${attempt}`
}
