/**
 * Admission to gossip: is this object worth checking, by what the head knows?
 *
 * [REJECT] what no honest peer sends, whatever its head: it does not decode, or contradicts itself.
 * [IGNORE] what is late, a copy, or cannot be paid for: honest peers may lag.
 * [PARK]   what names a height or an object not yet known here.
 *
 * The answer lists every signature that must hold; nothing is verified here.
 *
 * Source: protocol.md §2.
 */

import { toHex } from '../base/bytes.ts'
import { attempt, type Refusal, refusal } from '../base/refusal.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { accountOf } from './accounts.ts'
import { statelessEvidenceCheck } from './evidence-check.ts'
import type { Ledger } from './ledger.ts'
import { ATTEMPTS, attemptKey, JOBS } from './market-records.ts'
import { type Opened, openEnvelope, signatureChecks, speakerOf } from './objects.ts'
import type { Envelope } from './types/envelope.ts'
import { memberOf, validatorsAt } from './validators.ts'

export type Admission =
  | { readonly kind: 'check'; readonly checks: readonly SignatureCheck[] }
  | { readonly kind: 'ignore' | 'reject' | 'park'; readonly refusal: Refusal }

/** A nonce this far ahead of the account's is not pooled. */
export const NONCE_AHEAD_MAX = 64n
/** A batch may be this far behind or ahead of the head. */
export const BATCH_BEHIND_MAX = 64n
export const BATCH_AHEAD_MAX = 4n

export function admitObject(ledger: Ledger, envelope: Envelope): Admission {
  const opened = attempt(() => openEnvelope(ledger.genesisHash, envelope))
  if ('refused' in opened) return { kind: 'reject', refusal: opened.refused }
  const fault = judge(ledger, opened.value)
  if (fault !== undefined) return fault
  const checks = attempt(() =>
    signatureChecks(
      ledger.state,
      ledger.genesisHash,
      envelope,
      opened.value,
      ledger.head.height + 1n,
    ),
  )
  if ('refused' in checks) return { kind: 'ignore', refusal: checks.refused }
  return { kind: 'check', checks: checks.value }
}

type Fault = Exclude<Admission, { kind: 'check' }>

function judge(ledger: Ledger, opened: Opened): Fault | undefined {
  switch (opened.kind) {
    case 'transaction':
      return judgeNonce(ledger, opened)
    case 'offer':
    case 'cancel-offer':
      return judgeExpiry(ledger, opened)
    case 'receipt':
      return judgeReceipt(ledger, opened)
    case 'attestation-batch':
      return judgeBatch(ledger, opened)
    case 'evidence':
      return judgeEvidence(ledger, opened)
    case 'proof-announce':
      return undefined
  }
}

/** What evidence is refused with when it is about something not yet, or no longer, in this state. */
const EVIDENCE_NOT_YET: ReadonlySet<string> = new Set([
  'evidence_subject_unknown',
  'evidence_not_refuted',
])
const EVIDENCE_PAST = 'evidence_too_old'

function judgeEvidence(
  { state, head }: Ledger,
  { body }: Extract<Opened, { kind: 'evidence' }>,
): Fault | undefined {
  const unsound = statelessEvidenceCheck(state, body, head.height + 1n)
  if (unsound === undefined) return undefined
  if (EVIDENCE_NOT_YET.has(unsound.code)) return { kind: 'park', refusal: unsound }
  return { kind: unsound.code === EVIDENCE_PAST ? 'ignore' : 'reject', refusal: unsound }
}

function judgeNonce(
  { state }: Ledger,
  opened: Extract<Opened, { kind: 'transaction' }>,
): Fault | undefined {
  const { nonce } = accountOf(state, speakerOf(opened))
  if (opened.body.nonce < nonce) {
    const facts = { nonce: opened.body.nonce, expected: nonce }
    return { kind: 'ignore', refusal: refusal('nonce_used', facts) }
  }
  if (opened.body.nonce > nonce + NONCE_AHEAD_MAX) {
    const facts = { nonce: opened.body.nonce, expected: nonce }
    return { kind: 'ignore', refusal: refusal('nonce_too_far_ahead', facts) }
  }
  return undefined
}

function judgeExpiry(
  { head, params, state }: Ledger,
  opened: Extract<Opened, { kind: 'offer' | 'cancel-offer' }>,
): Fault | undefined {
  const { expiryHeight } = opened.body
  if (expiryHeight <= head.height) {
    const facts = { expiryHeight, height: head.height }
    return { kind: 'ignore', refusal: refusal('offer_expired', facts) }
  }
  if (expiryHeight > head.height + 1n + params.max_offer_ttl) {
    const facts = { expiryHeight, ttlMax: params.max_offer_ttl }
    return { kind: 'park', refusal: refusal('offer_expiry_too_far', facts) }
  }
  if (opened.kind === 'offer' && state.get(JOBS, opened.id) !== undefined) {
    return { kind: 'ignore', refusal: refusal('offer_known', { offer: opened.id }) }
  }
  return undefined
}

function judgeReceipt(
  { state }: Ledger,
  { body }: Extract<Opened, { kind: 'receipt' }>,
): Fault | undefined {
  const job = toHex(body.job)
  const known = state.get(ATTEMPTS, attemptKey(job, body.attempt))
  if (known === undefined) {
    const facts = { job, attempt: body.attempt }
    return { kind: 'park', refusal: refusal('receipt_attempt_unknown', facts) }
  }
  if (toHex(known.provider) !== toHex(body.provider)) {
    return { kind: 'reject', refusal: refusal('receipt_foreign', { job }) }
  }
  return undefined
}

function judgeBatch(
  { state, head }: Ledger,
  { body }: Extract<Opened, { kind: 'attestation-batch' }>,
): Fault | undefined {
  const validator = toHex(body.validator)
  const { height } = body
  if (height > head.height + BATCH_AHEAD_MAX) {
    return { kind: 'park', refusal: refusal('attestation_too_early', { height }) }
  }
  if (height + BATCH_BEHIND_MAX < head.height) {
    return { kind: 'ignore', refusal: refusal('attestation_too_old', { height }) }
  }
  if (memberOf(validatorsAt(state, head.height + 1n), validator) === undefined) {
    return { kind: 'ignore', refusal: refusal('attestation_not_validator', { validator }) }
  }
  return undefined
}
