/**
 * Evidence acts: what a proven offence costs, once.
 *
 *   C1, C2, C3  validator: equivocation_slash_ppm of bond and unbonding, burned; tombstoned
 *   P1, P4      provider: fraud_penalty_bps of bond and unbonding; its attempt is Rejected, its
 *               other attempts without a verdict are Voided, its asks are suspended
 *   V1          validator: false_verdict_slash_ppm and jail, when the gate applies; else shadow
 *
 * Invariants
 *   - One offence (type, offender, subject) is punished at most once.
 *   - Evidence that proves nothing makes a block invalid, so the reporter's bond is only asked for,
 *     never kept: what stands in a block is valid.
 *   - A settled payment is not reversed; the buyer is compensated out of the bond.
 *
 * Source: protocol.md §6.
 */

import { unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { refuse } from '../base/refusal.ts'
import { balanceOf } from './accounts.ts'
import { examineEvidence, type Proven } from './evidence-check.ts'
import { isEvidenceSeen, keepEvidence } from './evidence-records.ts'
import { type Execution, emit } from './execution.ts'
import { failAttempt, isOpen, paramsOf, updateAttempt, voidAttempts } from './jobs-attempts.ts'
import { idBytes, reasonBytes, requireAttempt } from './market-records.ts'
import { noteConduct, suspendProvider } from './providers-bonds.ts'
import { fraudPenalty, type Slashed, slashProvider } from './slashing.ts'
import type { Evidence } from './types/evidence.ts'
import { jail, slashValidator, tombstone, validatorOf } from './validators.ts'

export { evidenceSignatureChecks, statelessEvidenceCheck } from './evidence-check.ts'

interface Effect extends Slashed {
  readonly job: string
  readonly attempt: number
}

const NO_JOB = '0'.repeat(64)

/**
 * The payload's signatures are part of `checked(id)`; its arithmetic is done here again, because
 * a slash must not depend on who remembered to check.
 */
export function applyEvidence(execution: Execution, id: string, evidence: Evidence): void {
  const { view, block } = execution
  if (!block.checked(id)) refuse('evidence_unchecked', { evidence: id })
  if (isEvidenceSeen(view, evidence)) refuse('evidence_known', { evidence: id })
  requireBond(execution, evidence)
  const proven = examineEvidence(view, evidence, block.height)
  const reason = proven.type.replaceAll('-', '_')
  const offender = toHex(evidence.offender)
  emit(execution, {
    kind: 'evidence-accepted',
    subject: id,
    actor: offender,
    count: BigInt(evidence.type),
    reason,
  })
  const effect = punish(execution, id, offender, proven, reason)
  const { job, ...amounts } = effect
  keepEvidence(execution, id, {
    id: idBytes(id),
    type: evidence.type,
    offender: evidence.offender,
    subject: evidence.subject,
    reporter: evidence.reporter,
    height: block.height,
    job: idBytes(job),
    ...amounts,
    reason: reasonBytes(reason),
  })
}

/** The bond of valid evidence is locked and returned within the block. */
function requireBond({ view, block }: Execution, evidence: Evidence): void {
  const reporter = toHex(evidence.reporter)
  const balance = balanceOf(view, reporter)
  const needed = block.params.evidence_bond
  if (balance < needed) refuse('balance_insufficient', { account: reporter, balance, needed })
}

function punish(
  execution: Execution,
  id: string,
  offender: string,
  proven: Proven,
  reason: string,
): Effect {
  switch (proven.type) {
    case 'duplicate-vote':
    case 'duplicate-proposal':
    case 'amnesia':
      return punishEquivocation(execution, id, offender, reason)
    case 'receipt-equivocation': {
      const { job, attempt } = proven.payload.first.receipt
      return punishProvider(execution, id, offender, toHex(job), attempt, reason)
    }
    case 'fraud-proof': {
      const { job, attempt } = proven.anchored.receipt
      updateAttempt(execution, toHex(job), attempt, { refuted: true })
      return punishProvider(execution, id, offender, toHex(job), attempt, reason)
    }
    case 'false-verdict': {
      const { job, attempt } = proven.anchored.receipt
      return punishVerdict(execution, id, offender, toHex(job), attempt)
    }
    default:
      return unreachable(proven)
  }
}

function punishEquivocation(
  execution: Execution,
  id: string,
  offender: string,
  reason: string,
): Effect {
  const record = validatorOf(execution.view, offender)
  if (record === undefined) return refuse('evidence_offender_gone', { validator: offender })
  if (record.tombstoned) refuse('evidence_offender_gone', { validator: offender })
  const ppm = execution.block.params.equivocation_slash_ppm
  const burned = slashValidator(execution, offender, ppm, reason)
  tombstone(execution, offender)
  emit(execution, { kind: 'burned', subject: id, actor: offender, value: burned, reason })
  return { slashed: burned, compensated: 0n, burned, job: NO_JOB, attempt: 0 }
}

function punishProvider(
  execution: Execution,
  id: string,
  provider: string,
  job: string,
  attempt: number,
  reason: string,
): Effect {
  const { view } = execution
  const wanted = fraudPenalty(execution, provider)
  const slash = { provider, wanted, job, attempt, subject: id, reason }
  const slashed = slashProvider(execution, slash)
  noteConduct(execution, provider, 'fraud')
  suspendProvider(execution, provider, reason)
  if (isOpen(requireAttempt(view, job, attempt))) {
    failAttempt(execution, job, attempt, 'rejected', reason)
  }
  voidAttempts(execution, provider, reason)
  return { ...slashed, job, attempt }
}

function punishVerdict(
  execution: Execution,
  id: string,
  validator: string,
  job: string,
  attempt: number,
): Effect {
  const { view, block } = execution
  const reason = 'false_verdict'
  const params = paramsOf(view, requireAttempt(view, job, attempt))
  const record = validatorOf(view, validator)
  if (record === undefined) return refuse('evidence_offender_gone', { validator })
  if (params.false_verdict_gate === 0n) {
    const value = (record.bond * params.false_verdict_slash_ppm) / 1_000_000n
    emit(execution, { kind: 'shadow-diff', subject: id, actor: validator, value, reason })
    return { slashed: 0n, compensated: 0n, burned: 0n, job, attempt }
  }
  const burned = slashValidator(execution, validator, params.false_verdict_slash_ppm, reason)
  jail(execution, validator, block.height + params.downtime_jail_blocks, reason)
  emit(execution, { kind: 'burned', subject: id, actor: validator, value: burned, reason })
  return { slashed: burned, compensated: 0n, burned, job, attempt }
}
