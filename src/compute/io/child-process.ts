/**
 * A child process that is started when it is first needed and again after it has died.
 *
 *   absent --send--> running --exit, or killed with a reason--> absent
 *
 * Invariants
 *   - `onExit` is called once for every process that ends without `close`, after its last message.
 *   - What a child says is a message or the end of it; nothing that it writes can end the node.
 *   - No environment but the `KNOBS` of fabrics and `ENVIRONMENT` reaches the child.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

import { CHANNEL_DESCRIPTOR, FrameReader, frameOf } from './child-channel.ts'

/** A child's own heap; tensors lie outside it. */
const HEAP_MEGABYTES_MAX = 512
/** Of one message of a child, unless more is asked for. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
/** How long a process may take to end after it has closed its line. */
const CLOSED_MS_MAX = 500
/** Variables that reach a child, besides the knobs. */
const ENVIRONMENT: ReadonlySet<string> = new Set([
  'PATH',
  // Where the native part is a sanitized build.
  'TB_NATIVE_DIR',
  'LD_PRELOAD',
  'ASAN_OPTIONS',
])
const KNOBS: readonly string[] = ['TB_BLOCKTORCH_', 'TB_OPENCL_', 'TB_CUDA_']

export interface ChildOptions<FromChild> {
  /** Compiled file beside this one. */
  readonly entry: string
  /** One JSON argument. */
  readonly config: unknown
  /** Further variables of the child, `TB_BLOCKTORCH_*`. */
  readonly env?: Readonly<Record<string, string>>
  readonly messageBytesMax?: number
  readonly onMessage: (message: FromChild) => void
  readonly onExit: (death: Death) => void
  /** What it writes to its standard streams. Absent: to nowhere, and to those of the node. */
  readonly onOutput?: (chunk: Buffer) => void
}

/** How a process came to its end. */
export interface Death {
  /** Exit code, name of a signal, or why it was ended from here. */
  readonly reason: string
  readonly exitCode?: number
  readonly signal?: string
  /** It broke the line to the node, or wrote to it what is no message. */
  readonly isGarbled?: true
}

export interface Child<ToChild> {
  send(message: ToChild): void
  /** Ends the process that runs, if any: `onExit` is called with `reason` before this returns. */
  kill(reason: string): void
  pid(): number | undefined
  close(): Promise<void>
}

export function openChild<ToChild, FromChild>(options: ChildOptions<FromChild>): Child<ToChild> {
  let current: Running | undefined
  let isClosing = false
  const ending = new Set<ChildProcess>()

  function end(running: Running, death: Death): void {
    if (current !== running) return
    current = undefined
    if (!isClosing) options.onExit(death)
  }

  function start(): Running {
    const child = spawnChild(options)
    const line = child.stdio[CHANNEL_DESCRIPTOR] as Socket
    const running: Running = { child, line }
    ending.add(child)
    listen(running, options, {
      hear: (message) => {
        // What a process says after it was given up is said to nobody.
        if (current === running) options.onMessage(message as FromChild)
      },
      end: (reason) => kill(running, { reason, isGarbled: true }),
    })
    // A process that could not be started never closes.
    child.on('error', (error) => {
      ending.delete(child)
      end(running, { reason: error.message })
    })
    child.on('close', (code, signal) => {
      ending.delete(child)
      end(running, deathOf(code, signal))
    })
    return running
  }

  function kill(running: Running, death: Death): void {
    running.child.kill('SIGKILL')
    end(running, death)
  }

  return {
    send: (message) => {
      current ??= start()
      // A message lost to a dying process is answered by its exit.
      current.line.write(frameOf(message))
    },
    kill: (reason) => {
      if (current !== undefined) kill(current, { reason })
    },
    pid: () => current?.child.pid,
    close: async () => {
      isClosing = true
      const closed = [...ending].map(
        (child) => new Promise<void>((resolve) => child.once('close', () => resolve())),
      )
      for (const child of ending) child.kill('SIGKILL')
      await Promise.all(closed)
    },
  }
}

interface Running {
  readonly child: ChildProcess
  readonly line: Socket
}

function spawnChild<FromChild>({ entry, config, env, onOutput }: ChildOptions<FromChild>) {
  const path = fileURLToPath(new URL(entry, import.meta.url))
  const heap = `--max-old-space-size=${HEAP_MEGABYTES_MAX}`
  const streams = onOutput === undefined ? (['ignore', 'inherit'] as const) : ['pipe', 'pipe']
  return spawn(process.execPath, [heap, path, JSON.stringify(config)], {
    env: { ...childEnvironment(process.env), ...env },
    stdio: ['ignore', ...(streams as 'pipe'[]), 'pipe'],
  })
}

interface Ear {
  readonly hear: (message: unknown) => void
  readonly end: (reason: string) => void
}

function listen<FromChild>(
  { child, line }: Running,
  { onOutput, messageBytesMax }: ChildOptions<FromChild>,
  { hear, end }: Ear,
): void {
  const reader = new FrameReader(messageBytesMax ?? MESSAGE_BYTES_MAX)
  line.on('data', (chunk) => {
    const messages = reader.push(chunk)
    if (messages === undefined) end('it wrote to the line between it and the node')
    for (const message of messages ?? []) hear(message)
  })
  // Its exit tells more; one that goes on without a line is of no use to anybody.
  line.on('error', () => undefined)
  line.on('close', () => {
    const timer = setTimeout(() => end('it closed the line between it and the node'), CLOSED_MS_MAX)
    child.once('exit', () => clearTimeout(timer))
    if (child.exitCode !== null || child.signalCode !== null) clearTimeout(timer)
  })
  if (onOutput === undefined) return
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', onOutput)
}

function deathOf(code: number | null, signal: string | null): Death {
  if (signal !== null) return { reason: signal, signal }
  return code === null ? { reason: 'unknown' } : { reason: `exit ${code}`, exitCode: code }
}

function childEnvironment(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(all).filter(
    ([name]) => ENVIRONMENT.has(name) || KNOBS.some((prefix) => name.startsWith(prefix)),
  )
  return Object.fromEntries(kept)
}
