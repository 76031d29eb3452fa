/**
 * The report: what the demonstration came to, read back from every node and compared.
 *
 * The same amounts are looked for in block events, over HTTP, in the command line's output and in
 * `/metrics`; `ok` says that all of it is as it must be.
 */

import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { NodeClient, until } from './client.ts'
import type { Bought } from './demo.ts'
import { finalityMs, quantile } from './finality.ts'
import type { Network } from './network.ts'
import { accuracyOf } from './programs.ts'
import type { Story } from './story.ts'

export interface ReportInput {
  readonly network: Network
  readonly names: ReadonlyMap<string, string>
  readonly story: Story
  readonly outcome: { readonly bought: readonly Bought[]; readonly paramHeight: number }
  readonly validators: number
  readonly seconds: {
    readonly setup: number
    readonly toFirstSettled: number
    readonly total: number
  }
}

export interface JobLine {
  readonly id: string
  readonly program: string
  readonly verification: string
  readonly state: string
  readonly provider: string | null
  readonly outputDigest: string | null
  readonly verifyMicrosMedian: number | null
  readonly payment: string
  readonly reason: string
  readonly attempts: number
  readonly paramsVersion: number
}

export interface SlashReportLine {
  readonly provider: string
  readonly amount: string
  readonly reason: string
  readonly evidence: string
}

export interface Report {
  readonly ok: boolean
  readonly seconds: {
    readonly setup: number
    readonly toFirstSettled: number
    readonly total: number
  }
  readonly validators: number
  readonly providers: number
  readonly height: number
  readonly finalityMs: { readonly p50: number; readonly p95: number }
  readonly jobs: readonly JobLine[]
  readonly slashed: readonly SlashReportLine[]
  readonly accuracy: number
  readonly stateRoots: { readonly equal: boolean; readonly height: number }
  readonly conservation: boolean
  readonly metricsAgree: boolean
  readonly proposal: {
    readonly key: string
    readonly value: string
    readonly height: number
    readonly equal: boolean
  }
  readonly faults: readonly string[]
}

interface JobBody {
  readonly id: string
  readonly program: string
  readonly programName: string
  readonly verification: string
  readonly state: string
  readonly reason: string
  readonly provider: string | null
  readonly outputDigest: string | null
  readonly payment: string
  readonly attempts: readonly {
    readonly attempt: number
    readonly state: string
    readonly paramsVersion: number
    readonly verifyMicrosMedian?: number | null
  }[]
}

interface SlashBody {
  readonly height: number
  readonly offender: string
  readonly amount: string
  readonly reason: string
  readonly evidence: string
}

const ACCURACY_MIN = 0.95
const BUDGET_KEY = 'proof_verification_budget_ms'
const CLI = join(dirname(fileURLToPath(import.meta.url)), '../src/cli/main.js')
const run = promisify(execFile)

export async function makeReport(input: ReportInput): Promise<Report> {
  const { network, names, story, outcome } = input
  const clients = network.nodes.map(({ ready }) => new NodeClient(ready.http))
  const [client] = clients
  if (client === undefined) throw new Error('a devnet has nodes')
  const stateRoots = await equalRoots(clients)
  const bodies = await Promise.all(
    outcome.bought.map(({ id }) => client.get<JobBody>(`/blocktorch/jobs/${id}`)),
  )
  const jobs = bodies.map((body) => jobLine(body, names))
  const slashes = await client.get<{ items: SlashBody[] }>('/blocktorch/slashes')
  // On a devnet that goes on, the counters and this story begin with this run.
  const fresh = slashes.items.filter(({ height }) => height > story.fromHeight)
  const slashed = slashes.items.map((slash) => ({
    provider: names.get(slash.offender) ?? slash.offender,
    amount: slash.amount,
    reason: slash.reason,
    evidence: slash.evidence,
  }))
  const accuracy = await accuracyIn(client, outcome.bought, bodies)
  const supply = await client.get<{ conserved: boolean }>('/blocktorch/supply')
  const money = await moneyFaults(story, clients, bodies, fresh)
  const proposal = await parameterOn(clients, outcome.paramHeight)
  const validators = network.nodes
    .map(({ name }) => name)
    .filter((name) => name.startsWith('validator'))
  const times = finalityMs(network.root, validators)
  const faults = [
    ...money,
    ...jobs.filter(({ state }) => state !== 'Settled').map(({ id }) => `job ${id} is not settled`),
    ...(slashed.length === 1 && slashed[0]?.provider === 'cheat'
      ? []
      : ['not just the cheat was slashed']),
    ...(accuracy >= ACCURACY_MIN ? [] : [`accuracy is ${accuracy}`]),
    ...(stateRoots.equal ? [] : ['state roots differ']),
    ...(supply.conserved ? [] : ['the supply is not conserved']),
    ...(proposal.equal ? [] : ['nodes disagree about the parameter']),
    ...judgedBySet(bodies),
  ]
  return {
    ok: faults.length === 0,
    seconds: input.seconds,
    validators: input.validators,
    providers: network.nodes.length - input.validators,
    height: stateRoots.height,
    finalityMs: { p50: quantile(times, 0.5), p95: quantile(times, 0.95) },
    jobs,
    slashed,
    accuracy,
    stateRoots,
    conservation: supply.conserved,
    metricsAgree: money.length === 0,
    proposal,
    faults,
  }
}

