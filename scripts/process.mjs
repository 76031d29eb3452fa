/** Running other programs: where the root is, spawning with a captured tail, printing progress. */

import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
/** A tool's entry in node_modules, run by Node itself, so that no shell and no PATH is needed. */
export const bin = (path) => join(ROOT, 'node_modules', path)

/** Captured output is cut to its last part, for the case that it has to be shown. */
const TAIL_BYTES_MAX = 256 * 1024
const HEARTBEAT_MS = 5000

/** Whatever ends us ends what we started. */
const running = new Set()
process.once('exit', () => {
  for (const child of running) child.kill()
})

/** One line of progress, on stderr, because stdout belongs to the result. */
export function say(line) {
  process.stderr.write(`${line}\n`)
}

export function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/**
 * Runs a program to its end.
 * @returns {Promise<{code: number, output: string, stdout: string}>} `code` is 127 when the program
 *   is missing and 128 when a signal ended it; `output` is both streams, `stdout` the first alone
 */
export function run(program, args, { env = {}, name, echo = false } = {}) {
  return new Promise((resolve) => {
    const started = performance.now()
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    let output = ''
    let stdout = ''
    const hear = (chunk) => {
      output = (output + chunk).slice(-TAIL_BYTES_MAX)
      if (echo) process.stderr.write(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      stdout = (stdout + chunk).slice(-TAIL_BYTES_MAX)
      hear(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', hear)
    const beat =
      name === undefined
        ? undefined
        : setInterval(() => say(`[setup] ${name}: still at it, ${seconds(started)}`), HEARTBEAT_MS)
    const finish = (code) => {
      running.delete(child)
      clearInterval(beat)
      resolve({ code, output, stdout })
    }
    child.on('error', (error) => {
      output += `${error.message}\n`
      finish(127)
    })
    child.on('close', (code) => finish(code ?? 128))
  })
}

/** First line a program prints about its version, or undefined when it is not there. */
export function version(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}
