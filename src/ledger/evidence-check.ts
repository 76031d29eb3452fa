/**
 * The arithmetic of evidence: whether it proves what it says, given what the state knows.
 *
 *   examineEvidence      codecs, sets, receipts, adjudication; no signature   -> refusal or nothing
 *   evidenceSignatures   every signature inside the payload, for the Verifier port
 *
 * Both hold before evidence may act; the envelope's own signature is checked like any other.
 *
 * Source: protocol.md §6.
 */

import { assert, unreachable } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { attempt, type Refusal, refuse } from '../base/refusal.ts'
import { adjudicate } from '../program/fraud.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { saidIn, windowMembers, windowOf } from './attestations-windows.ts'
import { evidenceTypeOf } from './evidence-records.ts'
import { attemptOf, JOBS, type WindowRecord } from './market-records.ts'
import { activeParams } from './parameters.ts'
import { programOf } from './programs.ts'
import { type AnchoredReceipt, receiptOf } from './receipts.ts'
import type { Reader } from './state.ts'
import type { Evidence } from './types/evidence.ts'
import {
  attemptSubject,
  type ReceiptEquivocation,
  ReceiptEquivocationCodec,
  receiptDigest,
  roundSubject,
} from './types/evidence-payload.ts'
import { VERIFICATIONS } from './types/market.ts'
import type { Validator } from './types/validator-set.ts'
import {
  type Amnesia,
  AmnesiaCodec,
  type DuplicateProposal,
  DuplicateProposalCodec,
  type DuplicateVote,
  DuplicateVoteCodec,
  proposalDigest,
  VOTE_TYPE_BYTES,
  voteDigest,
} from './types/vote.ts'
import { keptValidatorsAt, totalPower } from './validators.ts'

/** Evidence, decoded, that proves its offence; `height` is when it was committed. */
export type Proven =
  | { readonly type: 'duplicate-vote'; readonly height: bigint; readonly payload: DuplicateVote }
  | {
      readonly type: 'duplicate-proposal'
      readonly height: bigint
      readonly payload: DuplicateProposal
    }
  | { readonly type: 'amnesia'; readonly height: bigint; readonly payload: Amnesia }
  | {
      readonly type: 'receipt-equivocation'
      readonly height: bigint
      readonly payload: ReceiptEquivocation
    }
  | { readonly type: 'fraud-proof'; readonly height: bigint; readonly anchored: AnchoredReceipt }
  | {
      readonly type: 'false-verdict'
      readonly height: bigint
      readonly anchored: AnchoredReceipt
      readonly window: WindowRecord
    }

/** Why the evidence may not enter the block of `height`, or undefined when it may. */
export function statelessEvidenceCheck(
  reader: Reader,
  evidence: Evidence,
  height: bigint,
): Refusal | undefined {
  const outcome = attempt(() => examineEvidence(reader, evidence, height))
  return 'refused' in outcome ? outcome.refused : undefined
}

/** @throws RefusalError evidence_* | codec_* */
export function examineEvidence(reader: Reader, evidence: Evidence, height: bigint): Proven {
  const proven = examine(reader, evidence)
  requireAge(reader, proven.height, height)
  return proven
}

/** Neither from the future nor too old to be punished. */
function requireAge(reader: Reader, committed: bigint, height: bigint): void {
  const age = activeParams(reader).params.evidence_age
  if (committed < 1n || committed > height || committed + age < height) {
    refuse('evidence_too_old', { height: committed, at: height, age })
  }
}

function examine(reader: Reader, evidence: Evidence): Proven {
  const type = evidenceTypeOf(evidence)
  switch (type) {
    case 'duplicate-vote':
      return examineVotes(reader, evidence)
    case 'duplicate-proposal':
      return examineProposals(reader, evidence)
    case 'amnesia':
      return examineAmnesia(reader, evidence)
    case 'receipt-equivocation':
      return examineReceipts(reader, evidence)
    case 'fraud-proof':
      return examineFraud(reader, evidence)
    case 'false-verdict':
      return examineVerdict(reader, evidence)
    case 'light-client-attack':
    case undefined:
      return refuse('evidence_type_unsupported', { type: evidence.type })
    default:
      return unreachable(type)
  }
}

/**
 * Every signature inside the payload; none for what is proven by state alone.
 * @throws RefusalError as `examineEvidence`.
 */
