/** Nodes on the loopback interface for the peer tests: opened with small limits, all closed at the end. */

import '../../../src/p2p/io/polyfill.ts'

import { strict as check } from 'node:assert'

import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'

import { utf8 } from '../../../src/base/bytes.ts'
import { encode } from '../../../src/base/codec.ts'
import { type Libp2pNetwork, openLibp2pNetwork } from '../../../src/p2p/io/libp2p-network.ts'
import { type PeerProfile, PROFILES } from '../../../src/p2p/profiles.ts'
import { StatusBody } from '../../../src/p2p/protocols.ts'
import type { LogFacts, Logger, Meter, PeerId, Topic, Verdict } from '../../../src/runtime/ports.ts'

export const CHAIN_ID = 'test-01020304'
export const GENESIS: Uint8Array = new Uint8Array(32).fill(1)

export interface Heard {
  readonly topic: Topic
  readonly bytes: Uint8Array
  readonly from: PeerId
}

export interface TestNode {
  readonly net: Libp2pNetwork
  readonly heard: Heard[]
  readonly statuses: Map<PeerId, Uint8Array>
  readonly logs: { readonly event: string; readonly facts: LogFacts }[]
  readonly counts: Map<string, number>
  /** Verdict for what is heard from now on; undefined leaves messages without one. */
  verdict: (heard: Heard) => Verdict | undefined
}

export interface NodeOptions {
  readonly genesisHash?: Uint8Array
  readonly bootstrap?: readonly string[]
  readonly profile?: Partial<PeerProfile>
  readonly peersPath?: string
  readonly seed?: number
  readonly listen?: readonly string[]
}

const opened = new Set<TestNode>()
let seeds = 1

export function status(genesisHash: Uint8Array, headHeight = 0n): Uint8Array {
  return encode(StatusBody, {
    genesisHash,
    headHeight,
    headId: new Uint8Array(32),
    finalizedHeight: headHeight,
    earliestHeight: 0n,
    version: utf8('test'),
  })
}

export async function openNode(options: NodeOptions = {}): Promise<TestNode> {
  const seed = options.seed ?? seeds++
  const heard: Heard[] = []
  const statuses = new Map<PeerId, Uint8Array>()
  const logs: TestNode['logs'] = []
  const counts = new Map<string, number>()
  const log = (event: string, facts: LogFacts = {}): void => {
    logs.push({ event, facts })
  }
  const logger: Logger = { debug: log, info: log, warn: log, error: log }
  const meter: Meter = {
    add: (name, amount, labels) => {
      const key = [name, ...Object.values(labels ?? {})].join(' ')
      counts.set(key, (counts.get(key) ?? 0) + Number(amount))
    },
    set: () => {},
    observe: () => {},
  }
  const genesisHash = options.genesisHash ?? GENESIS
  const net = await openLibp2pNetwork({
    chainId: CHAIN_ID,
    genesisHash,
    profile: { ...PROFILES.devnet, ...options.profile },
    listen: options.listen ?? ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: options.bootstrap ?? [],
    identity: await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)),
    ...(options.peersPath === undefined ? {} : { peersPath: options.peersPath }),
    status: () => status(genesisHash),
    onStatus: (peer, bytes) => statuses.set(peer, bytes),
    logger,
    meter,
  })
  const node: TestNode = { net, heard, statuses, logs, counts, verdict: () => 'accept' }
  net.onGossip((message, give) => {
    heard.push(message)
    const verdict = node.verdict(message)
    if (verdict !== undefined) give(verdict)
  })
  opened.add(node)
  return node
}

export async function close(node: TestNode): Promise<void> {
  opened.delete(node)
  await node.net.close()
}

/** For `afterEach`: nothing that a test opened outlives it. */
export async function closeAll(): Promise<void> {
  await Promise.all([...opened].map(close))
}

/** Waits until `holds`, and fails with `what` if it does not within `patienceMs`. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 10_000,
): Promise<void> {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    if (await holds()) return
    await new Promise((wake) => setTimeout(wake, 20))
  }
  check.ok(await holds(), what)
}

export function address(node: TestNode): string {
  const [first] = node.net.addresses
  check.ok(first !== undefined, 'the node listens')
  return first
}

export function readyPeers(node: TestNode): readonly PeerId[] {
  return node.net
    .peers()
    .filter(({ ready }) => ready)
    .map(({ id }) => id)
}

/** Connected, past the handshake, and in each other's mesh. */
export async function meshed(nodes: readonly TestNode[], topic: Topic, size = 1): Promise<void> {
  await until(
    `a mesh of ${topic} forms`,
    () => nodes.every(({ net }) => net.meshSize(topic) >= size),
    15_000,
  )
}
