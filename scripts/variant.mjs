/**
 * Builds the native part another way, and tests what that way is for.
 *
 *   aarch64    cross-built; its tests run under qemu-aarch64                    build/aarch64
 *   sanitize   AddressSanitizer and UndefinedBehaviorSanitizer: the native
 *              tests, the golden vectors, then every mocha area that loads
 *              the addon, with the sanitized addon                              build/sanitize
 *   fuzz       the libFuzzer targets, each for --seconds                        build/fuzz
 *
 * Usage: node scripts/variant.mjs aarch64|sanitize|fuzz [--seconds N] [--build-only]
 */

import { mkdirSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nodeHeaders } from './node-headers.mjs'
import { ROOT, run, say, seconds } from './process.mjs'

const TARGETS = ['blake3', 'op-table', 'fold', 'fabric']
/** Bytes of one input of a fuzz target. */
const INPUT_BYTES_MAX = 65_536

class VariantError extends Error {}

async function must(program, args, options) {
  const { code, output } = await run(program, args, options)
  if (code === 127) throw new VariantError(`${program} is not installed; ${APT}`)
  if (code !== 0) throw new VariantError(`${[program, ...args].join(' ')}:\n${output}`)
  return output
}

const APT = 'Debian: apt-get install g++-aarch64-linux-gnu qemu-user clang libclang-rt-14-dev'

async function build(folder, options, targets = []) {
  const started = performance.now()
  const source = join(ROOT, 'native')
  await must('cmake', ['-S', source, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', ...options])
  const chosen = targets.length === 0 ? [] : ['--target', ...targets]
  await must(
    'cmake',
    ['--build', folder, '--parallel', String(availableParallelism()), ...chosen],
    {
      name: folder,
    },
  )
  say(`== ${folder}: built, ${seconds(started)}`)
}

async function testFolder(folder, env = {}) {
  const started = performance.now()
  const output = await must('ctest', ['--test-dir', folder, '--output-on-failure'], { env })
  const [, total] = /tests failed out of (\d+)/.exec(output) ?? []
  if (!(Number(total) > 0)) throw new VariantError(`no test was found in ${folder}`)
  say(`== ${folder}: ${total} tests passed, ${seconds(started)}`)
}

async function aarch64({ 'build-only': buildOnly }) {
  await must('qemu-aarch64', ['--version'])
  await build('build/aarch64', ['-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake'])
  if (buildOnly) return
  await testFolder('build/aarch64')
}

async function sanitize() {
  const folder = join(ROOT, 'build/sanitize')
  await build('build/sanitize', [
    '-DTB_SANITIZE=ON',
    `-DNODE_INCLUDE=${nodeHeaders()}`,
    `-DNAPI_INCLUDE=${join(ROOT, 'node_modules/node-addon-api')}`,
  ])
  await testFolder('build/sanitize')
  // Node is not built with the sanitizer, so its runtime has to be there first; what Node itself
  // never frees is none of ours.
  const preload = (await must('g++', ['-print-file-name=libasan.so'])).trim()
  const env = { LD_PRELOAD: preload, ASAN_OPTIONS: 'detect_leaks=0', TB_NATIVE_DIR: folder }
  for (const area of ['conformance/fabric', 'unit/compute', 'unit/tensor']) {
    const started = performance.now()
    await must(process.execPath, ['scripts/test.mjs', '--only', area], { env, name: area })
    say(`== ${area} with the sanitized addon: clean, ${seconds(started)}`)
  }
}

async function fuzz({ seconds: limit = '30' }) {
  const options = ['-DTB_FUZZ=ON', '-DCMAKE_CXX_COMPILER=clang++']
  await build(
    'build/fuzz',
    options,
    TARGETS.map((target) => `${target}-fuzz`),
  )
  for (const target of TARGETS) {
    const corpus = join(ROOT, 'build/fuzz/corpus', target)
    mkdirSync(corpus, { recursive: true })
    await must(process.execPath, ['dist/scripts/fuzz-corpus.js', target, corpus])
    const output = await must(
      join(ROOT, 'build/fuzz', `${target}-fuzz`),
      [corpus, `-max_total_time=${limit}`, `-max_len=${INPUT_BYTES_MAX}`, '-timeout=20'],
      { name: target },
    )
    const [done] = /Done \d+ runs.*/.exec(output) ?? ['nothing was run']
    say(`== fuzz ${target}: ${done}, corpus ${readdirSync(corpus).length}`)
  }
}

const VARIANTS = { aarch64, sanitize, fuzz }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, 'build-only': { type: 'boolean', default: false } },
})
try {
  const variant = VARIANTS[positionals[0]]
  if (variant === undefined) throw new VariantError('one of: aarch64, sanitize, fuzz')
  await variant(values)
} catch (error) {
  if (!(error instanceof VariantError)) throw error
  say(error.message)
  process.exitCode = 1
}
