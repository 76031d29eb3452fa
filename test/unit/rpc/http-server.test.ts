/** The HTTP interface over a real chain: every route answers as its schema says, bad input is refused. */

import { strict as check } from 'node:assert'
import { request } from 'node:http'
import { connect } from 'node:net'

import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { decode } from '../../../src/base/codec.ts'
import { blake3 } from '../../../src/base/hash.ts'
import { refusal } from '../../../src/base/refusal.ts'
import { RECEIPTS } from '../../../src/ledger/market-records.ts'
import { blockId, HeaderCodec } from '../../../src/ledger/types/block.ts'
import type { NodeFact } from '../../../src/node/events.ts'
import { FactFeed } from '../../../src/node/fact-feed.ts'
import { rootOfPath } from '../../../src/node/views/inclusion.ts'
import { JobDetail } from '../../../src/node/views/jobs.ts'
import { ReceiptProofView, SlashList } from '../../../src/node/views/receipts.ts'
import { STREAMS_MAX } from '../../../src/rpc/io/event-streams.ts'
import { type HttpServer, openHttpServer, ROUTES } from '../../../src/rpc/io/http-server.ts'
import { refusalEntry } from '../../../src/rpc/refusal-tables.ts'
import type { Logger } from '../../../src/runtime/ports.ts'
import { BUYER, CHEAT, HONEST, type LiveMarket } from '../ledger/market/live-market.ts'
import { SMALL } from '../ledger/market/world.ts'
import { finishedMarket, jobIds, queriesOf } from './market.ts'

const BLOB_BYTES_MAX = 4_096
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} }

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

