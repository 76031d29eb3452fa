/** A node inside this process: what `node start`, `join` and `provider start` run. */

import type { ConfigKey, ReadConfig } from '../node/config.ts'
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

/** What the entry of the node offers to whoever runs one in its own process. */
interface NodeEntry {
  readonly runNode: (read: ReadConfig) => Promise<OwnNode>
}

/**
 * Starts a node with the settings of the environment, the flags winning.
 * @throws CliFailure port_in_use; RefusalError config_*, genesis_*, key_file_*, ...
 */
export const startOwnNode: StartNode = async (env, flags) => {
  // The node is most of the program; other commands must not pay for loading it.
  const entry = new URL('../node/main.js', import.meta.url)
  const [{ readConfig }, { runNode }] = await Promise.all([
    import('../node/config.ts'),
    import(entry.href) as Promise<NodeEntry>,
  ])
  try {
    return await runNode(readConfig(env, flags))
  } catch (error) {
    const { code, port } = error as NodeJS.ErrnoException & { readonly port?: number }
    if (code !== 'EADDRINUSE') throw error
    throw new CliFailure(EXIT.failed, { code: 'port_in_use', facts: { port: port ?? 0 } })
  }
}
