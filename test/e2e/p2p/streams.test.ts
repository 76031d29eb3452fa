/** Streams between real nodes: handshake, discovery, requests, blobs. */

import { strict as check } from 'node:assert'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { equalBytes } from '../../../src/base/bytes.ts'
import { decode, encode } from '../../../src/base/codec.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { refusal } from '../../../src/base/refusal.ts'
import { durationMs } from '../../../src/base/time.ts'
import type { BlobReader, BlobSink } from '../../../src/p2p/io/blobs.ts'
import { loadIdentity } from '../../../src/p2p/io/identity.ts'
import {
  BLOCK_CHUNK_BYTES_MAX,
  BlocksByRangeBody,
  ReceiptsByJobBody,
  StatusBody,
} from '../../../src/p2p/protocols.ts'
import type { Answer, PeerId, Protocol } from '../../../src/runtime/ports.ts'
import { address, close, closeAll, openNode, readyPeers, type TestNode, until } from './net.ts'

const SECOND = durationMs(1_000)
const PATIENCE = durationMs(10_000)

function ask(node: TestNode, peer: PeerId, protocol: Protocol, bytes: Uint8Array): Promise<Answer> {
  return new Promise((resolve) => node.net.request(peer, protocol, bytes, PATIENCE, resolve))
}

async function pair(): Promise<readonly [TestNode, TestNode]> {
  const server = await openNode()
  const client = await openNode({ bootstrap: [address(server)] })
  await until('they shake hands', () => readyPeers(client).length + readyPeers(server).length === 2)
  return [server, client]
}

/** A blob in memory, frames cut unevenly on purpose. */
function memoryReader(blob: Uint8Array): BlobReader {
  const digest = blake3(blob)
  return {
    sizeBytes: (asked) => Promise.resolve(equalBytes(asked, digest) ? blob.length : undefined),
    read: async function* (_digest, from, lengthBytes) {
      for (let offset = from; offset < from + lengthBytes; offset += 100_000) {
        yield blob.subarray(offset, Math.min(offset + 100_000, from + lengthBytes))
      }
    },
  }
}

function memorySink(
  digest: Uint8Array,
  lengthBytes: number,
  have: Uint8Array = new Uint8Array(0),
): BlobSink & {
  readonly bytes: () => Uint8Array
  readonly resets: () => number
} {
  const whole = new Uint8Array(lengthBytes)
  whole.set(have)
  let filled = have.length
  let resets = 0
  return {
    bytes: () => whole.subarray(0, filled),
    resets: () => resets,
    haveBytes: () => filled,
    write: (bytes) => {
      whole.set(bytes, filled)
      filled += bytes.length
      return Promise.resolve()
    },
    complete: () => Promise.resolve(equalBytes(blake3(whole), digest)),
    reset: () => {
      filled = 0
      resets++
      return Promise.resolve()
    },
  }
}

function noise(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes)
  for (let index = 0, state = 1; index < bytes; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[index] = state >>> 24
  }
  return out
}

describe('the status handshake', () => {
  afterEach(closeAll)

  it('makes peers of two nodes and hands each the status of the other', async () => {
    const [server, client] = await pair()
    const heard = client.statuses.get(server.net.self)
    check.ok(heard !== undefined)
    check.equal(decode(StatusBody, heard).headHeight, 0n)
    check.ok(server.statuses.has(client.net.self))
  })

  it('says goodbye to a node of another genesis and does not keep it', async () => {
    const server = await openNode()
    const stranger = await openNode({
      genesisHash: new Uint8Array(32).fill(9),
      bootstrap: [address(server)],
    })
    await until('the other chain is noticed', () =>
      [server, stranger].some(({ logs }) =>
        logs.some(({ event }) => event === 'p2p_wrong_genesis'),
      ),
    )
    await until('the connection ends', () => server.net.peers().length === 0)
    check.equal(readyPeers(stranger).length, 0)
    check.match(stranger.net.whyAlone(), /known, last attempt/)
  })
})