export function evidenceSignatureChecks(
  reader: Reader,
  genesisHash: Uint8Array,
  evidence: Evidence,
  height: bigint,
): SignatureCheck[] {
  const type = evidenceTypeOf(evidence)
  // These two hold no signature, and adjudication is not free.
  if (type === 'fraud-proof' || type === 'false-verdict') return []
  const proven = examineEvidence(reader, evidence, height)
  const members = membersAt(reader, proven.height)
  switch (proven.type) {
    case 'duplicate-vote': {
      const { first, second } = proven.payload
      return [first, second].map(({ body, validator, signature }) => ({
        publicKey: memberAt(members, validator).consensusKey,
        digest: voteDigest(genesisHash, body),
        signature,
      }))
    }
    case 'duplicate-proposal': {
      const { first, second } = proven.payload
      return [first, second].map(({ body, signature }) => ({
        publicKey: memberAt(members, body.proposer).consensusKey,
        digest: proposalDigest(genesisHash, body),
        signature,
      }))
    }
    case 'amnesia':
      return amnesiaChecks(members, genesisHash, proven.payload)
    case 'receipt-equivocation':
      return [proven.payload.first, proven.payload.second].map(({ receipt, signature }) => ({
        publicKey: receipt.provider,
        digest: receiptDigest(genesisHash, receipt),
        signature,
      }))
    case 'fraud-proof':
    case 'false-verdict':
      return []
    default:
      return unreachable(proven)
  }
}

function examineVotes(reader: Reader, evidence: Evidence): Proven {
  const payload = decode(DuplicateVoteCodec, evidence.payload)
  const { first, second } = payload
  const { height, round, type } = first.body
  const isPair =
    first.validator === second.validator &&
    height === second.body.height &&
    round === second.body.round &&
    type === second.body.type
  const isConflict =
    !sameOptional(first.body.blockId, second.body.blockId) ||
    first.body.validRound !== second.body.validRound
  if (!isPair || !isConflict) refuse('evidence_no_conflict', { type: 'duplicate_vote' })
  requireOffender(reader, evidence, height, first.validator)
  requireSubject(evidence, roundSubject(height, round))
  return { type: 'duplicate-vote', height, payload }
}

function examineProposals(reader: Reader, evidence: Evidence): Proven {
  const payload = decode(DuplicateProposalCodec, evidence.payload)
  const { body } = payload.first
  const other = payload.second.body
  const isPair =
    body.proposer === other.proposer && body.height === other.height && body.round === other.round
  const isConflict =
    !equalBytes(body.blockId, other.blockId) || body.validRound !== other.validRound
  if (!isPair || !isConflict) refuse('evidence_no_conflict', { type: 'duplicate_proposal' })
  requireOffender(reader, evidence, body.height, body.proposer)
  requireSubject(evidence, roundSubject(body.height, body.round))
  return { type: 'duplicate-proposal', height: body.height, payload }
}

/** A lock of round r forgotten in r' > r, on a valid round before r: signed in both quorums. */
function examineAmnesia(reader: Reader, evidence: Evidence): Proven {
  const payload = decode(AmnesiaCodec, evidence.payload)
  const { height, commit, polka } = payload
  const isConflict =
    commit.validRound === 0 &&
    commit.round < polka.round &&
    // validRound travels as round + 1.
    polka.validRound <= commit.round &&
    !equalBytes(commit.blockId, polka.blockId)
  if (!isConflict) refuse('evidence_no_conflict', { type: 'amnesia' })
  const members = membersAt(reader, height)
  const committed = signersOf(members, commit)
  const polled = signersOf(members, polka)
  const offender = members.findIndex(({ id }) => equalBytes(id, evidence.offender))
  if (!committed.includes(offender) || !polled.includes(offender)) {
    refuse('evidence_offender_wrong', { offender: toHex(evidence.offender) })
  }
  requireSubject(evidence, roundSubject(height, commit.round))
  return { type: 'amnesia', height, payload }
}

/** Member indices of a quorum. @throws RefusalError evidence_no_quorum. */
function signersOf(members: readonly Validator[], quorum: Amnesia['commit']): number[] {
  const { signers, signatures } = quorum
  const picked = members.flatMap((_, index) => (hasBit(signers, index) ? [index] : []))
  const bits = signers.reduce((sum, byte) => sum + bitsIn(byte), 0)
  const power = picked.reduce((sum, index) => sum + memberAt(members, index).power, 0n)
  const isQuorum = 3n * power > 2n * totalPower(members)
  if (!isQuorum || bits !== picked.length || signatures.length !== picked.length) {
    refuse('evidence_no_quorum', { signers: bits, signatures: signatures.length })
  }
  return picked
}

