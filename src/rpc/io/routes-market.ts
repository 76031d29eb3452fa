/** Routes about the market: jobs, receipts, slashes, programs, asks; and what a client hands in. */

import { z } from 'zod'

import { fromHex } from '../../base/bytes.ts'
import { RefusalError, refuse } from '../../base/refusal.ts'
import { type JobRecord, jobOf } from '../../ledger/market-records.ts'
import { receiptOf } from '../../ledger/receipts.ts'
import type { Queries } from '../../node/queries.ts'
import { ComputeStatsView, computeStatsView } from '../../node/views/compute.ts'
import {
  type HistoryLine,
  historyLine,
  JobDetail,
  JobList,
  JobsQuery,
  jobsView,
  jobView,
  manifestDigestOf,
  milestonesOf,
  outputsIn,
} from '../../node/views/jobs.ts'
import { Amount, Hex, Id, ListQuery } from '../../node/views/json.ts'
import {
  AskList,
  AsksQuery,
  asksView,
  ProgramDetail,
  ProgramList,
  programDetail,
  programsView,
} from '../../node/views/market.ts'
import {
  ReceiptList,
  ReceiptProofView,
  ReceiptsQuery,
  ReceiptView,
  receiptProofView,
  receiptsView,
  receiptView,
  SlashList,
  slashesView,
} from '../../node/views/receipts.ts'
import { perHead } from './per-head.ts'
import { found, type Route, type RouteContext, route } from './route.ts'

const ById = z.object({ id: Id })
/** Longest envelope of any kind, twice for hex, with room to be told that it is too long. */
const ENVELOPE_HEX_MAX = 512 * 1024
const Submitted = z.object({ id: Id, accepted: z.literal(true) })
const Envelope = z.strictObject({ envelope: Hex.max(ENVELOPE_HEX_MAX) })
const Granted = z.object({ id: Id, value: Amount })
/** Heights read for the history of one job. */
const HISTORY_HEIGHTS_MAX = 512
const SUBMIT_MS = 15_000

const computeStats = perHead(computeStatsView)

export const MARKET_ROUTES: readonly Route[] = [
  route(
    '/blocktorch/jobs',
    'jobs, newest first',
    { query: JobsQuery, answer: JobList },
    ({ queries }, { query }) => jobsView(queries.ledger.state, query),
  ),
  route(
    '/blocktorch/jobs/:id',
    'a job, its attempts and its history',
    { params: ById, answer: JobDetail },
    ({ queries }, { params }) => jobDetail(queries, params.id),
  ),
  route(
    '/blocktorch/receipts',
    'receipts, newest first',
    { query: ReceiptsQuery, answer: ReceiptList },
    ({ queries }, { query }) => receiptsView(queries.ledger.state, query),
  ),
  route(
    '/blocktorch/receipts/:id',
    'a receipt and its verdicts',
    { params: ById, answer: ReceiptView },
    ({ queries }, { params }) => {
      const { state } = queries.ledger
      const anchored = found(receiptOf(state, params.id), 'id_unknown', params.id)
      return receiptView(state, params.id, anchored)
    },
  ),
  route(
    '/blocktorch/receipts/:id/proof',
    'the proof that a receipt was anchored',
    { params: ById, answer: ReceiptProofView },
    ({ queries }, { params }) => receiptProof(queries, params.id),
  ),
  route(
    '/blocktorch/slashes',
    'slashes, newest first',
    { query: ListQuery, answer: SlashList },
    ({ queries }, { query }) => slashesView(queries.history.slashes(), query),
  ),
  route(
    '/blocktorch/programs',
    'registered programs, newest first',
    { query: ListQuery, answer: ProgramList },
    ({ queries }, { query }) => programsView(queries.ledger.state, query),
  ),
  route(
    '/blocktorch/programs/:id',
    'a program with its representation',
    { params: ById, answer: ProgramDetail },
    ({ queries }, { params }) =>
      found(programDetail(queries.ledger.state, params.id), 'id_unknown', params.id),
  ),
  route(
    '/blocktorch/asks',
    'asks, newest first',
    { query: AsksQuery, answer: AskList },
    ({ queries }, { query }) => asksView(queries.ledger.state, queries.ledger.head.height, query),
  ),
  route(
    '/blocktorch/compute/stats',
    'the market at a glance',
    { answer: ComputeStatsView },
    ({ queries }) => computeStats(queries),
  ),
  route(
    '/blocktorch/submit',
    'hands in a signed object: SSZ of its envelope as hex',
    { body: Envelope, answer: Submitted },
    (context, { body }) => submit(context, fromHex(body.envelope)),
  ),
  route(
    '/blocktorch/faucet',
    'pays an account of a devnet, once',
    { body: z.strictObject({ account: Id }), answer: Granted },
    (context, { body }) => grant(context, body.account),
  ),
]

