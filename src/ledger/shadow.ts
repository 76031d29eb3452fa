/**
 * Proposals in shadow, block by block: what was judged, read off the block's story and the state,
 * compared under the proposed values, counted per epoch.
 *
 * The story ends where governance begins, before the matcher: whether a match would have been
 * eligible is judged when its receipt anchors, on the provider's bond at that height.
 *
 * Source: protocol.md §7 (Shadow).
 */

import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Params } from '../governance/params.ts'
import {
  addCounts,
  JUDGEMENTS,
  type Judged,
  type Judgement,
  NO_COUNT,
  type Offence,
  type ShadowCount,
  type ShadowCounts,
  shadowDiff,
} from '../governance/shadow.ts'
import { type Execution, emit } from './execution.ts'
import { attemptOf, type JobRecord, jobOf } from './market-records.ts'
import { SHADOW_EPOCHS, SHADOW_EPOCHS_KEPT } from './proposals-records.ts'
import { freeBond, providerOf } from './providers-bonds.ts'
import { punishableBond } from './slashing.ts'
import { numberKey, type Reader } from './state.ts'
import type { EventKind, LedgerEvent } from './types/event.ts'
import { validatorOf } from './validators.ts'

const FRAUD: ReadonlySet<string> = new Set(['fraud_proof', 'receipt_equivocation', 'invalid_proof'])
const FALSE_VERDICT = 'false_verdict'

export interface Shadowed {
  readonly id: string
  readonly proposed: Params
}

/** Counts and tells what one proposal would have changed in this block. @returns differences. */
export function shadowBlock(
  execution: Execution,
  { id, proposed }: Shadowed,
  judged: readonly Judged[],
): bigint {
  const counts = shadowDiff(judged, execution.block.params, proposed)
  if (counts.size === 0) return 0n
  keepCounts(execution, id, counts)
  let differences = 0n
  for (const judgement of JUDGEMENTS) {
    const count = counts.get(judgement)
    if (count === undefined || count.differing === 0n) continue
    differences += count.differing
    const { current, proposed: then } = count
    const value = current > then ? current - then : then - current
    emit(execution, {
      kind: 'shadow-diff',
      subject: id,
      value,
      count: count.differing,
      reason: judgement,
    })
  }
  return differences
}

/** Everything that was judged in the block so far, in the order of its story. */
export function judgedInBlock({ view, events }: Execution): Judged[] {
  return events.flatMap((event) => JUDGES[event.kind]?.(view, event) ?? [])
}

type Judge = (reader: Reader, event: LedgerEvent) => Judged[]

/** What each kind of event says was judged; the others tell of no judgement. */
const JUDGES: Readonly<Partial<Record<EventKind, Judge>>> = {
  'fee-burned': (_, { reason, count }) => [
    { kind: 'fee', of: reason === 'offer' ? 'offer' : 'transaction', bytes: count },
  ],
  'job-offered': (reader, { subject }) => admissionOf(jobOf(reader, subject)),
  'attempt-anchored': (reader, event) => matchOf(reader, event),
  'job-settled': (reader, event) => settlementOf(reader, event),
  'provider-slashed': (reader, event) => [providerSlash(reader, event)],
  'validator-slashed': (reader, { reason, subject, value }) => {
    const offence: Offence = reason === FALSE_VERDICT ? 'false-verdict' : 'equivocation'
    return [{ kind: 'slash', offence, base: validatorBond(reader, subject) + value }]
  },
  'shadow-diff': (reader, { reason, actor }) => {
    // Told by the gate of false verdicts, when it is in shadow.
    if (reason !== FALSE_VERDICT) return []
    return [{ kind: 'slash', offence: 'false-verdict', base: validatorBond(reader, actor) }]
  },
}

function admissionOf(job: JobRecord | undefined): Judged[] {
  if (job === undefined) return []
  const { verifyUnits, verifyBytes, offer } = job
  const inputBytes = offer.inputs.reduce((sum, { length }) => sum + length, 0n)
  return [{ kind: 'admission', verifyUnits, verifyBytes, inputBytes }]
}

