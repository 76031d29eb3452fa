/**
 * The five sections of a block: their order, what they hold, and how much.
 *
 * Source: protocol.md §2 (each section has its own byte and cost cap).
 */

import { type Refusal, refusal } from '../base/refusal.ts'
import type { Block, SectionName } from './types/block.ts'
import { ENVELOPE_BYTES_MAX, type Envelope, type ObjectKind, objectKind } from './types/envelope.ts'

/** In the order they are executed. */
export const SECTIONS: readonly SectionName[] = [
  'evidence',
  'attestations',
  'receipts',
  'transactions',
  'offers',
]

/** Which kinds each section holds. */
export const SECTION_KINDS: Readonly<Record<SectionName, readonly ObjectKind[]>> = {
  evidence: ['evidence'],
  attestations: ['attestation-batch'],
  receipts: ['receipt', 'proof-announce'],
  transactions: ['transaction'],
  offers: ['offer', 'cancel-offer'],
}

/** Bytes of each section; together they leave room for header and commit in eight parts. */
export const SECTION_BYTES_MAX: Readonly<Record<SectionName, number>> = {
  evidence: 128 * 1024,
  attestations: 64 * 1024,
  receipts: 64 * 1024,
  transactions: 128 * 1024,
  offers: 64 * 1024,
}

/** Bytes of an envelope besides its body: kind, offset, signature. */
const ENVELOPE_OVERHEAD_BYTES = 69

/** Length of the encoding, bytes. */
export function envelopeBytes({ body }: Envelope): number {
  return body.length + ENVELOPE_OVERHEAD_BYTES
}

/** The first section that is too long, or holds what it must not. */
export function checkSections(block: Pick<Block, SectionName>): Refusal | undefined {
  for (const section of SECTIONS) {
    const fault = checkSection(section, block[section])
    if (fault !== undefined) return fault
  }
  return undefined
}

function checkSection(section: SectionName, envelopes: readonly Envelope[]): Refusal | undefined {
  let bytes = 0
  for (const envelope of envelopes) {
    const kind = objectKind(envelope)
    if (kind === undefined || !SECTION_KINDS[section].includes(kind)) {
      return refusal('block_object_misplaced', { section, kind: envelope.kind })
    }
    const length = envelopeBytes(envelope)
    const bytesMax = ENVELOPE_BYTES_MAX[kind]
    if (length > bytesMax) return refusal('object_oversized', { kind, bytes: length, bytesMax })
    bytes += length
  }
  const bytesMax = SECTION_BYTES_MAX[section]
  if (bytes > bytesMax) return refusal('block_section_full', { section, bytes, bytesMax })
  return undefined
}