function amnesiaChecks(
  members: readonly Validator[],
  genesisHash: Uint8Array,
  { height, commit, polka }: Amnesia,
): SignatureCheck[] {
  const quorums = [
    { quorum: commit, type: VOTE_TYPE_BYTES.precommit },
    { quorum: polka, type: VOTE_TYPE_BYTES.prevote },
  ]
  return quorums.flatMap(({ quorum, type }) => {
    const { round, blockId, validRound, signatures } = quorum
    const digest = voteDigest(genesisHash, { type, height, round, blockId, validRound })
    return signersOf(members, quorum).map((member, index) => ({
      publicKey: memberAt(members, member).consensusKey,
      digest,
      signature: signatures[index] as Uint8Array,
    }))
  })
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

function bitsIn(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
}

function examineReceipts(reader: Reader, evidence: Evidence): Proven {
  const payload = decode(ReceiptEquivocationCodec, evidence.payload)
  const first = payload.first.receipt
  const second = payload.second.receipt
  const isPair =
    equalBytes(first.job, second.job) &&
    first.attempt === second.attempt &&
    equalBytes(first.provider, second.provider)
  const isConflict =
    !equalBytes(first.program, second.program) ||
    !equalBytes(first.outputDigest, second.outputDigest) ||
    !equalBytes(first.traceRoot, second.traceRoot)
  if (!isPair || !isConflict) refuse('evidence_no_conflict', { type: 'receipt_equivocation' })
  if (!equalBytes(first.provider, evidence.offender)) {
    refuse('evidence_offender_wrong', { offender: toHex(evidence.offender) })
  }
  requireSubject(evidence, attemptSubject(first.job, first.attempt))
  const record = attemptOf(reader, toHex(first.job), first.attempt)
  if (record === undefined || !equalBytes(record.provider, first.provider)) {
    return refuse('evidence_subject_unknown', { job: toHex(first.job), attempt: first.attempt })
  }
  return { type: 'receipt-equivocation', height: record.matchedHeight, payload }
}

function requireReceipt(reader: Reader, evidence: Evidence): AnchoredReceipt {
  const id = toHex(evidence.subject)
  const anchored = receiptOf(reader, id)
  if (anchored === undefined) return refuse('evidence_subject_unknown', { receipt: id })
  return anchored
}

function examineFraud(reader: Reader, evidence: Evidence): Proven {
  const anchored = requireReceipt(reader, evidence)
  const { receipt } = anchored
  if (!equalBytes(receipt.provider, evidence.offender)) {
    refuse('evidence_offender_wrong', { offender: toHex(evidence.offender) })
  }
  const registered = programOf(reader, toHex(receipt.program))
  if (registered === undefined) {
    return refuse('evidence_subject_unknown', { program: toHex(receipt.program) })
  }
  const statement = {
    inputDigests: receipt.inputs.map(({ digest }) => digest),
    outputDigest: receipt.outputDigest,
    traceRoot: receipt.traceRoot,
  }
  const judgement = adjudicate(registered.program, statement, evidence.payload)
  if (!judgement.guilty) refuse('evidence_innocent', { reason: judgement.reason })
  return { type: 'fraud-proof', height: anchored.height, anchored }
}

/** A `valid` verdict on a `fold` receipt that a fraud proof has refuted: all of it is in state. */
function examineVerdict(reader: Reader, evidence: Evidence): Proven {
  const anchored = requireReceipt(reader, evidence)
  const { receipt } = anchored
  const id = toHex(evidence.subject)
  if (evidence.payload.length > 0) refuse('evidence_payload_unexpected', { receipt: id })
  const window = windowOf(reader, id)
  const record = attemptOf(reader, toHex(receipt.job), receipt.attempt)
  const offer = reader.get(JOBS, toHex(receipt.job))?.offer
  const isFold = offer !== undefined && VERIFICATIONS[offer.verification] === 'fold'
  if (!isFold || record?.refuted !== true || window === undefined) {
    return refuse('evidence_not_refuted', { receipt: id })
  }
  const members = windowMembers(reader, window)
  const said = window.items.find(({ member }) => isMember(members, member, evidence.offender))
  if (said === undefined || saidIn(said) !== 'valid') {
    refuse('evidence_offender_wrong', { offender: toHex(evidence.offender) })
  }
  return { type: 'false-verdict', height: anchored.height, anchored, window }
}

function isMember(members: readonly Validator[], index: number, id: Uint8Array): boolean {
  return equalBytes(memberAt(members, index).id, id)
}

/** @throws RefusalError evidence_too_old when the set of that height is not kept. */
function membersAt(reader: Reader, height: bigint): readonly Validator[] {
  return keptValidatorsAt(reader, height) ?? refuse('evidence_too_old', { height })
}

function requireOffender(reader: Reader, evidence: Evidence, height: bigint, index: number): void {
  const member = membersAt(reader, height)[index]
  if (member === undefined || !equalBytes(member.id, evidence.offender)) {
    refuse('evidence_offender_wrong', { offender: toHex(evidence.offender), index })
  }
}

function requireSubject(evidence: Evidence, subject: Uint8Array): void {
  if (!equalBytes(evidence.subject, subject)) {
    refuse('evidence_subject_wrong', { subject: toHex(evidence.subject), is: toHex(subject) })
  }
}

function memberAt(members: readonly Validator[], index: number): Validator {
  const member = members[index]
  assert(member !== undefined, 'an index that was looked up names a member')
  return member
}

function sameOptional(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right
  return equalBytes(left, right)
}
