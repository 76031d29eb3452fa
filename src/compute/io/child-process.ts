/**
 * A child process that is started when it is first needed and again after it has died.
 *
 * Invariants
 *   - `onExit` is called once for every process that ends without `close`, after its last message.
 *   - No environment but the `KNOBS` of fabrics and `ENVIRONMENT` reaches the child.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A child's own heap; tensors lie outside it. */
const HEAP_MEGABYTES_MAX = 512

export interface ChildOptions<FromChild> {
  /** Compiled file beside this one. */
  readonly entry: string
  /** One JSON argument. */
  readonly config: unknown
  /** Further variables of the child, `TB_BLOCKTORCH_*`. */
  readonly env?: Readonly<Record<string, string>>
  readonly onMessage: (message: FromChild) => void
  readonly onExit: (reason: string) => void
}

export interface Child<ToChild> {
  send(message: ToChild): void
  /** SIGKILL; `onExit` follows. Does nothing when no process runs. */
  kill(): void
  pid(): number | undefined
  close(): Promise<void>
}

export function openChild<ToChild, FromChild>(options: ChildOptions<FromChild>): Child<ToChild> {
  let current: ChildProcess | undefined
  let isClosing = false

  function start(): ChildProcess {
    const path = fileURLToPath(new URL(options.entry, import.meta.url))
    const child = fork(path, [JSON.stringify(options.config)], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES_MAX}`],
      env: { ...childEnvironment(process.env), ...options.env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    let hasEnded = false
    function end(reason: string): void {
      if (hasEnded) return
      hasEnded = true
      if (current === child) current = undefined
      if (!isClosing) options.onExit(reason)
    }
    child.on('message', (message) => options.onMessage(message as FromChild))
    // A process that could not be started never closes.
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => end(signal ?? `exit ${code ?? 'unknown'}`))
    return child
  }

  function running(): ChildProcess {
    current ??= start()
    return current
  }

  return {
    send: (message) => {
      // A message lost to a dying process is answered by its exit.
      running().send(message as object, () => undefined)
    },
    kill: () => current?.kill('SIGKILL'),
    pid: () => current?.pid,
    close: () =>
      new Promise((resolve) => {
        isClosing = true
        if (current === undefined) return resolve()
        current.once('close', () => resolve())
        current.kill('SIGKILL')
      }),
  }
}

const KNOBS: readonly string[] = ['TB_BLOCKTORCH_', 'TB_OPENCL_', 'TB_CUDA_']

/** What a program needs to start; the last three only where the native part is a sanitized build. */
const ENVIRONMENT: ReadonlySet<string> = new Set([
  'PATH',
  'TB_NATIVE_DIR',
  'LD_PRELOAD',
  'ASAN_OPTIONS',
])

function childEnvironment(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(all).filter(
    ([name]) => KNOBS.some((prefix) => name.startsWith(prefix)) || ENVIRONMENT.has(name),
  )
  return Object.fromEntries(kept)
}
