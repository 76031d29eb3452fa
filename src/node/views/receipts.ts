/** Receipts, slashes, and the proof that a receipt was anchored. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { tallyOf, windowOf } from '../../ledger/attestations-windows.ts'
import { envelopeId } from '../../ledger/header.ts'
import { attemptOf, jobOf, RECEIPTS, reasonText } from '../../ledger/market-records.ts'
import { programRecordOf } from '../../ledger/programs.ts'
import { type AnchoredReceipt, isAnnounced, receiptOf } from '../../ledger/receipts.ts'
import type { Reader } from '../../ledger/state.ts'
import { CommitCodec, HeaderCodec } from '../../ledger/types/block.ts'
import { LANES, ReceiptCodec, VERIFICATIONS } from '../../ledger/types/market.ts'
import type { StoredBlock } from '../../ledger/types/stored-block.ts'
import { keptValidatorsAt } from '../../ledger/validators.ts'
import type { SlashLine } from '../history.ts'
import type { Queries } from '../queries.ts'
import { INCLUSION_DEPTH, inclusionPath } from './inclusion.ts'
import { attemptStateName, LaneName, VerificationName } from './jobs.ts'
import {
  Amount,
  Count,
  Height,
  Hex,
  Id,
  ListQuery,
  listOf,
  MaybeId,
  newestFirst,
  type Page,
  pageOf,
  textOf,
} from './json.ts'

export const ReceiptView = z.object({
  id: Id,
  job: Id,
  attempt: Count,
  provider: Id,
  buyer: MaybeId,
  program: Id,
  programName: z.string(),
  lane: LaneName,
  verification: VerificationName,
  height: Height,
  state: z.string(),
  reason: z.string(),
  units: Count,
  payment: Amount,
  paid: Amount,
  fabric: z.string(),
  inputs: z.array(z.object({ digest: Id, bytes: Count })),
  outputDigest: Id,
  traceRoot: Id,
  proofDigest: Id,
  proofBytes: Count,
  /** Of a succinct receipt: whether its proof has been announced. */
  proofAnnounced: z.boolean(),
  kernelDigest: Id,
  descriptorDigest: Id,
  benchmarkCommit: z.string(),
  tensorProfileEpoch: Id.nullable(),
  /** Null when the provider did not profile. */
  tensorProfile: z
    .object({ allocations: Count, releases: Count, allocFreeDelta: Amount })
    .nullable(),
  gradientDigests: z.array(Id),
  verdicts: z
    .object({
      valid: z.string(),
      invalid: z.string(),
      unavailable: z.string(),
      total: z.string(),
      closeHeight: Height,
    })
    .nullable(),
  latencyMs: z.number().nullable(),
  settleHeight: Height.nullable(),
})
export type ReceiptView = z.infer<typeof ReceiptView>
export const ReceiptList = listOf(ReceiptView)
export const ReceiptsQuery = ListQuery.extend({ job: Hex.optional(), provider: Hex.optional() })

/** Newest first. */
export function receiptsView(
  reader: Reader,
  { job, provider, ...page }: z.infer<typeof ReceiptsQuery>,
): Page<ReceiptView> {
  const rows = reader
    .entries(RECEIPTS)
    .filter(
      ([, { receipt }]) =>
        (job === undefined || toHex(receipt.job) === job) &&
        (provider === undefined || toHex(receipt.provider) === provider),
    )
  return pageOf(
    rows,
    ([id, { height }]) => newestFirst(height, id),
    ([id, anchored]) => receiptView(reader, id, anchored),
    page,
  )
}

