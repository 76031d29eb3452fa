/**
 * Builds the experimental kernels, holds them against the specification, and measures them.
 *
 *   native/, ORCHARD_BUILD_EXPERIMENTAL=ON  ->  build/experimental
 *   ctest with USE_FLASH_ATTN=2             ->  bits equal to the reference at every instruction set
 *   flash-bench                             ->  experimental/runs/<commit>/flash-attention.json
 *
 * Usage: npm run experimental
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform } from 'node:os'
import { join } from 'node:path'
import { ROOT, run, say } from './process.mjs'

async function must(program, args, name) {
  const { code, output, stdout } = await run(program, args, { name })
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')}:\n${output}`)
  return stdout
}

const BUILD = 'build/experimental'
await must('cmake', ['-S', 'native', '-B', BUILD, '-DORCHARD_BUILD_EXPERIMENTAL=ON'])
await must('cmake', ['--build', BUILD, '--parallel', '2'], 'experimental kernels')
await must('ctest', ['--test-dir', BUILD, '--output-on-failure', '-R', 'flash-attention'])
say('== flash attention: the bits of its specification at every instruction set')

const rows = JSON.parse(await must(join(ROOT, BUILD, 'flash-bench'), [], 'flash-bench'))
const commit = (await must('git', ['rev-parse', 'HEAD'])).trim()
const folder = join(ROOT, 'experimental/runs', commit)
mkdirSync(folder, { recursive: true })
const path = join(folder, 'flash-attention.json')
const metadata = {
  commit,
  system: `${platform()} ${arch()}`,
  processor: cpus()[0]?.model ?? 'unknown',
  orchard_env: { ORCHARD_BUILD_EXPERIMENTAL: 'ON', USE_FLASH_ATTN: '2' },
  backend: 'cpu',
  units: { flash_attention_latency: 'seconds of CPU', flash_attention_throughput: 'operations/s' },
}
writeFileSync(path, `${JSON.stringify({ metadata, rows }, null, 2)}\n`)
for (const row of rows) {
  const shape = `${row.groups}x${row.queries}x${row.keys}x${row.depth}${row.causal ? ' causal' : ''}`
  const rate = (row.flash_attention_throughput / 1e9).toFixed(1)
  say(`== ${shape.padEnd(24)} ${rate.padStart(6)} Gop/s, ${row.ratio.toFixed(2)} x the default`)
}
process.stdout.write(`${path}\n`)