function jobLine(body: JobBody, names: ReadonlyMap<string, string>): JobLine {
  const last = body.attempts[body.attempts.length - 1]
  return {
    id: body.id,
    program: body.programName,
    verification: body.verification,
    state: body.state,
    provider: body.provider === null ? null : (names.get(body.provider) ?? body.provider),
    outputDigest: body.outputDigest,
    verifyMicrosMedian: last?.verifyMicrosMedian ?? null,
    payment: body.payment,
    reason: body.reason,
    attempts: body.attempts.length,
    paramsVersion: last?.paramsVersion ?? 0,
  }
}

/** The last job was matched after the change and is judged by the new set, the first by the old. */
function judgedBySet(bodies: readonly JobBody[]): string[] {
  const versions = bodies.map(({ attempts }) => attempts[attempts.length - 1]?.paramsVersion)
  const [first, last] = [versions[0], versions[versions.length - 1]]
  const isNext = first !== undefined && last === first + 1
  return isNext ? [] : [`parameter versions of first and last job: ${first}, ${last}`]
}

/** Every node's state root after one height that all have reached. */
async function equalRoots(
  clients: readonly NodeClient[],
): Promise<{ readonly equal: boolean; readonly height: number }> {
  const heights = await Promise.all(
    clients.map(
      async (each) =>
        (await each.get<{ chain: { height: number } }>('/blocktorch/status')).chain.height,
    ),
  )
  const height = Math.max(...heights)
  const roots = await Promise.all(
    clients.map((each) =>
      until(`height ${height} on ${each.url}`, 20_000, async () => {
        const block = await each.get<{ stateRoot: string }>(`/blocktorch/blocks/${height}`)
        return block.stateRoot
      }),
    ),
  )
  return { equal: new Set(roots).size === 1, height }
}

/** The worst of all classifications, from the outputs the providers serve. */
async function accuracyIn(
  client: NodeClient,
  bought: readonly Bought[],
  bodies: readonly JobBody[],
): Promise<number> {
  const digests = bodies.flatMap(({ outputDigest }, index) =>
    outputDigest !== null && bought[index]?.job.name.includes('classify') ? [outputDigest] : [],
  )
  const all = await Promise.all(
    [...new Set(digests)].map(async (digest) => accuracyOf(await client.blob(digest))),
  )
  return all.length === 0 ? 0 : Math.min(...all)
}

