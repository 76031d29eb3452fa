/**
 * `npm run devnet`: a whole marketplace on one machine, and the loop running through it.
 *
 *   processes up -> story -> demonstration -> report -> stays up, or stops and exits with the result
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { toHex } from '../src/base/bytes.ts'
import { genesisHash } from '../src/ledger/types/genesis.ts'
import { installNativeHash } from '../src/runtime/io/native-hash.ts'
import { type Arguments, readArguments, USAGE } from './arguments.ts'
import { NodeClient } from './client.ts'
import { Demo, demonstrate } from './demo.ts'
import { members, VALIDATORS } from './layout.ts'
import { type Network, seedOf, startNetwork } from './network.ts'
import { classifyJob, floatJob, trainingJob } from './programs.ts'
import { makeReport, summary } from './report.ts'
import { Story } from './story.ts'

/** When the command began, set-up included: set-up leaves the instant behind. */
const startedMs = takeStart() ?? Date.now()
const sinceStart = (): number => (Date.now() - startedMs) / 1000

/** @returns the instant set-up left behind, once; undefined when this was started without it. */
function takeStart(): number | undefined {
  const path = resolve('build/command-started')
  if (!existsSync(path)) return undefined
  const startedAt = Number(readFileSync(path, 'utf8'))
  rmSync(path)
  return Number.isFinite(startedAt) ? startedAt : undefined
}

function say(line: string): void {
  process.stderr.write(`${sinceStart().toFixed(1).padStart(6)} s  ${line}\n`)
}

async function main(argv: readonly string[]): Promise<number> {
  const args = readArguments(argv)
  if ('fault' in args) {
    process.stderr.write(`${args.fault}\n\n${USAGE}`)
    return 2
  }
  installNativeHash()
  const root = folderFor(args)
  const seed = seedOf(root) ?? args.seed
  say(`devnet in ${root}`)
  let network: Network | undefined
  const interrupted = new Promise<'interrupted'>((done) => {
    process.once('SIGINT', () => done('interrupted'))
    process.once('SIGTERM', () => done('interrupted'))
  })
  try {
    const setup = sinceStart()
    network = await startNetwork(root, seed, say)
    const shown = await Promise.race([show(network, seed, setup, args), interrupted])
    if (shown === 'interrupted') return 130
    if (args.exit) return shown
    say(`stays up: ${network.nodes[0]?.ready.http ?? ''} (Ctrl-C stops it)`)
    await interrupted
    return shown
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await network?.stop()
    if (args.keep === undefined && args.exit) rmSync(root, { recursive: true, force: true })
  }
}

function folderFor({ keep, exit }: Arguments): string {
  if (keep !== undefined) return keep
  if (exit) return mkdtempSync(join(tmpdir(), 'blocktorch-devnet-'))
  const usual = resolve('runs/devnet')
  if (existsSync(usual)) rmSync(usual, { recursive: true, force: true })
  return usual
}

async function show(
  network: Network,
  seed: string,
  setup: number,
  args: Arguments,
): Promise<number> {
  const [first] = network.nodes
  if (first === undefined) throw new Error('a devnet has nodes')
  const client = new NodeClient(first.ready.http)
  const names = new Map(
    members(seed).map(({ name, account }) => [toHex(account.publicKey), name] as const),
  )
  const { chain } = await client.get<{ chain: { height: number } }>('/blocktorch/status')
  const story = new Story(client, names, chain.height, say)
  const following = story
    .follow()
    .catch((error: unknown) => say(`lost the story: ${String(error)}`))
  const firstSettled = { seconds: 0 }
  const watch = setInterval(() => {
    if (firstSettled.seconds === 0 && story.of('job-settled').length > 0) {
      firstSettled.seconds = sinceStart()
    }
  }, 20)
  try {
    const demo = new Demo(client, story, genesisHash(network.genesis), seed)
    const jobs = { classify: classifyJob(), forward: floatJob(), train: trainingJob() }
    const outcome = await demonstrate(demo, jobs)
    const report = await makeReport({
      network,
      names,
      story,
      outcome,
      validators: VALIDATORS,
      seconds: { setup, toFirstSettled: firstSettled.seconds, total: sinceStart() },
    })
    for (const line of summary(report)) say(line)
    if (args.json) process.stdout.write(`${JSON.stringify(report)}\n`)
    return report.ok ? 0 : 1
  } finally {
    clearInterval(watch)
    story.stop()
    await following
  }
}

process.exitCode = await main(process.argv.slice(2))
process.exit()
