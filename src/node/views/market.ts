/** Programs and asks: what may be run, and on what terms. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import {
  ASK,
  ASKS,
  type AskRecord,
  PROGRAM,
  PROGRAMS,
  type ProgramRecord,
  reasonText,
  stateName,
} from '../../ledger/market-records.ts'
import { programOf } from '../../ledger/programs.ts'
import type { Reader } from '../../ledger/state.ts'
import { LANES } from '../../ledger/types/market.ts'
import { tensorBytes } from '../../program/shape.ts'
import type { TensorType } from '../../program/types.ts'
import { LaneName } from './jobs.ts'
import {
  Amount,
  Count,
  Height,
  Hex,
  Id,
  ListQuery,
  listOf,
  newestFirst,
  type Page,
  pageOf,
  textOf,
} from './json.ts'

export const ProgramView = z.object({
  id: Id,
  owner: Id,
  name: z.string(),
  state: z.enum(['pending', 'available', 'expired', 'retired']),
  reason: z.string(),
  registeredHeight: Height,
  weights: z.array(z.object({ digest: Id, bytes: Count, dtype: Count })),
  deposit: Amount,
  openJobs: Count,
})
type ProgramView = z.infer<typeof ProgramView>
export const ProgramList = listOf(ProgramView)

const Tensor = z.object({ dtype: Count, dims: z.array(Count), bytes: Count })
export const ProgramDetail = ProgramView.extend({
  /** The canonical representation. */
  ir: Hex,
  opCount: Count,
  inputs: z.array(Tensor),
})

/** Newest first. */
export function programsView(reader: Reader, page: ListQuery): Page<ProgramView> {
  return pageOf(
    reader.entries(PROGRAMS),
    ([id, { registeredHeight }]) => newestFirst(registeredHeight, id),
    ([id, record]) => programView(id, record),
    page,
  )
}

function programView(id: string, record: ProgramRecord): ProgramView {
  return {
    id,
    owner: toHex(record.owner),
    name: textOf(record.name),
    state: stateName(PROGRAM, record.state),
    reason: reasonText(record.reason),
    registeredHeight: Number(record.registeredHeight),
    weights: record.weights.map(({ digest, length, dtype }) => ({
      digest: toHex(digest),
      bytes: Number(length),
      dtype,
    })),
    deposit: String(record.deposit),
    openJobs: record.openJobs,
  }
}

export function programDetail(
  reader: Reader,
  id: string,
): z.infer<typeof ProgramDetail> | undefined {
  const record = reader.get(PROGRAMS, id)
  const registered = programOf(reader, id)
  if (record === undefined || registered === undefined) return undefined
  const { program, bytes } = registered
  return {
    ...programView(id, record),
    ir: toHex(bytes),
    opCount: program.ops.length,
    inputs: program.inputs.map(tensorView),
  }
}

function tensorView(type: TensorType): z.infer<typeof Tensor> {
  return { dtype: type.dtype, dims: [...type.dims], bytes: tensorBytes(type) }
}

export const AskView = z.object({
  id: Id,
  provider: Id,
  lane: LaneName,
  state: z.enum(['open', 'suspended', 'cancelled', 'expired']),
  reason: z.string(),
  unitPrice: Amount,
  blocksBase: Count,
  unitsPerBlock: Count,
  maxUnits: Count,
  maxOpenJobs: Count,
  openJobs: Count,
  expiryHeight: Height,
  suspendedUntil: Height.nullable(),
  includedHeight: Height,
  capabilities: z.array(z.string()),
})
type AskView = z.infer<typeof AskView>
export const AskList = listOf(AskView)
export const AsksQuery = ListQuery.extend({
  state: z.enum(['open', 'suspended', 'cancelled', 'expired']).optional(),
  provider: Hex.optional(),
})

/** Newest first. */
export function asksView(
  reader: Reader,
  height: bigint,
  { state, provider, ...page }: z.infer<typeof AsksQuery>,
): Page<AskView> {
  const rows = reader
    .entries(ASKS)
    .filter(
      ([, ask]) =>
        (state === undefined || askState(ask, height) === state) &&
        (provider === undefined || toHex(ask.provider) === provider),
    )
  return pageOf(
    rows,
    ([id, { includedHeight }]) => newestFirst(includedHeight, id),
    ([id, ask]) => askView(id, ask, height),
    page,
  )
}

function askState(ask: AskRecord, height: bigint): AskView['state'] {
  const state = stateName(ASK, ask.state)
  return state === 'open' && ask.suspendedUntil > height ? 'suspended' : state
}

function askView(id: string, ask: AskRecord, height: bigint): AskView {
  const state = askState(ask, height)
  return {
    id,
    provider: toHex(ask.provider),
    lane: LANES[ask.lane] ?? LANES[0],
    state,
    reason: reasonText(ask.reason),
    unitPrice: String(ask.unitPrice),
    blocksBase: ask.blocksBase,
    unitsPerBlock: Number(ask.unitsPerBlock),
    maxUnits: Number(ask.maxUnits),
    maxOpenJobs: ask.maxOpenJobs,
    openJobs: ask.openJobs,
    expiryHeight: Number(ask.expiryHeight),
    suspendedUntil: state === 'suspended' ? Number(ask.suspendedUntil) : null,
    includedHeight: Number(ask.includedHeight),
    capabilities: ask.capabilities.map(textOf),
  }
}
