/** Hostile peers: each tries one thing, and the node neither grows nor stops serving the others. */

import { strict as check } from 'node:assert'

import type { Stream } from '@libp2p/interface'

import { u32Bytes } from '../../../src/base/bytes.ts'
import { encode } from '../../../src/base/codec.ts'
import { durationMs } from '../../../src/base/time.ts'
import { protocolName, ReceiptsByJobBody } from '../../../src/p2p/protocols.ts'
import { topicName } from '../../../src/p2p/topics.ts'
import type { Answer } from '../../../src/runtime/ports.ts'
import { closeHostile, gossipFrame, joinFrame, openHostile, pour } from './hostile.ts'
import {
  address,
  CHAIN_ID,
  closeAll,
  meshed,
  openNode,
  readyPeers,
  type TestNode,
  until,
} from './net.ts'

const MIB = 1024 * 1024

function isConnected(node: TestNode, id: string): boolean {
  return node.net.peers().some((peer) => peer.id === id)
}

function isClosed(stream: Stream): boolean {
  return stream.status !== 'open'
}

/** The sets of gossipsub that a peer's words could make grow. */
function topicCount(node: TestNode): number {
  const { pubsub } = node.net.host.services as {
    readonly pubsub: { readonly topics: ReadonlyMap<string, unknown> }
  }
  return pubsub.topics.size
}

