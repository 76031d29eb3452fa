/**
 * The steps by which a newcomer enters a network, shared by validators and providers.
 *
 *   invite -> genesis checked -> clock checked -> folder, keys -> node started -> synced -> funded
 */

import { join, resolve } from 'node:path'

import { toHex } from '../base/bytes.ts'
import { showAmount } from './amounts.ts'
import type { ParamsAnswer, Status } from './answers.ts'
import { type Client, openClient } from './client.ts'
import { type Context, homeFolder, type Input } from './context.ts'
import { CliFailure, EXIT, fail } from './failure.ts'
import { type Chain, fetchChain, parseInvite } from './invite.ts'
import {
  ensureKeys,
  type KeyName,
  keyOf,
  type NodeKey,
  prepareFolder,
  requireNotElsewhere,
} from './node-folder.ts'
import { TIMEOUT_S_DEFAULT } from './options.ts'
import type { NodeFlags, OwnNode, StartNode } from './own-node.ts'
import { accountOf } from './submit.ts'
import { until } from './waiting.ts'

/** HTTP stamps whole seconds, and an answer takes its time. */
const CLOCK_TOLERANCE_MS = 3_000
const SYNC_MS = 600_000
const FUNDS_MS = 60_000
const POLL_MS = 250
/** Left for fees beside the bond: more than a hundred transactions. */
const FEE_RESERVE_NBLOCK = 1_000_000_000n

export interface Newcomer {
  readonly context: Context
  /** The node that the invite names. */
  readonly remote: Client
  /** Our own node. */
  readonly own: Client
  readonly node: OwnNode
  readonly chain: Chain
  readonly dataDir: string
  readonly keys: readonly NodeKey[]
  /** Hex. */
  readonly account: string
  readonly tell: (line: string) => void
}

export interface Entry {
  readonly role: 'validator' | 'provider'
  readonly keys: readonly KeyName[]
  readonly flags: NodeFlags
}

/** Everything until the own node has caught up. The caller stops the node. */
export async function enter(
  context: Context,
  input: Input,
  startNode: StartNode,
  { role, keys: names, flags }: Entry,
): Promise<Newcomer> {
  const invite = parseInvite(input.args[0] ?? '')
  const tell = (line: string): void => context.stderr(`${line}\n`)
  const remote = clientFor(context, invite.url)
  const chain = await fetchChain(remote, invite.genesisHash)
  tell(`chain ${chain.chainId}: genesis hash checked (${chain.genesisHash})`)
  await requireClock(remote)
  const dataDir = dataFolder(context, input, `${chain.chainId}/${role}`)
  const genesis = await prepareFolder(dataDir, chain)
  const keys = ensureKeys(dataDir, names)
  const account = toHex(keyOf(keys, 'account').publicKey)
  tellKeys(keys, account, tell)
  if (role === 'validator') await requireNotElsewhere(remote, dataDir, account)
  const node = await startNode(context.env, {
    dataDir,
    genesis,
    bootstrap: chain.bootstrap.join(','),
    ...(context.env['TB_LOG_LEVEL'] === undefined ? { logLevel: 'warn' } : {}),
    netProfile: chain.genesis.faucet === null ? 'testnet' : 'devnet',
    ...flags,
    ...portFlags(input),
  })
  tell(`node started: ${node.http}, ${node.p2p.join(' ')}`)
  const own = clientFor(context, node.http)
  const newcomer = { context, remote, own, node, chain, dataDir, keys, account, tell }
  try {
    await synced(newcomer)
  } catch (error) {
    await node.stop()
    throw error
  }
  return newcomer
}

function clientFor({ signal }: Context, url: string): Client {
  return openClient({ url, timeoutMs: 1000 * TIMEOUT_S_DEFAULT, signal })
}

export function dataFolder(context: Context, input: Input, fallback: string): string {
  const { data } = input.options
  return typeof data === 'string'
    ? resolve(context.cwd, data)
    : join(homeFolder(context, input), fallback)
}

