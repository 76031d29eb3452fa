/**
 * A node as a process of its own: settings from a file, one ready line on stdout, a clean end.
 *
 *   node-process CONFIG.json -> {"http", "p2p", "peerId", "account"} -> SIGTERM or SIGINT -> exit 0
 */

import { readFileSync } from 'node:fs'

import { describeRefusal, RefusalError } from '../base/refusal.ts'
import { type ConfigKey, readConfig } from '../node/config.ts'
import { type HostOptions, hostNode } from './host-node.ts'

const CONFIG_BYTES_MAX = 64 * 1024

/** Runs until told to stop. Refusals go to stderr with their code; the exit code says which end. */
export async function runNodeProcess(
  path: string,
  more: Pick<HostOptions, 'tamper'> = {},
): Promise<void> {
  try {
    const { config } = readConfig(process.env, settingsIn(path))
    const hosted = await hostNode({ config, ...more })
    const { http, peerId, account } = hosted.info
    const p2p = hosted.node.network.addresses
    process.stdout.write(`${JSON.stringify({ http, p2p, peerId, account: account ?? null })}\n`)
    await stopSignal()
    await hosted.stop()
    process.exit(0)
  } catch (error) {
    const reason = error instanceof RefusalError ? describeRefusal(error.refusal) : String(error)
    process.stderr.write(`${reason}\n`)
    process.exit(1)
  }
}

/** Settings as text, as flags would give them. */
function settingsIn(path: string): Partial<Record<ConfigKey, string>> {
  const text = readFileSync(path, 'utf8').slice(0, CONFIG_BYTES_MAX)
  return JSON.parse(text) as Partial<Record<ConfigKey, string>>
}

function stopSignal(): Promise<void> {
  return new Promise((done) => {
    process.once('SIGTERM', () => done())
    process.once('SIGINT', () => done())
  })
}
