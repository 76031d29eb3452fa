/** Does verifying a matmul cost a small part of running it? Both with one thread, side by side. */

import { blake3 } from '../src/base/hash.ts'
import { type NamedProgram, ProgramBuilder } from '../src/program/builder.ts'
import { encodeOpTable, opOutputBytes } from '../src/program/op-table.ts'
import { s8Tensor } from '../src/program/tensor.ts'
import { S8 } from '../src/program/types.ts'
import { CPU_FABRIC_PATH, loadAddon, type NativeRun } from '../src/runtime/io/native-addon.ts'
import { SeededRng } from '../src/runtime/seeded-rng.ts'
import { type BenchLine, median } from './line.ts'

const SIZES: readonly number[] = [256, 1024]
const RUNS = 9

export async function run(): Promise<BenchLine[]> {
  const addon = loadAddon()
  const device = addon.openFabric(CPU_FABRIC_PATH, '{"threads":1}')
  if ('refused' in device) throw new Error(`the CPU fabric refuses: ${device.refused}`)
  const lines: BenchLine[] = []
  for (const size of SIZES) lines.push(...(await compare(addon, size)))
  return lines
}

async function compare(addon: ReturnType<typeof loadAddon>, size: number): Promise<BenchLine[]> {
  const { program, weights } = square(size)
  const table = encodeOpTable(program)
  const input = elements(size * size, 2)
  const runs: number[] = []
  const folds: number[] = []
  for (let count = 0; count <= RUNS; count++) {
    const start = performance.now()
    const run = await new Promise<NativeRun>((done) => {
      addon.fabricRun(
        table,
        BigInt(size * 100 + count),
        [input, ...weights],
        opOutputBytes(program),
        done,
      )
    })
    const ran = performance.now()
    if (run.kind !== 'done') throw new Error('the run failed')
    const values = [input, ...weights, ...run.outputs]
    const verifying = performance.now()
    addon.foldVerify(table, values, blake3(input), blake3(table), 1)
    const verified = performance.now()
    // The first of each warms the caches and is not counted.
    if (count > 0) {
      runs.push(ran - start)
      folds.push(verified - verifying)
    }
  }
  const [job, fold] = [median(runs), median(folds)]
  const facts = { size, threads: 1, op: 'matmul_s8' }
  return [
    { name: `job/n=${size}`, unit: 'ms', value: job, facts },
    { name: `fold/n=${size}`, unit: 'ms', value: fold, facts },
    { name: `fold-to-job/n=${size}`, unit: 'ratio', value: fold / job, facts },
  ]
}

/** One product of two square s8 matrices. */
function square(size: number): NamedProgram {
  const builder = new ProgramBuilder()
  const x = builder.input('x', { dtype: S8, dims: [size, size] })
  const w = builder.weight(
    'w',
    s8Tensor([size, size], new Int8Array(elements(size * size, 1).buffer)),
  )
  builder.output('y', builder.op('matmul_s8', [x, w]))
  return builder.build()
}

function elements(count: number, seed: number): Uint8Array {
  return new SeededRng(seed).bytes(count)
}
