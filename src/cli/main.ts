/** The entry of `tb-cli`: binds the command line to this process and its streams. */

import { runCli } from './program.ts'

const stopping = new AbortController()
process.once('SIGINT', () => {
  stopping.abort()
  // A second Ctrl-C ends a command that does not listen.
  process.once('SIGINT', () => process.exit(130))
})
process.once('SIGTERM', () => stopping.abort())

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await runCli(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  terminal: process.stderr.isTTY === true,
  signal: stopping.signal,
})