describe('discovery', () => {
  afterEach(closeAll)

  it('lets nodes that know one node find all', async () => {
    const hub = await openNode()
    const nodes = [hub]
    for (let index = 0; index < 4; index++)
      nodes.push(await openNode({ bootstrap: [address(hub)] }))
    await until('everyone is connected to everyone', () =>
      nodes.every((node) => readyPeers(node).length === 4),
    )
    // A late joiner that knows only one that is not the hub.
    const [, second] = nodes
    check.ok(second !== undefined)
    const late = await openNode({ bootstrap: [address(second)] })
    await until('the late one finds all five', () => readyPeers(late).length === 5)
  })

  it('remembers peers over a restart and dials one again that comes back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bt-p2p-'))
    try {
      const server = await openNode({ seed: 201 })
      const peersPath = join(folder, 'peers.json')
      const first = await openNode({ seed: 202, bootstrap: [address(server)], peersPath })
      await until('they meet', () => readyPeers(first).length === 1)
      await until('the record is there', async () => {
        await close(first)
        return true
      })
      const again = await openNode({ seed: 202, peersPath })
      await until('it needs no bootstrap', () => readyPeers(again).length === 1)
      const port = address(server)
      await close(server)
      await until('it notices', () => readyPeers(again).length === 0)
      await openNode({ seed: 201, listen: [port.replace(/\/p2p\/.*/, '')] })
      await until('it dials again', () => readyPeers(again).length === 1, 15_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('says why it is alone', async () => {
    const alone = await openNode()
    check.match(alone.net.whyAlone(), /no bootstrap address/)
    const lost = await openNode({ bootstrap: ['/ip4/127.0.0.1/tcp/1'] })
    await until('the failure is known', () => /ECONNREFUSED|failed/i.test(lost.net.whyAlone()))
    await until('it is said', () => lost.logs.some(({ event }) => event === 'p2p_no_peers'))
  })

  it('keeps its identity in a file that only its owner reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bt-p2p-'))
    try {
      const path = join(folder, 'deep', 'identity.key')
      const made = await loadIdentity(path)
      const read = await loadIdentity(path)
      check.ok(made.equals(read))
      check.equal((await stat(path)).mode & 0o777, 0o600)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('requests', () => {
  afterEach(closeAll)

  it('are answered in chunks, refused with code and facts, or met with silence', async () => {
    const [server, client] = await pair()
    const block = noise(BLOCK_CHUNK_BYTES_MAX)
    server.net.onRequest('blocks-by-range', (_from, bytes, answer) => {
      const { from, count } = decode(BlocksByRangeBody, bytes)
      if (from > 100n) return answer({ refusal: refusal('blocks_pruned', { earliest: 7 }) })
      answer({ chunks: Array.from({ length: count }, () => block) })
    })
    const range = encode(BlocksByRangeBody, { from: 1n, count: 12 })
    const answer = await ask(client, server.net.self, 'blocks-by-range', range)
    check.equal(answer.kind, 'answer')
    check.ok(answer.kind === 'answer' && answer.chunks.length === 12)
    check.ok(answer.chunks.every((chunk) => equalBytes(chunk, block)))
    const far = encode(BlocksByRangeBody, { from: 101n, count: 1 })
    const refused = await ask(client, server.net.self, 'blocks-by-range', far)
    check.deepEqual(refused, {
      kind: 'refused',
      refusal: refusal('blocks_pruned', { earliest: '7' }),
    })
    const body = encode(ReceiptsByJobBody, { job: new Uint8Array(32) })
    check.equal((await ask(client, server.net.self, 'receipts-by-job', body)).kind, 'silence')
    check.equal((await ask(client, 'nobody', 'receipts-by-job', body)).kind, 'silence')
  })

  it('are limited by items and malformed ones are blamed', async () => {
    const [server, client] = await pair()
    server.net.onRequest('blocks-by-range', (_from, _bytes, answer) => answer({ chunks: [] }))
    const results: string[] = []
    for (let index = 0; index < 18; index++) {
      const range = encode(BlocksByRangeBody, { from: 1n, count: 64 })
      const answer = await ask(client, server.net.self, 'blocks-by-range', range)
      results.push(answer.kind === 'refused' ? answer.refusal.code : answer.kind)
    }
    check.equal(results.filter((kind) => kind === 'answer').length >= 16, true)
    check.ok(results.includes('request_rate_limited'), 'the quota counts items')
    const none = encode(BlocksByRangeBody, { from: 1n, count: 0 })
    const answer = await ask(client, server.net.self, 'blocks-by-range', none)
    check.ok(answer.kind === 'refused' && answer.refusal.code === 'request_count_invalid')
    check.ok(server.counts.get('p2p_blames_total mid request_count_invalid') === 1)
  })
})

describe('blobs', () => {
  afterEach(closeAll)

  it('are fetched in ranges and checked', async () => {
    const [server, client] = await pair()
    const blob = noise(20 * 1024 * 1024)
    server.net.serveBlobs(memoryReader(blob))
    const digest = blake3(blob)
    const sink = memorySink(digest, blob.length)
    const peers = [server.net.self]
    const refused = await client.net.fetchBlob(digest, blob.length, peers, sink, PATIENCE)
    check.equal(refused, undefined)
    check.ok(equalBytes(sink.bytes(), blob))
  }).timeout(60_000)

  it('are resumed where they stopped, from another peer', async () => {
    const [server, client] = await pair()
    const empty = await openNode({ bootstrap: [address(server)] })
    await until('all meet', () => readyPeers(client).length === 2)
    const blob = noise(700_000)
    server.net.serveBlobs(memoryReader(blob))
    empty.net.serveBlobs(memoryReader(new Uint8Array(1)))
    const digest = blake3(blob)
    const sink = memorySink(digest, blob.length, blob.subarray(0, 300_001))
    const peers = ['nobody', empty.net.self, server.net.self]
    const refused = await client.net.fetchBlob(digest, blob.length, peers, sink, PATIENCE)
    check.equal(refused, undefined)
    check.ok(equalBytes(sink.bytes(), blob))
    check.equal(server.counts.get('p2p_blob_bytes_total out'), 399_999)
  })

  it('that are wrong are thrown away and their only sender banned', async () => {
    const [server, client] = await pair()
    const blob = noise(200_000)
    const digest = blake3(blob)
    const lies = memoryReader(blob)
    server.net.serveBlobs({
      sizeBytes: (asked) => lies.sizeBytes(asked),
      read: async function* (asked, from, lengthBytes) {
        for await (const bytes of lies.read(asked, from, lengthBytes)) {
          yield bytes.map((byte) => byte ^ 1)
        }
      },
    })
    const sink = memorySink(digest, blob.length)
    const peers = [server.net.self]
    const refused = await client.net.fetchBlob(digest, blob.length, peers, sink, PATIENCE)
    check.equal(refused?.code, 'blob_digest_mismatch')
    check.equal(sink.resets(), 1)
    await until('the liar is gone', () => client.net.peers().length === 0)
  })

  it('of which more or another length is sent than declared end the stream', async () => {
    const [server, client] = await pair()
    const blob = noise(200_000)
    const digest = blake3(blob)
    const reader = memoryReader(blob)
    server.net.serveBlobs({
      sizeBytes: (asked) => reader.sizeBytes(asked),
      read: async function* (asked, from, lengthBytes) {
        yield* reader.read(asked, from, lengthBytes)
        for (;;) yield new Uint8Array(64 * 1024)
      },
    })
    const sink = memorySink(digest, blob.length)
    const peers = [server.net.self]
    const refused = await client.net.fetchBlob(digest, blob.length, peers, sink, SECOND)
    check.ok(sink.bytes().length <= blob.length, 'no byte beyond the length is kept')
    check.ok(refused === undefined || refused.code === 'blob_not_found')
    check.ok((client.counts.get('p2p_blames_total fatal blob_too_long') ?? 0) === 1)
  })
})
