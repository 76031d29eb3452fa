/**
 * `npm run bench:kernels [-- --quick] [--only TEXT] [--isa ISA] [--budget] [--json]`
 *
 * Builds native/bench, runs it once for each instruction set, with the libraries held to the same
 * one, and writes bench/results/<commit>/benchmarks.json. `--budget` makes a row below its budget an
 * error; `--json` prints the whole result on one line instead of a table.
 *
 * Source: docs/reference/bench.md
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { ISAS, type Isa, isaEnvironment, isIsa } from '../../src/compute/isa.ts'
import { REPOSITORY_ROOT } from '../../src/runtime/io/native-addon.ts'
import { below, type Found, lineOf, type Row } from './report.ts'

/** The kernels of the libraries that use no wider registers than ours. */
const LIBRARY_ENVIRONMENT: Readonly<Record<Isa, Readonly<Record<string, string>>>> = {
  scalar: {},
  avx2: { OPENBLAS_CORETYPE: 'Haswell', DNNL_MAX_CPU_ISA: 'AVX2' },
  avx512: { OPENBLAS_CORETYPE: 'SkylakeX', DNNL_MAX_CPU_ISA: 'ALL' },
}

/** What the native program ends with on a processor that lacks the instruction set. */
const EXIT_LACKING = 77
const BUILD = join(REPOSITORY_ROOT, 'build/bench')

interface Options {
  readonly only: string | undefined
  readonly isQuick: boolean
  readonly isJson: boolean
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      isa: { type: 'string' },
      budget: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  if (values.isa !== undefined && !isIsa(values.isa)) {
    return complain(`--isa is one of ${ISAS.join(', ')}`, 2)
  }
  if (!build()) return complain('the bench does not build', 1)
  const options = { only: values.only, isQuick: values.quick, isJson: values.json }
  const isas = values.isa === undefined ? (['avx512', 'avx2'] as const) : [values.isa]
  const found: Found[] = []
  const rows: Row[] = []
  for (const isa of isas) {
    const code = await measure(isa, options, found, rows)
    if (code === EXIT_LACKING) say(`${isa}: this processor lacks it`)
    else if (code !== 0) return complain(`${isa}: the bench ended with ${code}`, 1)
  }
  nameAbsent(found)
  const result = { ...metadata(found), rows }
  const folder = join(REPOSITORY_ROOT, 'bench/results', result.commit)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'benchmarks.json'), `${JSON.stringify(result, undefined, 2)}\n`)
  if (options.isJson) process.stdout.write(`${JSON.stringify(result)}\n`)
  return values.budget ? verdict(rows) : 0
}

/** The exit code: nothing measured is nothing met. */
function verdict(rows: readonly Row[]): number {
  const slow = below(rows)
  for (const row of slow) say(`below its budget: ${lineOf(row)}`)
  return slow.length > 0 || rows.length === 0 ? 1 : 0
}

function build(): boolean {
  const steps = [
    ['-S', join(REPOSITORY_ROOT, 'native'), '-B', BUILD, '-DTB_BENCH=ON'],
    ['--build', BUILD, '--target', 'kernels-bench', '--parallel', '2'],
  ]
  return steps.every((args) => spawnSync('cmake', args, { stdio: ['ignore', 2, 2] }).status === 0)
}

/** Runs the native program once; returns its exit code. */
function measure(isa: Isa, options: Options, found: Found[], rows: Row[]): Promise<number> {
  const args = [
    ...(options.isQuick ? ['--quick'] : []),
    ...(options.only === undefined ? [] : ['--only', options.only]),
  ]
  const one = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }
  const child = spawn(join(BUILD, 'kernels-bench'), args, {
    env: { ...process.env, ...one, ...LIBRARY_ENVIRONMENT[isa], ...isaEnvironment(isa) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const said = JSON.parse(line) as Found | Row
    if (!('op' in said)) {
      found.push(said)
      return
    }
    rows.push(said)
    if (!options.isJson) process.stdout.write(`${lineOf(said)}\n`)
  })
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)))
}

function nameAbsent(found: readonly Found[]): void {
  if (found.some(({ openblas }) => openblas === '')) {
    say('OpenBLAS is not installed, its rows have no ratio: apt-get install libopenblas-dev')
  }
  if (found.some(({ onednn }) => onednn === '')) {
    say('oneDNN is not installed, its rows have no ratio: apt-get install libdnnl-dev')
  }
}

function metadata(found: readonly Found[]) {
  const git = (...args: readonly string[]) =>
    execFileSync('git', args, { cwd: REPOSITORY_ROOT, encoding: 'utf8' }).trim()
  return {
    commit: git('rev-parse', 'HEAD'),
    isClean: git('status', '--porcelain') === '',
    system: `${platform()} ${release()} ${process.arch}`,
    processor: `${cpus()[0]?.model ?? 'unknown'} x ${cpus().length}`,
    backend: 'cpu',
    kernelDigest: found[0]?.kernelDigest ?? '',
    /** Compilers and drivers stand for themselves; a CPU has none. */
    driver: '',
    profile: process.env['TB_BLOCKTORCH_PROFILE'] ?? process.env['ORCHARD_TENSOR_PROFILE'] ?? '',
    libraries: found.map(({ isa, vnni, openblas, onednn }) => ({ isa, vnni, openblas, onednn })),
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function complain(line: string, code: number): number {
  say(line)
  return code
}

process.exitCode = await main()
