/**
 * The index of the past: which heights tell of a subject, and every slash, from the events alone.
 *
 *   events of block H --note--> heights by subject, slashes
 *
 * Invariants
 *   - Heights are noted in ascending order; what was noted before is ignored.
 *   - Subjects and slashes are bounded: the oldest are forgotten first.
 */

import type { LedgerEvent } from '../ledger/types/event.ts'

export const SUBJECTS_MAX = 65_536
export const HEIGHTS_PER_SUBJECT_MAX = 512
export const SLASHES_MAX = 4_096

/** One bond taken, whole or in part. */
export interface SlashLine {
  readonly height: bigint
  /** Hex account id. */
  readonly offender: string
  readonly role: 'provider' | 'validator'
  readonly amount: bigint
  readonly reason: string
  /** Hex id of the evidence, or '' when validators' verdicts were enough. */
  readonly evidence: string
  readonly burned: bigint
  readonly compensated: bigint
  /** The job it was about, or '' for a fault of consensus. */
  readonly subject: string
}

export class HistoryIndex {
  readonly #heights = new Map<string, bigint[]>()
  readonly #slashes: SlashLine[] = []
  #last = 0n

  get lastHeight(): bigint {
    return this.#last
  }

  note(height: bigint, events: readonly LedgerEvent[]): void {
    if (height <= this.#last) return
    this.#last = height
    for (const { subject } of events) if (subject !== '') this.#noteSubject(subject, height)
    this.#slashes.push(...slashesIn(height, events))
    if (this.#slashes.length > SLASHES_MAX) {
      this.#slashes.splice(0, this.#slashes.length - SLASHES_MAX)
    }
  }

  heightsOf(subject: string): readonly bigint[] {
    return this.#heights.get(subject) ?? []
  }

  /** Newest first. */
  slashes(): readonly SlashLine[] {
    return [...this.#slashes].reverse()
  }

  #noteSubject(subject: string, height: bigint): void {
    const known = this.#heights.get(subject)
    if (known === undefined) {
      this.#heights.set(subject, [height])
      const [oldest] = this.#heights.keys()
      if (this.#heights.size > SUBJECTS_MAX && oldest !== undefined) this.#heights.delete(oldest)
      return
    }
    if (known[known.length - 1] === height) return
    if (known.length >= HEIGHTS_PER_SUBJECT_MAX) known.shift()
    known.push(height)
  }
}

/**
 * The slashes that a block tells of. A slash is followed by what was paid out of it and burned, so
 * the lines after it complete it.
 */
export function slashesIn(height: bigint, events: readonly LedgerEvent[]): SlashLine[] {
  const accepted = new Set(
    events.filter(({ kind }) => kind === 'evidence-accepted').map(({ subject }) => subject),
  )
  const lines: SlashLine[] = []
  for (const event of events) {
    if (event.kind === 'provider-slashed' || event.kind === 'validator-slashed') {
      lines.push(begun(height, event, accepted))
      continue
    }
    const last = lines.pop()
    if (last !== undefined) lines.push(completed(last, event, accepted))
  }
  return lines
}

function begun(height: bigint, event: LedgerEvent, accepted: ReadonlySet<string>): SlashLine {
  const { actor, value, reason, subject } = event
  const isProvider = event.kind === 'provider-slashed'
  const isEvidence = accepted.has(subject)
  return {
    height,
    offender: actor,
    role: isProvider ? 'provider' : 'validator',
    amount: value,
    reason,
    evidence: isEvidence ? subject : '',
    // A validator's bond is burned whole; a provider's is told line by line.
    burned: isProvider ? 0n : value,
    compensated: 0n,
    subject: isProvider && !isEvidence ? subject : '',
  }
}

function completed(line: SlashLine, event: LedgerEvent, accepted: ReadonlySet<string>): SlashLine {
  if (event.reason !== line.reason) return line
  if (event.kind === 'compensated' && line.role === 'provider') {
    return { ...line, compensated: event.value, subject: event.subject }
  }
  if (event.kind !== 'burned' || event.actor !== line.offender) return line
  const evidence = accepted.has(event.subject) ? event.subject : line.evidence
  return { ...line, burned: event.value, evidence }
}