interface Sent {
  readonly method?: string
  readonly body?: string | Uint8Array
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

describe('the HTTP interface', () => {
  let market: LiveMarket
  const feed = new FactFeed()
  const blobs = new Map<string, Uint8Array>()
  const submitted: string[] = []
  const faults: string[] = []
  let server: HttpServer

  before(async () => {
    market = finishedMarket()
    const queries = await queriesOf(market)
    server = await openHttpServer({
      queries,
      feed,
      submit: (bytes, done) => {
        submitted.push(toHex(bytes))
        const outcome =
          bytes.length === 1
            ? { refusal: refusal('pool_duplicate', { id: 'aa' }) }
            : { id: toHex(blake3(bytes)) }
        queueMicrotask(() => done(outcome))
      },
      faucet: (account, done) => queueMicrotask(() => done({ id: account, value: 5n })),
      blobs: {
        bytesMax: BLOB_BYTES_MAX,
        store: (bytes, done) => {
          const digest = blake3(bytes)
          blobs.set(toHex(digest), bytes)
          queueMicrotask(() => done({ kind: 'stored', digest }))
        },
        get: (digest, done) => queueMicrotask(() => done(blobs.get(toHex(digest)))),
      },
      metrics: async () => '# HELP block_height Height.\nblock_height 1\n',
      log: { ...QUIET, error: (_event, facts) => faults.push(String(facts?.['problem'])) },
      host: '127.0.0.1',
      port: 0,
    })
  })

  after(async () => {
    await server.close()
  })

  afterEach(() => {
    check.deepEqual(faults.splice(0), [])
  })

  function send(path: string, { method = 'GET', body, type, headers = {} }: Sent = {}) {
    return new Promise<Answer>((resolve, reject) => {
      const all = { ...headers, ...(type === undefined ? {} : { 'content-type': type }) }
      const call = request(
        `${server.url}${path}`,
        { method, headers: all, agent: false },
        (got) => {
          let text = ''
          got.setEncoding('utf8')
          got.on('data', (chunk: string) => {
            text += chunk
          })
          got.on('end', () =>
            resolve({
              status: got.statusCode ?? 0,
              type: got.headers['content-type'] ?? '',
              body: text,
            }),
          )
          got.on('error', reject)
        },
      )
      call.on('error', reject)
      call.end(body)
    })
  }

  async function refused(path: string, sent: Sent, status: number, code: string): Promise<void> {
    const answer = await send(path, sent)
    const { error } = JSON.parse(answer.body) as {
      error: { code: string; message: string; facts: object; hint: string; docs: string }
    }
    check.equal(error.code, code)
    check.equal(answer.status, status)
    check.equal(error.docs, `docs/errors.md#${code}`)
    check.ok(error.message.length > 0 && error.hint.length > 0)
    check.equal(typeof error.facts, 'object')
  }

  const post = (body: unknown): Sent => ({
    method: 'POST',
    body: JSON.stringify(body),
    type: 'application/json',
  })

  it('answers every route of the table as its schema says', async () => {
    const [job] = jobIds(market)
    const { state, head } = market.chain.ledger
    const receipt = state.entries(RECEIPTS)[0]?.[0] ?? ''
    const ids: Readonly<Record<string, string>> = {
      '/blocktorch/blocks/:id': toHex(head.id),
      '/blocktorch/accounts/:id': HONEST.id,
      '/blocktorch/jobs/:id': job ?? '',
      '/blocktorch/receipts/:id': receipt,
      '/blocktorch/receipts/:id/proof': receipt,
      '/blocktorch/programs/:id': toHex(SMALL.digest),
      '/blocktorch/explain/:id': job ?? '',
    }
    for (const { method, path, answer: schema } of ROUTES) {
      if (method === 'POST' || path === '/blocktorch/gov/proposals/:id') continue
      const answer = await send(path.replace(':id', ids[path] ?? ''))
      check.equal(answer.status, 200, `${path} ${answer.body}`)
      check.match(answer.type, /^application\/json/)
      const value: unknown = JSON.parse(answer.body)
      const parsed = schema.safeParse(value)
      check.ok(parsed.success, `${path}: ${parsed.error?.message}`)
      check.deepEqual(parsed.data, value, `${path} says nothing its schema does not`)
    }
  })

  it('tells the story of a job that a cheat spoiled and an honest provider saved', async () => {
    const [job] = jobIds(market)
    const view = JobDetail.parse(JSON.parse((await send(`/blocktorch/jobs/${job}`)).body))
    check.equal(view.state, 'Settled')
    check.equal(view.buyer, BUYER.id)
    check.deepEqual(
      view.attempts.map(({ provider, state }) => [provider, state]),
      [
        [CHEAT.id, 'Rejected'],
        [HONEST.id, 'Settled'],
      ],
    )
    const kinds = view.history.map(({ kind }) => kind)
    for (const kind of ['job-offered', 'attempt-rejected', 'job-requeued', 'job-settled']) {
      check.ok(kinds.includes(kind), kind)
    }
    check.equal(view.attempts[1]?.latencyMs, 30)
    check.equal(view.attempts[1]?.outputs?.length, SMALL.program.outputs.length)
    const heights = view.history.map(({ height }) => height)
    check.deepEqual(
      heights,
      [...heights].sort((left, right) => left - right),
    )
  })

  it('lists the slash with its evidence, and burned and compensated make up the amount', async () => {
    const { items } = SlashList.parse(JSON.parse((await send('/blocktorch/slashes')).body))
    check.equal(items.length, 1)
    const [slash] = items
    check.equal(slash?.offender, CHEAT.id)
    check.equal(slash?.role, 'provider')
    check.equal(
      BigInt(slash?.amount ?? 0),
      BigInt(slash?.burned ?? 0) + BigInt(slash?.compensated ?? 0),
    )
    check.notEqual(slash?.evidence, '')
    check.equal(slash?.subject, jobIds(market)[0])
    const explained = await send(`/blocktorch/explain/${slash?.evidence}`)
    check.equal((JSON.parse(explained.body) as { kind: string }).kind, 'evidence')
  })

  it('proves the inclusion of a receipt up to the id of its block', async () => {
    for (const [id] of market.chain.ledger.state.entries(RECEIPTS)) {
      const { body } = await send(`/blocktorch/receipts/${id}/proof`)
      const proof = ReceiptProofView.parse(JSON.parse(body))
      const header = decode(HeaderCodec, fromHex(proof.header))
      const path = { ...proof.path, siblings: proof.path.siblings.map((each) => fromHex(each)) }
      check.equal(toHex(rootOfPath(fromHex(id), path)), toHex(header.receiptRoot))
      const block = await send(`/blocktorch/blocks/${proof.height}`)
      check.equal((JSON.parse(block.body) as { id: string }).id, toHex(blockId(header)))
    }
  })

  it('pages through a list without repeating or leaving out', async () => {
    const seen: number[] = []
    let path = '/blocktorch/blocks?limit=7'
    for (;;) {
      const { items, next } = JSON.parse((await send(path)).body) as {
        items: { height: number; stateRoot: string; headerStateRoot: string }[]
        next?: string
      }
      seen.push(...items.map(({ height }) => height))
      items.slice(1).forEach((each, at) => {
        check.equal(each.stateRoot, items[at]?.headerStateRoot)
      })
      if (next === undefined) break
      path = `/blocktorch/blocks?limit=7&from=${next}`
    }
    const head = Number(market.height)
    check.deepEqual(
      seen,
      Array.from({ length: head }, (_, at) => head - at),
    )
    const ids: string[] = []
    for (let cursor = ''; ; ) {
      const page = JSON.parse((await send(`/blocktorch/validators?limit=3${cursor}`)).body) as {
        items: { id: string }[]
        next?: string
      }
      ids.push(...page.items.map(({ id }) => id))
      if (page.next === undefined) break
      cursor = `&cursor=${encodeURIComponent(page.next)}`
    }
    check.equal(new Set(ids).size, 4)
    check.equal(ids.length, 4)
  })

  it('refuses malformed paths, queries and hosts with a code', async () => {
    await refused('/nothing', {}, 404, 'route_unknown')
    await refused('/blocktorch/jobs/xyz', {}, 400, 'query_malformed')
    await refused(`/blocktorch/jobs/${'AB'.repeat(32)}`, {}, 400, 'query_malformed')
    await refused(`/blocktorch/jobs/${'ab'.repeat(32)}`, {}, 404, 'id_unknown')
    await refused(`/blocktorch/explain/${'ab'.repeat(32)}`, {}, 404, 'id_unknown')
    await refused('/blocktorch/blocks/999999', {}, 404, 'block_unknown')
    await refused('/blocktorch/blocks/0', {}, 404, 'block_unknown')
    await refused('/blocktorch/jobs?limit=501', {}, 400, 'query_malformed')
    await refused('/blocktorch/jobs?state=Lost', {}, 400, 'query_malformed')
    await refused('/blocktorch/jobs?unknown=1', {}, 400, 'query_malformed')
    await refused('/blocktorch/%', {}, 400, 'query_malformed')
    await refused('/healthz', { headers: { host: 'evil.example' } }, 403, 'host_unknown')
  })

  it('refuses bodies that are huge, deep, of the wrong type or no JSON', async () => {
    const path = '/blocktorch/submit'
    const json = 'application/json'
    await refused(path, { method: 'POST', body: '{', type: json }, 400, 'body_malformed')
    await refused(path, { method: 'POST', body: '', type: json }, 400, 'body_malformed')
    await refused(
      path,
      { method: 'POST', body: 'x', type: 'text/plain' },
      415,
      'media_type_unknown',
    )
    await refused(path, post({}), 400, 'body_malformed')
    await refused(path, post({ envelope: 'zz' }), 400, 'body_malformed')
    await refused(path, post({ envelope: 'abc' }), 400, 'body_malformed')
    await refused(path, post({ envelope: '00', more: 1 }), 400, 'body_malformed')
    await refused(path, post([]), 400, 'body_malformed')
    const deep = `{"envelope":${'['.repeat(9_999)}${']'.repeat(9_999)}}`
    await refused(path, { method: 'POST', body: deep, type: json }, 400, 'json_too_deep')
    const wide = JSON.stringify(
      Object.fromEntries(Array.from({ length: 999 }, (_, at) => [at, at])),
    )
    await refused(path, { method: 'POST', body: wide, type: json }, 400, 'json_too_deep')
    await refused(path, post({ envelope: '0'.repeat(2 ** 20) }), 413, 'body_too_large')
    check.deepEqual(submitted, [])
  })

  it('hands objects in and passes on why one was refused', async () => {
    const taken = await send('/blocktorch/submit', post({ envelope: '0102' }))
    check.deepEqual(JSON.parse(taken.body), {
      id: toHex(blake3(Uint8Array.of(1, 2))),
      accepted: true,
    })
    check.deepEqual(submitted, ['0102'])
    await refused('/blocktorch/submit', post({ envelope: '07' }), 422, 'pool_duplicate')
    const paid = await send('/blocktorch/faucet', post({ account: BUYER.id }))
    check.deepEqual(JSON.parse(paid.body), { id: BUYER.id, value: '5' })
    await refused('/blocktorch/faucet', post({ account: 'me' }), 400, 'body_malformed')
  })

  it('keeps blobs under their digest, by POST and by PUT, up to the limit', async () => {
    const type = 'application/octet-stream'
    for (const method of ['POST', 'PUT']) {
      const body = Uint8Array.from([1, 2, 3, method.length])
      const stored = await send('/blocktorch/blobs', { method, body, type })
      const { digest, bytes } = JSON.parse(stored.body) as { digest: string; bytes: number }
      check.equal(digest, toHex(blake3(body)))
      check.equal(bytes, 4)
      check.equal((await send(`/blocktorch/blobs/${digest}`)).type, type)
    }
    const huge = { method: 'POST', body: new Uint8Array(BLOB_BYTES_MAX + 1), type }
    await refused('/blocktorch/blobs', huge, 413, 'body_too_large')
    await refused('/blocktorch/blobs', post({}), 415, 'media_type_unknown')
    await refused(`/blocktorch/blobs/${'00'.repeat(32)}`, {}, 404, 'blob_absent')
    await refused('/blocktorch/blobs/..', {}, 404, 'route_unknown')
  })

  it('serves metrics as Prometheus text', async () => {
    const { type, body } = await send('/metrics')
    check.match(type, /^text\/plain; version=0\.0\.4/)
    check.match(body, /block_height 1/)
  })

  it('streams committed blocks to a bounded number of readers', async () => {
    const open: ReturnType<typeof request>[] = []
    const first = await new Promise<AsyncIterator<string>>((resolve, reject) => {
      for (let at = 0; at < STREAMS_MAX; at++) {
        const call = request(`${server.url}/blocktorch/events`, { agent: false }, (got) => {
          check.match(got.headers['content-type'] ?? '', /^text\/event-stream/)
          got.on('error', () => undefined)
          opened.push(got.setEncoding('utf8'))
          if (opened.length === STREAMS_MAX) {
            resolve((opened[0] as AsyncIterable<string>)[Symbol.asyncIterator]())
          }
        })
        call.on('error', reject)
        call.end()
        open.push(call)
      }
      const opened: AsyncIterable<string>[] = []
    })
    await refused('/blocktorch/events', {}, 503, 'http_busy')
    check.match((await first.next()).value ?? '', /^: open/)
    feed.tell(committed(7n))
    const message = (await first.next()).value ?? ''
    check.match(message, /^id: 7\nevent: block-committed\ndata: \{.*\}\n\n$/)
    const data = JSON.parse(message.split('data: ')[1] ?? '') as { events: { value: string }[] }
    check.equal(data.events[0]?.value, '340282366920938463463374607431768211455')
    for (const call of open) {
      call.removeAllListeners('error').on('error', () => undefined)
      call.destroy()
    }
  })

  it('survives bytes that are no HTTP', async () => {
    const { hostname, port } = new URL(server.url)
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write('\u0000\u0001nonsense\r\n\r\n'),
      )
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      socket.resume()
    })
    check.equal((await send('/healthz')).status, 200)
  })

  it('explains every code it may answer with', () => {
    for (const code of [
      'route_unknown',
      'pool_duplicate',
      'balance_insufficient',
      'hex_malformed',
    ]) {
      check.ok(refusalEntry(code) !== undefined, code)
    }
  })
})

function committed(height: bigint): NodeFact {
  const value = (1n << 128n) - 1n
  const event = { kind: 'burned', subject: '', actor: '', value, count: 1n, reason: 'x' } as const
  return {
    kind: 'block-committed',
    height,
    id: '00'.repeat(32),
    round: 0,
    objects: 1,
    bytes: 9,
    events: [event],
    finalityMs: 12,
  }
}
