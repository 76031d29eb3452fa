/** A peer that keeps no rule: a plain libp2p host whose bytes the test writes by hand. */

import '../../../src/p2p/io/polyfill.ts'

import { RPC } from '@chainsafe/libp2p-gossipsub/message'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { encode as frame } from 'it-length-prefixed'
import { createLibp2p, type Libp2p } from 'libp2p'

import { chunkFrame, contextOf } from '../../../src/p2p/answers.ts'
import { openFrames } from '../../../src/p2p/io/frames.ts'
import { roomToSend } from '../../../src/p2p/io/stream-duplex.ts'
import { protocolName, type WireProtocol } from '../../../src/p2p/protocols.ts'
import { topicName } from '../../../src/p2p/topics.ts'
import type { Topic } from '../../../src/runtime/ports.ts'
import { address, CHAIN_ID, GENESIS, status, type TestNode } from './net.ts'

export const MESHSUB = '/meshsub/1.2.0'

export interface Hostile {
  readonly host: Libp2p
  readonly connection: Connection
  /** A stream of ours to the victim, nothing sent yet. */
  open(protocol: WireProtocol): Promise<Stream>
  /** Our gossip stream to the victim. */
  gossip(): Promise<Stream>
}

const hosts = new Set<Libp2p>()

/** Dials the victim and shakes hands as an honest peer would, unless told otherwise. */
export async function openHostile(
  victim: TestNode,
  options: { readonly silent?: boolean; readonly onGossip?: (stream: Stream) => void } = {},
): Promise<Hostile> {
  const host = await createLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
  hosts.add(host)
  await host.handle(MESHSUB, (stream) => options.onGossip?.(stream))
  if (options.silent !== true) {
    await host.handle(protocolName(CHAIN_ID, 'status'), async (stream) => {
      const frames = openFrames(stream, 1024, 5_000)
      await frames.read(5_000)
      await frames.write([chunkFrame(contextOf(GENESIS), status(GENESIS))])
    })
  }
  const connection = await host.dial(multiaddr(address(victim)))
  return {
    host,
    connection,
    open: (protocol) => connection.newStream(protocolName(CHAIN_ID, protocol)),
    gossip: () => connection.newStream(MESHSUB),
  }
}

export async function closeHostile(): Promise<void> {
  await Promise.all([...hosts].map(async (host) => host.stop()))
  hosts.clear()
}

/** One gossip frame with these messages, length prefix included. */
export function gossipFrame(topic: Topic, payloads: readonly Uint8Array[]): Uint8Array {
  const name = topicName(CHAIN_ID, topic)
  const messages = payloads.map((data) => ({ topic: name, data }))
  return frame.single(RPC.encode({ subscriptions: [], messages })).subarray()
}

/** One gossip frame that subscribes to `topics` and grafts into their meshes. */
export function joinFrame(topics: readonly string[], graft = true): Uint8Array {
  const control = {
    ihave: [],
    iwant: [],
    graft: graft ? topics.map((topicID) => ({ topicID })) : [],
    prune: [],
    idontwant: [],
  }
  const subscriptions = topics.map((topic) => ({ topic, subscribe: true }))
  return frame.single(RPC.encode({ subscriptions, messages: [], control })).subarray()
}

/** Writes what `next` makes until the stream breaks or `untilMs`; answers the bytes that left. */
export async function pour(
  stream: Stream,
  next: (index: number) => Uint8Array,
  untilMs: number,
): Promise<number> {
  let bytes = 0
  try {
    for (let index = 0; Date.now() < untilMs; index++) {
      const chunk = next(index)
      stream.send(chunk)
      bytes += chunk.length
      while (stream.writeBufferLength > 256 * 1024 && Date.now() < untilMs) {
        await roomToSend(stream, 300).catch(() => {})
        if (stream.status !== 'open') return bytes
      }
      if (index % 16 === 0) await new Promise((turn) => setImmediate(turn))
    }
  } catch {
    // The victim closed the stream: that is one of the things it may do.
  }
  return bytes - stream.writeBufferLength
}
