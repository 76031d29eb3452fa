/**
 * `tb-cli provider start URL`: one command from nothing to a provider with an ask on the book.
 *
 *   kernels known to the chain -> entered, synced -> funded -> registered -> ask posted -> jobs
 */

import { toHex, utf8 } from '../../base/bytes.ts'
import { ownKernelDigest } from '../../compute/io/kernel-manifest.ts'
import { LANES } from '../../ledger/types/market.ts'
import { amountOption, showAmount } from '../amounts.ts'
import type { Ask, ComputeStats, Items, JobRow } from '../answers.ts'
import { LIMIT_MAX, THREADS_MAX, wholeOption } from '../arguments.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { enter, fund, type Newcomer, paramOf } from '../joining.ts'
import { keyOf, PROVIDER_KEYS } from '../node-folder.ts'
import { type StartNode, startOwnNode } from '../own-node.ts'
import { accountOf, transact } from '../submit.ts'
import { pause, until } from '../waiting.ts'

const POLL_MS = 400
const AWAITED_MS = 60_000
/** The one fabric of this release. */
const FABRIC = 'cpu'
const UNIT_PRICE_NBLOCK = 20_000n
const BLOCKS_BASE = 20
const UNITS_PER_BLOCK = 100_000
const UNITS_MAX = 1_000_000_000_000n
const OPEN_JOBS = 4
const ASK_BLOCKS = 1_000_000
const WHOLE_MAX = 0xffff_ffff

export const run: Command = (context, input) => provideWith(startOwnNode, context, input)

/** Exported so that tests can put another node in the place of the real one. */
export async function provideWith(
  startNode: StartNode,
  context: Context,
  input: Input,
): Promise<void> {
  const lane = laneOf(input)
  const threads = wholeOption(input, 'threads', { fallback: 0, least: 0, most: THREADS_MAX })
  const newcomer = await enter(context, input, startNode, {
    role: 'provider',
    keys: PROVIDER_KEYS,
    flags: { fabrics: 'auto', fabricThreads: String(threads) },
  })
  const { node, chain, dataDir, account } = newcomer
  try {
    await requireKernels(newcomer)
    const bond = await registered(newcomer, input)
    const ask = await posted(newcomer, input, lane)
    const answer = {
      ok: true,
      chain: chain.chainId,
      genesisHash: chain.genesisHash,
      account,
      dataDir,
      http: node.http,
      p2p: node.p2p,
      bond,
      ask: ask.id,
      unitPrice: ask.unitPrice,
    }
    report(context, answer, () => `ask ${ask.id}: ${ask.unitPrice} nBLOCK a unit, lane ${ask.lane}`)
    if (input.options['exitAfterAsk'] === true) return
    await tellJobs(newcomer)
  } finally {
    await node.stop()
  }
}

function laneOf({ options }: Input): number {
  const { lane = LANES[0] } = options
  const index = (LANES as readonly unknown[]).indexOf(lane)
  return index < 0 ? fail(EXIT.usage, 'ask_terms_unfit', { lane: String(lane) }) : index
}

/** Receipts of other kernels would be refused: better to know before money is locked. */
async function requireKernels({ own, tell }: Newcomer): Promise<void> {
  const digest = toHex(ownKernelDigest())
  const { kernelDigests } = await own.get<ComputeStats>('/blocktorch/compute/stats')
  if (!kernelDigests.includes(digest)) fail(EXIT.rejected, 'kernel_digest_unknown', { digest })
  tell(`fabric ${FABRIC}: kernels ${digest} are known to the chain`)
}

/** @returns the bond, nBLOCK */
async function registered(newcomer: Newcomer, input: Input): Promise<string> {
  const { context, own, account, keys, tell } = newcomer
  const known = await accountOf(own, account)
  if (known.provider !== null && known.provider.state !== 'retired') return known.provider.bond
  const least = await paramOf(own, 'provider_min_bond')
  const bond = amountOption(input, 'bond', least)
  if (bond < least) fail(EXIT.usage, 'bond_too_small', { bond, least })
  await fund(newcomer, bond)
  const { height } = await transact(context, own, keyOf(keys, 'account'), {
    name: 'register-provider',
    payload: { bond, fabric: utf8(FABRIC), kernelDigest: ownKernelDigest() },
  })
  tell(`registered as provider in block #${height}, bond ${showAmount(bond)}`)
  return String(bond)
}