describe('a hostile peer', () => {
  afterEach(async () => {
    await closeHostile()
    await closeAll()
  })

  it('that floods is held to its budget while honest messages pass', async () => {
    const profile = { gossipBytesPerSec: 100_000, gossipBurstBytes: 2 * MIB }
    const victim = await openNode({ profile })
    const honest = await openNode({ bootstrap: [address(victim)] })
    await until('the honest one is there', () => readyPeers(victim).includes(honest.net.self))
    await meshed([victim, honest], 'receipts')
    // Verdicts that never come are the slowest consumer there is.
    victim.verdict = ({ from }) => (from === honest.net.self ? 'accept' : undefined)
    const hostile = await openHostile(victim)
    const stream = await hostile.gossip()
    const before = process.memoryUsage()
    let sent = 0
    const flood = pour(
      stream,
      (index) => {
        const payload = new Uint8Array(15 * 1024)
        payload.set(u32Bytes(index))
        return gossipFrame('receipts', [payload])
      },
      Date.now() + 4_000,
    )
    for (; sent < 10; sent++) {
      honest.net.publish('receipts', Uint8Array.of(sent), 'mesh')
      await new Promise((wake) => setTimeout(wake, 200))
    }
    const taken = await flood
    await until('all honest messages arrive', () => {
      const heard = victim.heard.filter(({ from }) => from === honest.net.self)
      return heard.length === sent
    })
    const grown = process.memoryUsage().rss - before.rss
    check.ok(taken < 6 * MIB, `the victim took ${taken} bytes`)
    check.ok(grown < 200 * MIB, `memory grew by ${grown} bytes`)
  }).timeout(40_000)

  it('that does not read is hung up on, not queued for without end', async () => {
    const victim = await openNode()
    const hostile = await openHostile(victim, {
      onGossip: (stream) => {
        stream.addEventListener('message', () => {})
        stream.pause()
      },
    })
    const stream = await hostile.gossip()
    stream.send(joinFrame([topicName(CHAIN_ID, 'consensus-proposals')]))
    await until('it is in the mesh', () => victim.net.meshSize('consensus-proposals') === 1)
    for (let index = 0; index < 400; index++) {
      const payload = new Uint8Array(64 * 1024)
      payload.set(u32Bytes(index))
      victim.net.publish('consensus-proposals', payload, 'mesh')
      if (index % 20 === 0) await new Promise((turn) => setImmediate(turn))
    }
    await until('it is gone', () => !isConnected(victim, hostile.host.peerId.toString()))
    check.equal(victim.counts.get('p2p_hangups_total gossip_stream_lost'), 1)
    check.equal(victim.net.meshSize('consensus-proposals'), 0)
  }).timeout(40_000)

  it('that announces a frame beyond the limit is hung up on', async () => {
    const victim = await openNode()
    const hostile = await openHostile(victim)
    const stream = await hostile.gossip()
    await until('it is ready', () => readyPeers(victim).length === 1)
    // The length 2^27 as a varint.
    stream.send(Uint8Array.of(0x80, 0x80, 0x80, 0x40))
    await until('it is gone', () => !isConnected(victim, hostile.host.peerId.toString()), 20_000)
  }).timeout(40_000)

  it('that subscribes to thousands of topics takes no room', async () => {
    const victim = await openNode()
    const hostile = await openHostile(victim)
    const stream = await hostile.gossip()
    for (let round = 0; round < 50; round++) {
      stream.send(
        joinFrame(
          Array.from({ length: 60 }, (_, index) => `/x/${round}/${index}`),
          false,
        ),
      )
    }
    stream.send(
      joinFrame(
        Array.from({ length: 5_000 }, (_, index) => `/y/${index}`),
        false,
      ),
    )
    stream.send(joinFrame([topicName(CHAIN_ID, 'receipts')]))
    await until('the honest subscription counts', () => victim.net.meshSize('receipts') === 1)
    check.ok(topicCount(victim) <= 7)
  })

  it('that sends objects too large for their topic is scored, graylisted and banned', async () => {
    const victim = await openNode()
    const hostile = await openHostile(victim)
    const stream = await hostile.gossip()
    await until('it is ready', () => readyPeers(victim).length === 1)
    for (let index = 0; index < 8; index++) {
      const payload = new Uint8Array(9 * 1024)
      payload.set(u32Bytes(index))
      stream.send(gossipFrame('job-offers', [payload]))
    }
    const id = hostile.host.peerId.toString()
    await until('it is gone', () => !isConnected(victim, id))
    check.equal(victim.heard.length, 0)
    check.ok((victim.counts.get('p2p_hangups_total gossip_graylisted') ?? 0) === 1)
    await hostile.host.dial(hostile.connection.remoteAddr).catch(() => {})
    await until('it does not come back', () => !isConnected(victim, id))
  })

  it('that misstates the size or shape of a request is blamed and reset', async () => {
    const victim = await openNode()
    victim.net.onRequest('blocks-by-range', (_from, _bytes, answer) => answer({ chunks: [] }))
    const hostile = await openHostile(victim)
    await until('it is ready', () => readyPeers(victim).length === 1)
    const long = await hostile.open('blocks-by-range')
    long.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 1))
    await until('the long one is reset', () => isClosed(long))
    check.equal(victim.counts.get('p2p_blames_total mid request_oversized'), 1)
    const short = await hostile.open('blocks-by-range')
    short.send(Uint8Array.of(3, 1, 2, 3))
    await until(
      'the short one is blamed',
      () => victim.counts.get('p2p_blames_total mid codec_malformed') === 1,
    )
  })

  it('that sends a request one byte at a time is reset at the deadline', async () => {
    const victim = await openNode()
    victim.net.onRequest('certificate', (_from, _bytes, answer) => answer({ chunks: [] }))
    const hostile = await openHostile(victim)
    const stream = await hostile.open('certificate')
    stream.send(Uint8Array.of(8))
    const drip = setInterval(() => {
      if (!isClosed(stream)) stream.send(Uint8Array.of(0))
    }, 1_500)
    await until('it is reset', () => isClosed(stream), 9_000)
    clearInterval(drip)
  }).timeout(20_000)

  it('that opens streams and says nothing is held to a few', async () => {
    const victim = await openNode()
    victim.net.onRequest('certificate', (_from, _bytes, answer) => answer({ chunks: [] }))
    const hostile = await openHostile(victim)
    const opened: Stream[] = []
    for (let index = 0; index < 60; index++) {
      const stream = await hostile.open('certificate').catch(() => undefined)
      if (stream !== undefined) opened.push(stream)
    }
    const inbound = (): number =>
      victim.net.host
        .getConnections()
        .flatMap(({ streams }) => streams)
        .filter(
          ({ protocol, status }) =>
            status === 'open' && protocol === protocolName(CHAIN_ID, 'certificate'),
        ).length
    await until('only sixteen stay', () => inbound() <= 17)
    await until('those go at the deadline', () => inbound() === 0, 9_000)
  }).timeout(20_000)

  it('that answers with nothing, with garbage or without end is met with silence', async () => {
    const victim = await openNode()
    const hostile = await openHostile(victim)
    const id = hostile.host.peerId.toString()
    await until('it is ready', () => readyPeers(victim).length === 1)
    const body = encode(ReceiptsByJobBody, { job: new Uint8Array(32) })
    const ask = (deadline: number): Promise<Answer> =>
      new Promise((resolve) =>
        victim.net.request(id, 'receipts-by-job', body, durationMs(deadline), resolve),
      )
    const name = protocolName(CHAIN_ID, 'receipts-by-job')
    await hostile.host.handle(name, () => {})
    check.equal((await ask(500)).kind, 'silence')
    await hostile.host.unhandle(name)
    await hostile.host.handle(name, (stream) => {
      stream.send(Uint8Array.of(3, 9, 9, 9))
    })
    check.deepEqual(await ask(3_000), { kind: 'silence', reason: 'answer_truncated' })
    await hostile.host.unhandle(name)
    await hostile.host.handle(name, (stream) => {
      stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    })
    check.equal((await ask(3_000)).kind, 'silence')
    check.equal(victim.counts.get('p2p_blames_total mid request_oversized'), 1)
    await hostile.host.unhandle(name)
    const genuine = Uint8Array.of(6, 0, 1, 1, 1, 1, 42)
    await hostile.host.handle(name, (stream) => {
      for (let index = 0; index < 1_000; index++) stream.send(genuine)
    })
    check.deepEqual(await ask(3_000), { kind: 'silence', reason: 'answer_too_long' })
  })

  it('that never says its status is not kept', async () => {
    const victim = await openNode({ profile: { handshakeMs: 1_000 } })
    const hostile = await openHostile(victim, { silent: true })
    await until('it is gone', () => !isConnected(victim, hostile.host.peerId.toString()))
    check.equal(readyPeers(victim).length, 0)
  })
})
