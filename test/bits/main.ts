/**
 * The differential fuzzer: random programs, the TypeScript evaluator against every backend there is.
 *
 * Usage: npm run fuzz:kernels -- [--seconds N] [--seed N] [--backend TEXT]... [--json]
 *   --seconds N     how long; 60 by default
 *   --seed N        where to begin; a round is one seed and is printed when it fails
 *   --backend TEXT  only backends whose name holds TEXT
 *
 * Exit code 1 and the seed when a bit differs.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { type Backend, backends, type PackRun, runPack } from './backends.ts'
import { packBytes, randomCases } from './pack.ts'

const CASES_PER_ROUND = 200
const RUN_MS_MAX = 300_000

interface Round {
  readonly seed: number
  readonly runs: readonly PackRun[]
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function playRound(seed: number, found: readonly Backend[], folder: string): Promise<Round> {
  const path = join(folder, `${seed}.pack`)
  writeFileSync(path, packBytes(randomCases(seed, CASES_PER_ROUND)))
  const runs: PackRun[] = []
  for (const backend of found) runs.push(await runPack(backend, path, RUN_MS_MAX))
  rmSync(path)
  return { seed, runs }
}

function report({ seed, runs }: Round): boolean {
  const bad = runs.filter((run) => !run.isGood)
  for (const run of bad) {
    say(`[fuzz] seed ${seed}, ${run.backend}:`)
    for (const line of run.complaints.slice(0, 10)) say(`         ${line}`)
  }
  return bad.length === 0
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      backend: { type: 'string', multiple: true, default: [''] },
      json: { type: 'boolean', default: false },
    },
  })
  const { found, absent } = backends()
  const chosen = found.filter(({ name }) => values.backend.some((text) => name.includes(text)))
  for (const { name, reason } of absent) say(`[fuzz] ${name}: not run, ${reason}`)
  if (chosen.length === 0) throw new Error('no backend of that name is available')
  say(`[fuzz] ${chosen.map(({ name }) => name).join(', ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'bt-fuzz-'))
  const until = Date.now() + 1000 * Number(values.seconds)
  let seed = Number(values.seed)
  let programs = 0
  try {
    do {
      const round = await playRound(seed, chosen, folder)
      programs += CASES_PER_ROUND
      say(`[fuzz] seed ${seed}: ${programs} programs on ${chosen.length} backends`)
      if (!report(round)) process.exitCode = 1
      seed += 1
    } while (Date.now() < until && process.exitCode !== 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const result = {
    ok: process.exitCode !== 1,
    programs,
    firstSeed: Number(values.seed),
    lastSeed: seed - 1,
    backends: chosen.map(({ name }) => name),
    absent,
  }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(result)}\n`
      : `${result.ok ? 'every bit equal' : 'BITS DIFFER'}: ${programs} programs, seeds ${result.firstSeed} to ${result.lastSeed}, ${chosen.length} backends\n`,
  )
}

await main()
