/**
 * What a job would cost and who could run it, judged by the asks on the book before it is submitted.
 *
 * The matcher judges again, block by block; this only tells the buyer in time why nobody might come.
 */

import { fromHex } from '../base/bytes.ts'
import type { Refusal } from '../base/refusal.ts'
import { admits, programCost } from '../program/cost.ts'
import { decodeProgram } from '../program/ir.ts'
import type { Ask, ProgramDetail } from './answers.ts'
import type { JobFile } from './job-file.ts'

/** Why an ask could not take the job; the words of the matcher. */
export type Unfit =
  | 'lane'
  | 'suspended'
  | 'capability'
  | 'units_exceeded'
  | 'price_ceiling'
  | 'ask_full'
  | 'deadline'

export interface Screened {
  readonly ask: string
  readonly provider: string
  /** nBLOCK for the whole run. */
  readonly price: bigint
  readonly unfit: Unfit | undefined
}

export interface Estimate {
  readonly units: bigint
  readonly verifyUnits: bigint
  /** Cheapest first. */
  readonly asks: readonly Screened[]
  /** What the verification may not be used for. */
  readonly against: Refusal | undefined
}

type Wanted = Pick<JobFile, 'lane' | 'verification' | 'capabilities' | 'deadlineBlocks'>

/** @param ceiling nBLOCK; undefined when the buyer has named none */
export function estimate(
  { ir }: Pick<ProgramDetail, 'ir'>,
  wanted: Wanted,
  asks: readonly Ask[],
  ceiling: bigint | undefined,
): Estimate {
  const program = decodeProgram(fromHex(ir))
  const cost = programCost(program)
  const units = BigInt(cost.units)
  const screened = asks.map((ask) => {
    const price = BigInt(ask.unitPrice) * units
    const unfit = unfitness(ask, wanted, units, ceiling)
    return { ask: ask.id, provider: ask.provider, price, unfit }
  })
  screened.sort((left, right) => (left.price < right.price ? -1 : 1))
  return {
    units,
    verifyUnits: BigInt(cost.verify[wanted.verification].units),
    asks: screened,
    against: admits(program, wanted.verification) ?? undefined,
  }
}

function unfitness(
  ask: Ask,
  wanted: Wanted,
  units: bigint,
  ceiling: bigint | undefined,
): Unfit | undefined {
  if (ask.lane !== wanted.lane) return 'lane'
  if (ask.state !== 'open') return 'suspended'
  if (!wanted.capabilities.every((each) => ask.capabilities.includes(each))) return 'capability'
  if (units > BigInt(ask.maxUnits)) return 'units_exceeded'
  if (ceiling !== undefined && BigInt(ask.unitPrice) * units > ceiling) return 'price_ceiling'
  if (ask.openJobs >= ask.maxOpenJobs) return 'ask_full'
  const perBlock = BigInt(ask.unitsPerBlock)
  const blocks = BigInt(ask.blocksBase) + (units + perBlock - 1n) / perBlock
  return blocks > BigInt(wanted.deadlineBlocks) ? 'deadline' : undefined
}

/** The lowest price that somebody would take now; undefined when nobody would. */
export function lowestPrice({ asks }: Estimate): bigint | undefined {
  return asks.find(({ unfit }) => unfit === undefined)?.price
}
