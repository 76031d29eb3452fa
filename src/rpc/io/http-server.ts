/**
 * The HTTP interface: routes of the tables over fastify, on the loopback address unless told else.
 *
 *   request -> host known? -> sizes, depth, keys -> schema -> view -> JSON
 *                   '------------ refused: {error: {code, message, facts, hint, docs}}
 *
 * Invariants
 *   - Bodies, depth, keys, connections, streams and transfers are bounded; a slow client times out.
 *   - A page of another site cannot read answers or write: only named origins are allowed, and a
 *     request must name a host that this interface serves.
 *   - `close` ends streams and connections and resolves when the port is free.
 */

import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'

import { type Refusal, RefusalError, refusal } from '../../base/refusal.ts'
import type { FactFeed } from '../../node/fact-feed.ts'
import type { Logger } from '../../runtime/ports.ts'
import { checkJsonLimits } from '../json-limits.ts'
import { errorBody, statusOf } from '../refusal-tables.ts'
import { addBlobRoutes, type BlobDoor } from './blob-routes.ts'
import { EventStreams } from './event-streams.ts'
import type { RouteContext } from './route.ts'
import { CHAIN_ROUTES } from './routes-chain.ts'
import { MARKET_ROUTES } from './routes-market.ts'

export const ROUTES = [...CHAIN_ROUTES, ...MARKET_ROUTES]

export const BODY_BYTES_MAX = 1024 * 1024
export const CONNECTIONS_MAX = 256
const REQUEST_MS = 60_000
const KEEP_ALIVE_MS = 10_000
const PARAM_MAX = 128
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]', '::1']
const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::']

export interface HttpOptions extends RouteContext {
  readonly feed: FactFeed
  readonly blobs: BlobDoor
  readonly metrics: () => Promise<string>
  readonly log: Logger
  /** 127.0.0.1 unless an operator wants otherwise. */
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Origins of pages that may read, such as an explorer served elsewhere. */
  readonly origins?: readonly string[]
  /** Further names under which requests come in, such as that of a proxy. */
  readonly hosts?: readonly string[]
}

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Listens; the routes answer from then on. */
export async function openHttpServer(options: HttpOptions): Promise<HttpServer> {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    connectionTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_MAX },
    // A path that does not decode never reaches the handlers below.
    frameworkErrors: (error, _request, reply) => {
      const known = refusalOf(error) ?? refusal('query_malformed', { field: 'path' })
      const plain = reply as FastifyReply
      plain.code(statusOf(known)).send(errorBody(known))
    },
  })
  server.server.maxConnections = CONNECTIONS_MAX
  const streams = new EventStreams(options.feed)
  guard(server, options)
  answerErrors(server, options.log)
  parseJson(server)
  addRoutes(server, options)
  addBlobRoutes(server, options.blobs)
  server.get('/metrics', async (_request, reply) =>
    reply.type(METRICS_TYPE).send(await options.metrics()),
  )
  server.get('/blocktorch/events', (_request, reply) => streams.open(reply))
  server.addHook('preClose', async () => streams.close())
  const url = await server.listen({ host: options.host, port: options.port })
  return { url, close: () => server.close() }
}

function addRoutes(server: FastifyInstance, context: RouteContext): void {
  for (const { method, path, run } of ROUTES) {
    server.route({
      method,
      url: path,
      handler: async ({ params, query, body }) => run(context, { params, query, body }),
    })
  }
}

/** Only for hosts we serve, and readable only for pages of origins we know. */
function guard(server: FastifyInstance, { host, hosts = [], origins = [] }: HttpOptions): void {
  const isOpen = ANY_ADDRESS.includes(host)
  const served = new Set([...LOOPBACK, ...hosts, host])
  server.addHook('onRequest', async ({ headers, hostname }, reply) => {
    if (!isOpen && !served.has(hostname)) {
      throw new RefusalError(refusal('host_unknown', { host: hostname }))
    }
    const { origin } = headers
    if (origin !== undefined && origins.includes(origin)) {
      reply.header('access-control-allow-origin', origin).header('vary', 'origin')
    }
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  })
}

function parseJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const text = String(body)
    const limited = checkJsonLimits(text)
    if (limited !== undefined) {
      done(new RefusalError(limited))
      return
    }
    try {
      done(null, JSON.parse(text))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      done(new RefusalError(refusal('body_malformed', { problem: 'not JSON' })))
    }
  })
}

function answerErrors(server: FastifyInstance, log: Logger): void {
  server.setNotFoundHandler(({ method, url }, reply) => {
    const facts = { method, path: url.slice(0, PARAM_MAX) }
    return reply.code(404).send(errorBody(refusal('route_unknown', facts)))
  })
  server.setErrorHandler((error, { method, url }, reply) => {
    const known = refusalOf(error)
    if (known !== undefined) return reply.code(statusOf(known)).send(errorBody(known))
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.error('http-fault', { code: 'internal_fault', method, path: url, problem })
    return reply.code(500).send(errorBody(refusal('internal_fault')))
  })
}

const BY_FASTIFY_CODE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unknown',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body_malformed',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body_malformed',
  FST_ERR_BAD_URL: 'query_malformed',
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof RefusalError) return error.refusal
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number }
  const named = BY_FASTIFY_CODE[code ?? '']
  if (named !== undefined) return refusal(named)
  const isTheirs = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  return isTheirs ? refusal('body_malformed', { problem: code ?? '' }) : undefined
}
