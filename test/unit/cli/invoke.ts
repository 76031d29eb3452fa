/** Runs the command line inside this process, with its streams caught. */

import type { ExitCode } from '../../../src/cli/failure.ts'
import { runCli } from '../../../src/cli/program.ts'

export interface Invocation {
  readonly exit: ExitCode
  readonly stdout: string
  readonly stderr: string
}

export async function invoke(
  argv: readonly string[],
  world: {
    readonly cwd?: string
    readonly env?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
  } = {},
): Promise<Invocation> {
  let stdout = ''
  let stderr = ''
  const exit = await runCli(argv, {
    cwd: world.cwd ?? '/nonexistent',
    env: world.env ?? {},
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
    terminal: false,
    signal: world.signal ?? new AbortController().signal,
  })
  return { exit, stdout, stderr }
}