async function jobDetail(queries: Queries, id: string): Promise<z.infer<typeof JobDetail>> {
  const job = found(jobOf(queries.ledger.state, id), 'id_unknown', id)
  const view = jobView(queries.ledger.state, id, job)
  const outputs = await outputsOf(queries, id, job)
  const history = await historyOf(queries, id, job)
  const last = view.attempts.length - 1
  const attempts = view.attempts.map((attempt, at) =>
    at === last && outputs.length > 0 ? { ...attempt, outputs } : attempt,
  )
  return { ...view, attempts, history }
}

/** Named by the manifest of the receipt, when this node holds it. */
async function outputsOf(queries: Queries, id: string, job: JobRecord): Promise<string[]> {
  const digest = manifestDigestOf(queries.ledger.state, id, job)
  const manifest = digest === undefined ? undefined : await queries.blobs.get(digest)
  return manifest === undefined ? [] : outputsIn(queries.ledger.state, job, manifest)
}

async function historyOf({ history, ledger }: Queries, id: string, job: JobRecord) {
  const known = new Set([...milestonesOf(ledger.state, id, job), ...history.heightsOf(id)])
  const heights = [...known].sort((left, right) => (left < right ? -1 : 1))
  const lines: HistoryLine[] = []
  for (const height of heights.slice(-HISTORY_HEIGHTS_MAX)) {
    const events = (await history.readEvents(height))?.events ?? []
    const own = events.filter(({ subject }) => subject === id)
    lines.push(...own.map((event) => historyLine(height, event)))
  }
  return lines
}

async function receiptProof(queries: Queries, id: string) {
  const { height } = found(receiptOf(queries.ledger.state, id), 'id_unknown', id)
  const stored = await queries.history.readBlock(height)
  const proof = stored === undefined ? undefined : receiptProofView(queries, id, stored)
  return found(proof, 'block_unknown', id)
}

async function submit({ submit: hand }: RouteContext, bytes: Uint8Array) {
  const outcome = await completed<Parameters<Parameters<typeof hand>[1]>[0]>((done) =>
    hand(bytes, done),
  )
  if ('refusal' in outcome) throw new RefusalError(outcome.refusal)
  return { id: outcome.id, accepted: true as const }
}

async function grant({ faucet }: RouteContext, account: string) {
  if (faucet === undefined) return refuse('faucet_absent')
  const outcome = await completed<Parameters<Parameters<typeof faucet>[1]>[0]>((done) =>
    faucet(account, done),
  )
  if ('refusal' in outcome) throw new RefusalError(outcome.refusal)
  return { id: outcome.id, value: String(outcome.value) }
}

/** A completion as a promise that does not wait for ever: a stopping node drops completions. */
function completed<Outcome>(begin: (done: (outcome: Outcome) => void) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new RefusalError({ code: 'submit_silent', facts: { waitedMs: SUBMIT_MS } }))
    }, SUBMIT_MS)
    begin((outcome) => {
      clearTimeout(timer)
      resolve(outcome)
    })
  })
}
