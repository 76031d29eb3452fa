/**
 * Every way there is to compute a program on this machine, and a run of a pack on each.
 *
 * A backend is a command: `pack-test` of some build, a fabric, an instruction set, a mode. What a
 * machine lacks is named with what to install; nothing is left out in silence.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CPU_FABRIC_PATH, NATIVE_DIR, REPOSITORY_ROOT } from '../../src/runtime/io/native-addon.ts'
import { buildSamplePlugin, SAMPLE_PLUGIN } from './sample-plugin.ts'

export interface Backend {
  readonly name: string
  readonly command: string
  /** Arguments before and after the path of the pack. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface Absent {
  readonly name: string
  readonly reason: string
}

export interface PackRun {
  readonly backend: string
  readonly passed: number
  /** Cases with an op that the backend does not have; 0 but for the sample plugin. */
  readonly unsupported: number
  /** Everything the run printed that is not its last line. */
  readonly complaints: readonly string[]
  readonly isGood: boolean
}

const PACK_TEST = join(NATIVE_DIR, 'pack-test')
const CROSS = join(REPOSITORY_ROOT, 'build/aarch64')
const OPENCL = join(NATIVE_DIR, 'libblocktorch_opencl.so')

function own(name: string, after: readonly string[], env: Record<string, string> = {}): Backend {
  return { name, command: PACK_TEST, before: [], after, env }
}

function onCpu(isa: string, ...after: readonly string[]): Backend {
  const mode = after.includes('--flush') ? ' flushing subnormals' : ''
  return own(`cpu ${isa}${mode}`, [CPU_FABRIC_PATH, ...after], { TB_BLOCKTORCH_ISA: isa })
}

function onOpenCl(tiling: string, options: string): Backend {
  const mode = options === '{}' ? '' : ' flushing subnormals'
  return own(`opencl ${tiling} tiling${mode}`, [OPENCL, '--options', options], {
    TB_OPENCL_TILING: tiling,
  })
}

/** Under an emulator: the same tests of another processor. */
function onAarch64(...after: readonly string[]): Backend {
  const mode = after.includes('--flush') ? ' flushing subnormals' : ''
  return {
    name: `aarch64 ${after[0] === 'reference' ? 'reference' : 'cpu'}${mode}`,
    command: 'qemu-aarch64',
    before: ['-L', '/usr/aarch64-linux-gnu', join(CROSS, 'pack-test')],
    after,
    env: {},
  }
}

function cpuFlags(): ReadonlySet<string> {
  const { stdout } = spawnSync('sh', ['-c', 'grep -m1 ^flags /proc/cpuinfo'], { encoding: 'utf8' })
  return new Set(stdout.split(/\s+/))
}

function present(path: string): boolean {
  return existsSync(path)
}

type Offer = readonly [backends: readonly Backend[], isThere: () => boolean, reason: string]

const OFFERS: readonly Offer[] = [
  [
    [
      own('reference', ['reference']),
      own('reference flushing subnormals', ['reference', '--flush']),
    ],
    () => present(PACK_TEST),
    'npm run setup builds it',
  ],
  [
    [onCpu('scalar'), onCpu('scalar', '--flush')],
    () => present(PACK_TEST),
    'npm run setup builds it',
  ],
  [
    [onCpu('avx2'), onCpu('avx2', '--flush')],
    () => cpuFlags().has('avx2') && cpuFlags().has('fma'),
    'this processor has no AVX2 with FMA',
  ],
  [
    [onCpu('avx512'), onCpu('avx512', '--flush')],
    () => cpuFlags().has('avx512bw'),
    'this processor has no AVX-512',
  ],
  [
    [onOpenCl('cpu', '{}'), onOpenCl('gpu', '{}'), onOpenCl('cpu', '{"flush":true}')],
    () => present(OPENCL) && hasOpenCl(),
    'no OpenCL device; apt-get install pocl-opencl-icd ocl-icd-libopencl1',
  ],
  [
    [
      onAarch64('reference'),
      onAarch64(join(CROSS, 'libblocktorch_cpu.so')),
      onAarch64(join(CROSS, 'libblocktorch_cpu.so'), '--flush'),
    ],
    () => present(join(CROSS, 'pack-test')),
    'npm run build:aarch64 builds it; apt-get install g++-aarch64-linux-gnu qemu-user',
  ],
  [
    [own('sample plugin', [SAMPLE_PLUGIN, '--partial'])],
    () => buildSamplePlugin() === undefined,
    'make -C examples/fabric-plugin fails',
  ],
]

function hasOpenCl(): boolean {
  return present('/etc/OpenCL/vendors')
}

export function backends(): { readonly found: Backend[]; readonly absent: Absent[] } {
  const found: Backend[] = []
  const absent: Absent[] = []
  for (const [offered, isThere, reason] of OFFERS) {
    if (isThere()) found.push(...offered)
    else absent.push(...offered.map(({ name }) => ({ name, reason })))
  }
  return { found, absent }
}

/** Runs all cases of the pack at `path`; settles when the process has ended. */
export function runPack(backend: Backend, path: string, timeoutMs: number): Promise<PackRun> {
  return new Promise((resolve) => {
    const child = spawn(backend.command, [...backend.before, path, ...backend.after], {
      env: { ...process.env, ...backend.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
    }
    child.on('error', (error) => {
      said += `${error.message}\n`
    })
    child.on('close', (code, signal) => resolve(packRun(backend, said, signal ?? code)))
  })
}

function packRun(backend: Backend, said: string, ending: number | string | null): PackRun {
  const lines = said.trim().split('\n')
  const counts = /^(\d+) passed, \d+ failed, (\d+) unsupported$/.exec(lines.at(-1) ?? '')
  const complaints = counts === null ? [...lines, `ended with ${ending}`] : lines.slice(0, -1)
  return {
    backend: backend.name,
    passed: Number(counts?.[1] ?? 0),
    unsupported: Number(counts?.[2] ?? 0),
    complaints,
    isGood: ending === 0 && counts !== null,
  }
}