/** Payments and slashes as blocks, HTTP, command line and metrics of every node tell them. */
async function moneyFaults(
  story: Story,
  clients: readonly NodeClient[],
  bodies: readonly JobBody[],
  slashed: readonly SlashBody[],
): Promise<string[]> {
  const faults: string[] = []
  const expect = (what: string, found: bigint, expected: bigint): void => {
    if (found !== expected) faults.push(`${what}: ${found}, not ${expected}`)
  }
  const paid = sum(story.of('job-settled').map(({ value }) => value))
  const taken = sum(story.of('provider-slashed').map(({ value }) => value))
  const burned = sum(
    story
      .of('burned')
      .filter(({ reason }) => reason === 'fraud_proof')
      .map(({ value }) => value),
  )
  expect('paid over HTTP', sum(bodies.map(({ payment }) => payment)), paid)
  expect('slashed over HTTP', sum(slashed.map(({ amount }) => amount)), taken)
  for (const client of clients) {
    const text = await client.text('/metrics')
    expect(
      `settlement_paid_nblock_total of ${client.url}`,
      metric(text, 'settlement_paid_nblock_total'),
      paid,
    )
    expect(
      `slashing_burn_nblock_total of ${client.url}`,
      metric(text, 'slashing_burn_nblock_total'),
      burned,
    )
  }
  const [first] = clients
  if (first === undefined) return faults
  const told = await Promise.all(
    bodies.map(({ id }) => cli<{ payment: string }>(first, 'job', 'show', id)),
  )
  expect('paid in the command line', sum(told.map(({ payment }) => payment)), paid)
  const listed = await cli<{ slashes: SlashBody[] }>(first, 'explorer', 'slashes')
  expect(
    'slashed in the command line',
    sum(
      listed.slashes.filter(({ height }) => height > story.fromHeight).map(({ amount }) => amount),
    ),
    taken,
  )
  return faults
}

async function cli<Body>({ url }: NodeClient, ...words: string[]): Promise<Body> {
  const { stdout } = await run(process.execPath, [CLI, ...words, '--json', '--node', url])
  return JSON.parse(stdout) as Body
}

function sum(values: readonly string[]): bigint {
  return values.reduce((total, value) => total + BigInt(value), 0n)
}

/** The sum over all series of a counter of whole numbers. */
function metric(text: string, name: string): bigint {
  return sum(
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .map((line) => line.slice(line.lastIndexOf(' ') + 1)),
  )
}

async function parameterOn(
  clients: readonly NodeClient[],
  height: number,
): Promise<Report['proposal']> {
  interface Params {
    readonly version: number
    readonly height: number
    readonly items: readonly { readonly key: string; readonly value: string }[]
  }
  const all = await Promise.all(clients.map((each) => each.get<Params>('/blocktorch/gov/params')))
  const told = all.map(({ height: from, items }) => {
    const value = items.find(({ key }) => key === BUDGET_KEY)?.value ?? ''
    return `${String(value)} from ${from}`
  })
  const value = String(all[0]?.items.find(({ key }) => key === BUDGET_KEY)?.value ?? '')
  const equal = new Set(told).size === 1 && all[0]?.height === height
  return { key: BUDGET_KEY, value, height, equal }
}

/** The report in a few lines for people. */
export function summary(report: Report): string[] {
  const { seconds, jobs, slashed, stateRoots } = report
  return [
    '',
    `${jobs.length} jobs, first settled after ${seconds.toFirstSettled.toFixed(1)} s, all after ${seconds.total.toFixed(1)} s`,
    ...jobs.map(
      (job) =>
        `  ${job.program} by ${job.provider}: ${job.state}, ${job.payment} nBLOCK, verified in ${job.verifyMicrosMedian} us (${job.verification}), attempts ${job.attempts}`,
    ),
    ...slashed.map(
      (slash) => `  slashed ${slash.provider}: ${slash.amount} nBLOCK, ${slash.reason}`,
    ),
    `accuracy ${report.accuracy.toFixed(4)} on 512 digits`,
    `height ${report.height}, finality p50 ${report.finalityMs.p50} ms, p95 ${report.finalityMs.p95} ms`,
    `state roots ${stateRoots.equal ? 'equal' : 'DIFFER'} at height ${stateRoots.height}; money ${report.conservation ? 'conserved' : 'NOT CONSERVED'}`,
    `${report.proposal.key} = ${report.proposal.value} from block ${report.proposal.height} on every node: ${report.proposal.equal}`,
    ...report.faults.map((fault) => `FAULT ${fault}`),
    report.ok ? 'all of it as it must be' : 'NOT as it must be',
  ]
}
