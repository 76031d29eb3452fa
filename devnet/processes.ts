/**
 * The devnet's processes: each node one of its own, started, watched and ended by its pid.
 *
 *   start -> ready line on its stdout (addresses) -> runs -> SIGTERM, then SIGKILL
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** What a node says of itself once it listens. */
export interface Ready {
  readonly http: string
  readonly p2p: readonly string[]
  readonly peerId: string
  readonly account: string | null
}

export interface NodeProcess {
  readonly name: string
  readonly ready: Ready
  readonly pid: number
  /** Settles when the process has ended, however. */
  readonly ended: Promise<string>
  stop(): Promise<void>
  /** SIGKILL, for demonstrations of crashes. */
  kill(): void
}

export interface Launch {
  readonly name: string
  /** Compiled file to run. */
  readonly entry: string
  readonly args: readonly string[]
  /** Where its log goes. */
  readonly folder: string
}

const READY_MS = 120_000
const STOP_MS = 8_000

export async function startProcess({ name, entry, args, folder }: Launch): Promise<NodeProcess> {
  const log = openSync(join(folder, 'node.log'), 'a', 0o600)
  const child = spawn(process.execPath, [entry, ...args], {
    // Its stdin ends when this process does, however: then the node stops as well.
    stdio: ['pipe', 'pipe', log],
  })
  closeSync(log)
  const ended = new Promise<string>((done) => {
    child.once('exit', (code, signal) => done(signal ?? `exit ${code}`))
  })
  const ready = await readyLine(name, child, ended, folder)
  return {
    name,
    ready,
    pid: child.pid as number,
    ended,
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

function readyLine(
  name: string,
  child: ChildProcess,
  ended: Promise<string>,
  folder: string,
): Promise<Ready> {
  return new Promise((done, fail) => {
    const where = `see ${join(folder, 'node.log')}`
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(new Error(`${name} did not come up within ${READY_MS / 1000} s; ${where}`))
    }, READY_MS)
    let text = ''
    child.stdout?.setEncoding('utf8')
    child.stdout?.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0) return
      clearTimeout(timer)
      done(JSON.parse(text.slice(0, end)) as Ready)
      text = ''
    })
    ended.then((how) => {
      clearTimeout(timer)
      fail(new Error(`${name} ended before it came up (${how}); ${where}`))
    }, fail)
  })
}
