/** Accepted evidence, and the replay key that keeps an offence from being punished twice. */

import { toHex } from '../base/bytes.ts'
import { schedule } from './deadlines-due.ts'
import type { Execution } from './execution.ts'
import { drop, EVIDENCE, EVIDENCE_SEEN, type EvidenceRecord } from './market-records.ts'
import type { Reader } from './state.ts'
import { EVIDENCE_TYPE_BYTES, type Evidence, type EvidenceType } from './types/evidence.ts'

export function evidenceTypeOf({ type }: Pick<Evidence, 'type'>): EvidenceType | undefined {
  const entries = Object.entries(EVIDENCE_TYPE_BYTES) as [EvidenceType, number][]
  return entries.find(([, byte]) => byte === type)?.[0]
}

/** True when this offence of this offender about this subject has been punished. */
export function isEvidenceSeen(
  reader: Reader,
  evidence: Pick<Evidence, 'type' | 'offender' | 'subject'>,
): boolean {
  return reader.get(EVIDENCE_SEEN, replayKey(evidence)) !== undefined
}

export function evidenceRecordOf(reader: Reader, id: string): EvidenceRecord | undefined {
  return reader.get(EVIDENCE, id)
}

/** By then the offence is too old to be punished again. */
export function keepEvidence({ view, block }: Execution, id: string, record: EvidenceRecord): void {
  view.put(EVIDENCE, id, record)
  view.put(EVIDENCE_SEEN, replayKey(record), { id: record.id })
  schedule(view, block.height + block.params.evidence_age + 1n, 'forgetEvidence', id)
}

export function forgetEvidence({ view }: Execution, id: string): void {
  const record = evidenceRecordOf(view, id)
  if (record === undefined) return
  drop(view, EVIDENCE_SEEN, replayKey(record))
  drop(view, EVIDENCE, id)
}

function replayKey({ type, offender, subject }: Pick<Evidence, 'type' | 'offender' | 'subject'>) {
  return `${type.toString(16).padStart(2, '0')}/${toHex(offender)}/${toHex(subject)}`
}