/** Whether the bond that was free for this match, then and now, would carry it. */
function matchOf(reader: Reader, event: LedgerEvent): Judged[] {
  const job = jobOf(reader, event.subject)
  const attempt = attemptOf(reader, event.subject, Number(event.count))
  if (job === undefined || attempt === undefined) return []
  const provider = providerOf(reader, toHex(attempt.provider))
  if (provider === undefined) return []
  const free = freeBond(provider) + attempt.collateral
  return [{ kind: 'match', ceiling: job.offer.priceCeiling, free }]
}

function settlementOf(reader: Reader, event: LedgerEvent): Judged[] {
  const job = jobOf(reader, event.subject)
  const attempt = job === undefined ? undefined : attemptOf(reader, event.subject, job.attempt)
  if (job === undefined || attempt === undefined) return []
  const { priceCeiling } = job.offer
  const gross = attempt.price < priceCeiling ? attempt.price : priceCeiling
  const latencyMicros = BigInt(attempt.latencyMicros)
  return [
    { kind: 'fee', of: 'settlement', gross },
    { kind: 'budget', latencyMicros },
    { kind: 'penalty', latencyMicros, gross },
  ]
}

/** Fraud is measured by all that was punishable, a broken service level by the price ceiling. */
function providerSlash(reader: Reader, { actor, subject, value, reason }: LedgerEvent): Judged {
  if (FRAUD.has(reason)) {
    return { kind: 'slash', offence: 'fraud', base: punishableBond(reader, actor) + value }
  }
  const base = jobOf(reader, subject)?.offer.priceCeiling ?? 0n
  return { kind: 'slash', offence: 'service-level', base }
}

function validatorBond(reader: Reader, id: string): bigint {
  return validatorOf(reader, id)?.bond ?? 0n
}

export function epochOf({ height, params }: Execution['block']): bigint {
  return height / params.epoch_blocks
}

function keepCounts(execution: Execution, id: string, counts: ShadowCounts): void {
  const { view, block } = execution
  const epoch = epochOf(block)
  const key = `${id}/${numberKey(epoch)}`
  const before = new Map((view.get(SHADOW_EPOCHS, key)?.counts ?? []).map(named))
  const merged = JUDGEMENTS.flatMap((judgement, index) => {
    const count = addCounts(before.get(judgement) ?? NO_COUNT, counts.get(judgement) ?? NO_COUNT)
    return count.seen === 0n ? [] : [{ judgement: index, ...count }]
  })
  view.put(SHADOW_EPOCHS, key, { counts: merged })
  if (epoch < SHADOW_EPOCHS_KEPT) return
  const oldest = `${id}/${numberKey(epoch - SHADOW_EPOCHS_KEPT)}`
  for (const [old] of view.entries(SHADOW_EPOCHS, `${id}/`)) {
    if (old <= oldest) view.remove(SHADOW_EPOCHS, old)
  }
}

type Stored = ShadowCount & { readonly judgement: number }

function named({ judgement, ...count }: Stored): readonly [Judgement, ShadowCount] {
  const name = JUDGEMENTS[judgement]
  assert(name !== undefined, 'a stored judgement is one of its names')
  return [name, count]
}

export interface ShadowEpoch {
  readonly epoch: bigint
  readonly counts: readonly (ShadowCount & { readonly judgement: Judgement })[]
}

/** What the shadow phase of a proposal counted, oldest epoch first. */
export function shadowEpochsOf(reader: Reader, id: string): ShadowEpoch[] {
  return reader.entries(SHADOW_EPOCHS, `${id}/`).map(([key, { counts }]) => ({
    epoch: BigInt(`0x${key.slice(id.length + 1)}`),
    counts: counts.map((stored) => {
      const [judgement, count] = named(stored)
      return { judgement, ...count }
    }),
  }))
}