export function receiptView(reader: Reader, id: string, anchored: AnchoredReceipt): ReceiptView {
  const { receipt, height } = anchored
  const profile = receipt.tensorProfile
  const job = jobOf(reader, toHex(receipt.job))
  const record = attemptOf(reader, toHex(receipt.job), receipt.attempt)
  const name = programRecordOf(reader, toHex(receipt.program))?.name
  const micros = record?.latencyMicros ?? 0
  const settleHeight = record?.settleHeight ?? 0n
  return {
    id,
    job: toHex(receipt.job),
    attempt: receipt.attempt,
    provider: toHex(receipt.provider),
    buyer: job === undefined ? '' : toHex(job.offer.buyer),
    program: toHex(receipt.program),
    programName: name === undefined ? '' : textOf(name),
    lane: LANES[job?.offer.lane ?? 0] ?? LANES[0],
    verification: VERIFICATIONS[receipt.proofKind] ?? VERIFICATIONS[0],
    height: Number(height),
    state: record === undefined ? 'Anchored' : attemptStateName(record),
    reason: record === undefined ? '' : reasonText(record.reason),
    units: Number(receipt.units),
    payment: String(receipt.payment),
    paid: String(record?.paid ?? 0n),
    fabric: textOf(receipt.fabric),
    inputs: receipt.inputs.map(({ digest, length }) => ({
      digest: toHex(digest),
      bytes: Number(length),
    })),
    outputDigest: toHex(receipt.outputDigest),
    traceRoot: toHex(receipt.traceRoot),
    proofDigest: toHex(receipt.proofDigest),
    proofBytes: Number(receipt.proofBytes),
    proofAnnounced: isAnnounced(reader, id),
    kernelDigest: toHex(receipt.kernelDigest),
    descriptorDigest: toHex(receipt.descriptorDigest),
    benchmarkCommit: textOf(receipt.benchmarkCommit),
    tensorProfileEpoch: profile === null ? null : toHex(profile.epoch),
    tensorProfile:
      profile === null
        ? null
        : {
            allocations: profile.allocations,
            releases: profile.releases,
            allocFreeDelta: String(profile.allocFreeDelta),
          },
    gradientDigests: receipt.gradientDigests.map(toHex),
    verdicts: verdictsOf(reader, id),
    latencyMs: micros === 0 ? null : micros / 1_000,
    settleHeight: settleHeight === 0n ? null : Number(settleHeight),
  }
}

/** Power behind each statement; null once the validators of then are no longer kept. */
function verdictsOf(reader: Reader, id: string): ReceiptView['verdicts'] {
  const window = windowOf(reader, id)
  if (window === undefined || keptValidatorsAt(reader, window.openHeight) === undefined) return null
  const { valid, invalid, unavailable, total } = tallyOf(reader, window)
  return {
    valid: String(valid),
    invalid: String(invalid),
    unavailable: String(unavailable),
    total: String(total),
    closeHeight: Number(window.closeHeight),
  }
}

export const ReceiptProofView = z.object({
  id: Id,
  genesisHash: Id,
  height: Height,
  /** SSZ of the receipt's body; its id is the signing digest of kind `receipt` over it. */
  receipt: Hex,
  /** SSZ of the header; its hash_tree_root is the block's id. */
  header: Hex,
  path: z.object({
    index: Count,
    count: Count,
    siblings: z.array(Id).length(INCLUSION_DEPTH),
  }),
  /** SSZ of the commit over that block. */
  commit: Hex,
  /** The set of that height, in the order of the commit's bitmap. */
  validators: z.array(z.object({ id: Id, consensusKey: Id, power: z.string() })),
})

/** Undefined when the block does not hold the receipt. */
export function receiptProofView(
  { ledger }: Queries,
  id: string,
  { block, commit }: StoredBlock,
): z.infer<typeof ReceiptProofView> | undefined {
  const anchored = receiptOf(ledger.state, id)
  const ids = block.receipts.map((envelope) => envelopeId(ledger.genesisHash, envelope))
  const own = ids.find((each) => toHex(each) === id)
  if (anchored === undefined || own === undefined) return undefined
  const { index, count, siblings } = inclusionPath(ids, own)
  const members = keptValidatorsAt(ledger.state, block.header.height) ?? []
  return {
    id,
    genesisHash: toHex(ledger.genesisHash),
    height: Number(block.header.height),
    receipt: toHex(encode(ReceiptCodec, anchored.receipt)),
    header: toHex(encode(HeaderCodec, block.header)),
    path: { index, count, siblings: siblings.map(toHex) },
    commit: toHex(encode(CommitCodec, commit)),
    validators: members.map((member) => ({
      id: toHex(member.id),
      consensusKey: toHex(member.consensusKey),
      power: String(member.power),
    })),
  }
}

export const SlashView = z.object({
  height: Height,
  offender: Id,
  role: z.enum(['provider', 'validator']),
  amount: Amount,
  reason: z.string(),
  evidence: MaybeId,
  burned: Amount,
  compensated: Amount,
  subject: MaybeId,
})
export const SlashList = listOf(SlashView)

/** Newest first. */
export function slashesView(
  lines: readonly SlashLine[],
  page: ListQuery,
): Page<z.infer<typeof SlashView>> {
  return pageOf(
    lines,
    (line) => newestFirst(line.height, `${line.offender}/${line.subject}`),
    (line) => ({
      ...line,
      height: Number(line.height),
      amount: String(line.amount),
      burned: String(line.burned),
      compensated: String(line.compensated),
    }),
    page,
  )
}