function portFlags({ options }: Input): NodeFlags {
  const { listen, httpPort } = options
  return {
    ...(typeof listen === 'string' ? { listen } : {}),
    ...(typeof httpPort === 'string' ? { httpPort } : {}),
  }
}

function tellKeys(keys: readonly NodeKey[], account: string, tell: (line: string) => void): void {
  for (const { name, path, isNew } of keys) {
    tell(`key ${name}: ${isNew ? 'made' : 'found and reused'}, ${path}`)
  }
  tell(`account ${account}`)
  if (keys.some(({ isNew }) => isNew)) {
    tell('Back up: copy these files (mode 0600) to a place that only you can reach; nobody can')
    tell('restore a lost key. Never run the same keys in two places at once.')
  }
}

/** @throws CliFailure clock_skewed */
async function requireClock(remote: Client): Promise<void> {
  const before = Date.now()
  const stamp = await remote.clockMs()
  if (stamp === undefined) return
  const after = Date.now()
  // The stamp was cut to its second, so the true time lies up to a second behind it.
  const isBehind = after + CLOCK_TOLERANCE_MS < stamp
  const isAhead = before - CLOCK_TOLERANCE_MS > stamp + 1_000
  if (!isBehind && !isAhead) return
  const [hereMs, thereMs] = [after, stamp]
  fail(EXIT.rejected, 'clock_skewed', { hereMs, thereMs, toleranceMs: CLOCK_TOLERANCE_MS })
}

/** Our own node may still be opening its HTTP interface. */
async function statusOf(client: Client): Promise<Status | undefined> {
  try {
    return await client.get<Status>('/blocktorch/status')
  } catch (error) {
    if (error instanceof CliFailure && error.exit === EXIT.noNode) return undefined
    throw error
  }
}

/** @throws CliFailure sync_awaited */
async function synced({ context, remote, own, tell }: Newcomer): Promise<void> {
  const { chain } = await remote.get<Status>('/blocktorch/status')
  const target = chain.height
  let told = -1
  const wait = { signal: context.signal, withinMs: SYNC_MS, everyMs: POLL_MS }
  await until({ ...wait, code: 'sync_awaited', facts: { target } }, async () => {
    const status = await statusOf(own)
    if (status === undefined) return undefined
    const { height, syncing } = status.chain
    if (height !== told) tell(`synced ${height} of ${Math.max(target, height)}`)
    told = height
    return height >= target && !syncing ? status : undefined
  })
}

export async function paramOf(client: Client, wanted: string): Promise<bigint> {
  const { items } = await client.get<ParamsAnswer>('/blocktorch/gov/params')
  const found = items.find(({ key }) => key === wanted)
  return BigInt(found?.value ?? fail(EXIT.failed, 'answer_malformed', { param: wanted }))
}

/** Asks the faucet when the account cannot pay. @throws CliFailure funds_missing */
export async function fund(newcomer: Newcomer, bond: bigint): Promise<void> {
  const { context, remote, own, account, tell } = newcomer
  const needed = bond + FEE_RESERVE_NBLOCK
  const before = await accountOf(own, account)
  if (BigInt(before.balance) >= needed) return
  const refused = await askFaucet(remote, account)
  if (refused !== undefined) {
    const facts = { account, balance: before.balance, needed: String(needed), faucet: refused }
    fail(EXIT.rejected, 'funds_missing', facts)
  }
  const wait = { signal: context.signal, withinMs: FUNDS_MS, everyMs: POLL_MS }
  const facts = { account, balance: before.balance, needed: String(needed) }
  const { balance } = await until({ ...wait, code: 'funds_missing', facts }, async () => {
    const now = await accountOf(own, account)
    return BigInt(now.balance) >= needed ? now : undefined
  })
  tell(`funded by the faucet: ${showAmount(balance)}`)
}

/** @returns the reason it gave nothing, or undefined */
async function askFaucet(remote: Client, account: string): Promise<string | undefined> {
  try {
    await remote.post('/blocktorch/faucet', { account })
    return undefined
  } catch (error) {
    if (error instanceof CliFailure && error.exit === EXIT.rejected) return error.refusal.code
    throw error
  }
}
