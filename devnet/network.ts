/**
 * The devnet's network: folders, genesis, and every member's process, started once and stopped once.
 *
 *   folder -> genesis.json, keys -> first validator -> everybody else, who knows the first
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { toHex } from '../src/base/bytes.ts'
import { readGenesisFile, writeGenesisFile } from '../src/ledger/io/genesis-file.ts'
import { chainId, type Genesis, genesisHash } from '../src/ledger/types/genesis.ts'
import { writeKeyFile } from '../src/runtime/io/key-file.ts'
import {
  devnetGenesis,
  folderOf,
  type Member,
  members,
  type Part,
  pairNamed,
  writeKeys,
} from './layout.ts'
import { type NodeProcess, type Ready, startProcess } from './processes.ts'

export interface Network {
  readonly root: string
  readonly genesis: Genesis
  readonly nodes: readonly NodeProcess[]
  stop(): Promise<void>
}

const RESTART_PAUSE_MS = 500
const HERE = dirname(fileURLToPath(import.meta.url))

/** @param parts who takes part; all of them unless told otherwise */
export async function startNetwork(
  root: string,
  seed: string,
  say: (line: string) => void,
  parts: readonly Part[] = ['validator', 'provider', 'cheat'],
): Promise<Network> {
  const genesis = await prepare(root, seed)
  const everyone = members(seed).filter(({ part }) => parts.includes(part))
  const [first, ...rest] = everyone
  if (first === undefined) throw new Error('a devnet has members')
  const nodes = new Map<string, NodeProcess>()
  let stopping = false
  const start = async (member: Member, bootstrap: readonly string[]): Promise<NodeProcess> => {
    const node = await startMember(root, member, bootstrap, nodes.get(member.name)?.ready)
    nodes.set(member.name, node)
    say(`${member.name} is up: pid ${node.pid}, ${node.ready.http}`)
    void node.ended.then((how) => (stopping ? undefined : revive(member, how)))
    return node
  }
  const revive = async (member: Member, how: string): Promise<void> => {
    say(`${member.name} ended (${how}) and is started again`)
    await new Promise((done) => setTimeout(done, RESTART_PAUSE_MS))
    if (stopping) return
    const others = [...nodes.values()].filter(({ name }) => name !== member.name)
    try {
      await start(
        member,
        others.flatMap(({ ready }) => ready.p2p),
      )
    } catch (error) {
      say(`${member.name} stays down: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const seedNode = await start(first, [])
  const bootstrap = seedNode.ready.p2p
  await Promise.all(rest.map((member) => start(member, bootstrap)))
  const stop = async (): Promise<void> => {
    stopping = true
    await Promise.all([...nodes.values()].map((node) => node.stop()))
  }
  writeDevnetFile(root, seed, genesis, [...nodes.values()])
  return {
    root,
    genesis,
    get nodes() {
      return [...nodes.values()]
    },
    stop,
  }
}

/** Genesis and keys, made once; a folder that has them goes on with them. */
async function prepare(root: string, seed: string): Promise<Genesis> {
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const path = join(root, 'genesis.json')
  if (existsSync(path)) return await readGenesisFile(path)
  for (const member of members(seed)) writeKeys(root, seed, member)
  writeKeyFile(join(root, 'faucet.json'), pairNamed(seed, 'faucet'))
  writeKeyFile(join(root, 'buyer.json'), pairNamed(seed, 'buyer'))
  const genesis = devnetGenesis(seed, Date.now())
  await writeGenesisFile(path, genesis)
  return genesis
}

async function startMember(
  root: string,
  { name, part }: Member,
  bootstrap: readonly string[],
  before: Ready | undefined,
): Promise<NodeProcess> {
  const folder = folderOf(root, name)
  const config = {
    name,
    dataDir: folder,
    genesis: join(root, 'genesis.json'),
    netProfile: 'devnet',
    bootstrap: bootstrap.join(','),
    // A member that comes back is found where it was.
    ...(before === undefined ? {} : { httpPort: new URL(before.http).port }),
    ...(before === undefined ? {} : { listen: before.p2p.map(withoutPeer).join(',') }),
    logLevel: 'info',
    fabrics: part === 'validator' ? 'none' : 'cpu',
    fabricThreads: '1',
    verifyWorkers: '1',
    ...(name === 'validator-0' ? { faucetKey: join(root, 'faucet.json') } : {}),
  }
  const path = join(folder, 'config.json')
  writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 })
  const entry = join(HERE, part === 'cheat' ? 'cheat.js' : 'node.js')
  return await startProcess({ name, entry, args: [path], folder })
}

/** A multiaddr without the peer's id at its end. */
function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/.*$/, '')
}

/** Where everything is, for the command line and for people. */
function writeDevnetFile(
  root: string,
  seed: string,
  genesis: Genesis,
  nodes: readonly NodeProcess[],
): void {
  const text = {
    chainId: chainId(genesis),
    genesisHash: toHex(genesisHash(genesis)),
    seed,
    nodes: nodes.map(({ name, pid, ready }) => ({
      name,
      pid,
      http: ready.http,
      p2p: ready.p2p,
      dir: folderOf(root, name),
    })),
    accounts: {
      buyer: { keyFile: join(root, 'buyer.json') },
      faucet: { keyFile: join(root, 'faucet.json') },
    },
  }
  writeFileSync(join(root, 'devnet.json'), `${JSON.stringify(text, undefined, 2)}\n`)
}

/** The seed a kept devnet was made with. */
export function seedOf(root: string): string | undefined {
  const path = join(root, 'devnet.json')
  if (!existsSync(path)) return undefined
  return (JSON.parse(readFileSync(path, 'utf8')) as { seed?: string }).seed
}