async function posted(newcomer: Newcomer, input: Input, lane: number): Promise<Ask> {
  const { context, own, account, keys, tell } = newcomer
  const [there] = await openAsks(own, `&provider=${account}`)
  if (there !== undefined) return there
  const hint = priceHint(await openAsks(own, ''), LANES[lane] ?? LANES[0])
  const { chain } = await own.get<{ readonly chain: { readonly height: number } }>(
    '/blocktorch/status',
  )
  const unitPrice = amountOption(input, 'price', hint)
  tell(`price hint: ${hint} nBLOCK a unit; asking ${unitPrice}`)
  const bounds = { least: 1, most: WHOLE_MAX }
  const { id } = await transact(context, own, keyOf(keys, 'account'), {
    name: 'post-ask',
    payload: {
      lane,
      unitPrice,
      blocksBase: wholeOption(input, 'blocks', { ...bounds, fallback: BLOCKS_BASE }),
      unitsPerBlock: BigInt(
        wholeOption(input, 'unitsPerBlock', { ...bounds, fallback: UNITS_PER_BLOCK }),
      ),
      maxUnits: UNITS_MAX,
      maxOpenJobs: wholeOption(input, 'jobs', { ...bounds, fallback: OPEN_JOBS }),
      expiryHeight: BigInt(chain.height + ASK_BLOCKS),
      capabilities: [],
    },
  })
  const wait = { signal: context.signal, withinMs: AWAITED_MS, everyMs: POLL_MS }
  return await until({ ...wait, code: 'provider_awaited', facts: { ask: id } }, async () => {
    const asks = await openAsks(own, `&provider=${account}`)
    return asks.find((ask) => ask.id === id)
  })
}

async function openAsks(client: Newcomer['own'], more: string): Promise<readonly Ask[]> {
  const path = `/blocktorch/asks?state=open&limit=${LIMIT_MAX}${more}`
  return (await client.get<Items<Ask>>(path)).items
}

/** The middle of what others ask in the lane. */
export function priceHint(asks: readonly Pick<Ask, 'lane' | 'unitPrice'>[], lane: string): bigint {
  const prices = asks.filter((ask) => ask.lane === lane).map(({ unitPrice }) => BigInt(unitPrice))
  prices.sort((left, right) => (left < right ? -1 : 1))
  return prices[prices.length >> 1] ?? UNIT_PRICE_NBLOCK
}

/** One line for each change of a job that was matched to us, until Ctrl-C. */
async function tellJobs({ context, own, account, tell }: Newcomer): Promise<void> {
  tell('waiting for jobs; Ctrl-C stops the node, the same command starts it again')
  const told = new Map<string, string>()
  while (!context.signal.aborted) {
    const path = `/blocktorch/jobs?provider=${account}&limit=50`
    const { items } = await own.get<Items<JobRow>>(path)
    const seen = new Set(items.map(({ id }) => id))
    // Only what may still change is remembered, so that this never grows beyond one page.
    for (const id of told.keys()) if (!seen.has(id)) told.delete(id)
    for (const job of items) {
      const line = jobLine(job, account)
      if (told.get(job.id) === line) continue
      told.set(job.id, line)
      tell(line)
    }
    await pause(context.signal, POLL_MS)
  }
}

function jobLine({ id, programName, attempts }: JobRow, account: string): string {
  const own = attempts.filter(({ provider }) => provider === account).at(-1)
  const state = own?.state ?? 'Matched'
  const why = own === undefined || own.reason === '' ? '' : ` (${own.reason})`
  const paid = own !== undefined && own.payment !== '0' ? `, paid ${showAmount(own.payment)}` : ''
  return `job ${id.slice(0, 8)} ${programName}: ${state}${why}${paid}`
}
