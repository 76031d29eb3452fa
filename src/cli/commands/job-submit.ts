/**
 * `tb-cli job submit FILE|FOLDER [--watch]`: estimates, uploads the inputs, signs the offer, and
 * follows it. A program folder takes its inputs by name: `--input NAME=FILE`.
 */

import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'

import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { blake3 } from '../../base/hash.ts'
import { LANES, VERIFICATIONS } from '../../ledger/types/market.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { parseAmount, showAmount } from '../amounts.ts'
import type { Ask, Blob, Items, Job, ProgramDetail, Status } from '../answers.ts'
import { LIMIT_MAX, wholeOption } from '../arguments.ts'
import type { Client } from '../client.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { type Estimate, estimate, lowestPrice } from '../estimate.ts'
import { CliFailure, EXIT, fail } from '../failure.ts'
import { type JobFile, readInput, readJobFile } from '../job-file.ts'
import { jobOfFolder } from '../job-of-folder.ts'
import {
  latencyText,
  requireSettled,
  saveOutputs,
  WITHIN_S_DEFAULT,
  WITHIN_S_MAX,
  watchJob,
} from '../job-watch.ts'
import { signingKey } from '../keys.ts'
import { isFolder } from '../program-folder.ts'
import { findProgram } from '../programs.ts'
import { submitSigned } from '../submit.ts'
import { type Signed, signOffer } from '../wallet.ts'

/** Beyond the lowest price, so that a price that rises a little does not strand the job. */
const CEILING_FACTOR = 2n

export const run: Command = async (context, input) => {
  const path = resolve(context.cwd, input.args[0] ?? '')
  const file = isFolder(path) ? jobOfFolder(context, input, path) : readJobFile(path)
  const pair = signingKey(context, input)
  const client = await context.client()
  const tell = (line: string): void => context.stderr(`${line}\n`)
  const program = await findProgram(client, file.program)
  const inputs = readInputs(file, program)
  const screened = await screen(client, file, program)
  const ceiling = ceilingOf(file, screened)
  for (const line of estimateLines(screened, ceiling)) tell(line)
  const refs = await upload(client, inputs)
  const { chain } = await client.get<Status>('/blocktorch/status')
  const signed = signOffer(fromHex(chain.genesisHash, 32), pair, {
    salt: randomBytes(8).readBigUInt64LE(),
    tip: amountIn(file.tip),
    program: fromHex(program.id, 32),
    inputs: refs,
    lane: LANES.indexOf(file.lane),
    verification: VERIFICATIONS.indexOf(file.verification),
    priceCeiling: ceiling,
    deadlineBlocks: file.deadlineBlocks,
    capabilities: file.capabilities.map(utf8),
    expiryHeight: BigInt(chain.height + file.expiryBlocks),
  })
  await submitSigned(client, signed)
  await conclude(context, input, client, { file, program, screened, ceiling, signed, tell })
}

interface Submission {
  readonly file: JobFile
  readonly program: ProgramDetail
  readonly screened: Estimate
  readonly ceiling: bigint
  readonly signed: Signed
  readonly tell: (line: string) => void
}

async function conclude(
  context: Context,
  input: Input,
  client: Client,
  { file, program, screened, ceiling, signed, tell }: Submission,
): Promise<void> {
  const { id } = signed
  const basis = {
    ok: true,
    id,
    program: program.id,
    units: screened.units,
    estimate: lowestPrice(screened) ?? null,
    priceCeiling: ceiling,
    verification: file.verification,
    lane: file.lane,
  }
  if (input.options['watch'] !== true) {
    report(context, basis, () => `job ${id} submitted\nFollow it: tb-cli job show ${id} --watch`)
    return
  }
  tell(`job ${id}`)
  const job = await watchJob(context, client, id, withinMs(input), tell)
  requireSettled(job)
  const outputs = await saveOutputs(context, input, client, job)
  report(context, { ...basis, ...job, outputFiles: outputs }, () => endText(job, outputs))
}

function withinMs(input: Input): number {
  const bounds = { fallback: WITHIN_S_DEFAULT, least: 1, most: WITHIN_S_MAX }
  return 1000 * wholeOption(input, 'within', bounds)
}

function endText(job: Job, outputs: readonly string[]): string {
  const paid = `job ${job.id} ${job.state}: paid ${showAmount(job.payment)} to ${job.provider}`
  const latency = latencyText(job.attempts.at(-1))
  const checked = latency === '' ? [] : [`verified ${latency} (median of the validators)`]
  return [paid, ...checked, `output digest ${job.outputDigest}`, ...outputs].join('\n')
}

function amountIn(value: string | number): bigint {
  return parseAmount(String(value))
}

/** @throws CliFailure input_count, input_size: before anything is paid for. */
function readInputs(file: JobFile, program: ProgramDetail): readonly Uint8Array[] {
  const wanted = program.inputs.length
  if (file.inputs.length !== wanted) {
    fail(EXIT.usage, 'input_count', { inputs: file.inputs.length, wanted })
  }
  return file.inputs.map((path, index) => {
    const bytes = readInput(path)
    const size = program.inputs[index]?.bytes ?? 0
    if (bytes.length === size) return bytes
    return fail(EXIT.usage, 'input_size', { path, bytes: bytes.length, wanted: size })
  })
}

async function screen(client: Client, file: JobFile, program: ProgramDetail): Promise<Estimate> {
  const { items } = await client.get<Items<Ask>>(`/blocktorch/asks?state=open&limit=${LIMIT_MAX}`)
  const named = file.priceCeiling === undefined ? undefined : amountIn(file.priceCeiling)
  const screened = estimate(program, file, items, named)
  if (screened.against === undefined) return screened
  throw new CliFailure(EXIT.rejected, screened.against)
}

function ceilingOf({ priceCeiling }: JobFile, screened: Estimate): bigint {
  if (priceCeiling !== undefined) return amountIn(priceCeiling)
  const lowest = lowestPrice(screened)
  if (lowest !== undefined) return lowest * CEILING_FACTOR
  return fail(EXIT.rejected, 'no_ask_fits', { asks: screened.asks.length })
}

function estimateLines(screened: Estimate, ceiling: bigint): string[] {
  const lowest = lowestPrice(screened)
  const price = lowest === undefined ? 'nobody could run it now' : `from ${showAmount(lowest)}`
  const head = `estimate: ${screened.units} units, ${price}, at most ${showAmount(ceiling)}`
  const asks = screened.asks.map(({ provider, price: each, unfit }) => {
    const verdict = unfit === undefined ? 'could run it' : `could not: ${unfit}`
    return `  ${provider.slice(0, 8)} for ${showAmount(each)}: ${verdict}`
  })
  return [head, ...asks]
}

async function upload(client: Client, inputs: readonly Uint8Array[]) {
  if (inputs.length > 0) installNativeHash()
  const refs: { readonly digest: Uint8Array; readonly length: bigint }[] = []
  for (const bytes of inputs) {
    const digest = blake3(bytes)
    const stored = await client.postBytes<Blob>('/blocktorch/blobs', bytes)
    // A node that stored something else would make the job fail only after it was paid for.
    if (stored.digest !== toHex(digest)) {
      fail(EXIT.failed, 'answer_malformed', { url: client.url, digest: stored.digest })
    }
    refs.push({ digest, length: BigInt(bytes.length) })
  }
  return refs
}
