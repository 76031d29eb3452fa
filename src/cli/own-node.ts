/** A node inside this process: what `node start`, `join` and `provider start` run. */

import { createServer } from 'node:net'

import type { ConfigKey, NodeConfig } from '../node/config.ts'
import { CliFailure, EXIT } from './failure.ts'

export type NodeFlags = Readonly<Partial<Record<ConfigKey, string>>>

export interface OwnNode {
  /** Base URL of its HTTP interface. */
  readonly http: string
  /** Multiaddrs that others may dial. */
  readonly p2p: readonly string[]
  /** Hex account id; null on a node without an account key. */
  readonly account: string | null
  stop(): Promise<void>
}

export type StartNode = (
  env: Readonly<Record<string, string | undefined>>,
  flags: NodeFlags,
) => Promise<OwnNode>

/**
 * Starts a node with the settings of the environment, the flags winning.
 * @throws CliFailure port_in_use; RefusalError config_*, genesis_*, key_file_*, ...
 */
export const startOwnNode: StartNode = async (env, flags) => {
  // The node is most of the program; other commands must not pay for loading it.
  await import('../p2p/io/polyfill.ts')
  const [{ readConfig }, { hostNode }] = await Promise.all([
    import('../node/config.ts'),
    import('./host-node.ts'),
  ])
  const { config } = readConfig(env, flags)
  await requirePorts(config)
  const hosted = await hostNode({ config })
  const { http, account } = hosted.info
  const p2p = hosted.node.network.addresses
  return { http, p2p, account: account ?? null, stop: () => hosted.stop() }
}

/** Asked before anything is opened: half a node would have to be taken down again. */
async function requirePorts({ httpHost, httpPort, listen }: NodeConfig): Promise<void> {
  await requirePort(httpHost, httpPort)
  for (const address of listen) {
    const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
    if (host !== undefined) await requirePort(host, Number(port))
  }
}

/** Port 0 is chosen by the system and never taken. @throws CliFailure port_in_use */
function requirePort(host: string, port: number): Promise<void> {
  if (port === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const facts = { host, port, reason: error.code ?? error.message }
      reject(new CliFailure(EXIT.failed, { code: 'port_in_use', facts }))
    })
    server.listen(port, host, () => server.close(() => resolve()))
  })
}
