/**
 * A node's HTTP interface as the commands use it: JSON out, JSON in, refusals as failures.
 *
 * node:http rather than fetch, which alone would cost more than a whole start of the command line.
 */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

import type { Fact } from '../base/refusal.ts'
import { CliFailure, EXIT, type ExitCode, fail } from './failure.ts'

/** More than any page of a list has. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const LINE_BYTES_MAX = 1024 * 1024

export interface ClientOptions {
  readonly url: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface Client {
  readonly url: string
  /** `path` begins with a slash. @throws CliFailure */
  get<Answer>(path: string): Promise<Answer>
  getText(path: string): Promise<string>
  post<Answer>(path: string, body: unknown): Promise<Answer>
  /** Sends raw bytes, for blobs. */
  postBytes<Answer>(path: string, bytes: Uint8Array): Promise<Answer>
  /** Reads raw bytes, for blobs. */
  getBytes(path: string): Promise<Uint8Array>
  /** The node's clock as its answers are stamped: milliseconds, whole seconds. */
  clockMs(): Promise<number | undefined>
  /** Server-sent events: one object for each `data:` line, until the node or Ctrl-C ends it. */
  events<Item>(path: string): AsyncGenerator<Item>
}

interface Exchange {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: Uint8Array
  readonly contentType?: string
  /** A stream lives as long as it likes once it has begun. */
  readonly endless?: boolean
}

export function openClient(options: ClientOptions): Client {
  const json = async <Answer>(exchange: Exchange): Promise<Answer> => {
    const answer = await send(options, exchange)
    return parse(options.url, await readAll(answer)) as Answer
  }
  return {
    url: options.url,
    get: (path) => json({ method: 'GET', path }),
    getText: async (path) => readAll(await send(options, { method: 'GET', path })),
    post: (path, body) =>
      json({
        method: 'POST',
        path,
        body: new TextEncoder().encode(JSON.stringify(body)),
        contentType: 'application/json',
      }),
    postBytes: (path, bytes) =>
      json({ method: 'POST', path, body: bytes, contentType: 'application/octet-stream' }),
    getBytes: async (path) => readBytes(await send(options, { method: 'GET', path })),
    clockMs: async () => {
      const answer = await send(options, { method: 'GET', path: '/blocktorch/status' })
      await readBytes(answer)
      const stamp = Date.parse(answer.headers.date ?? '')
      return Number.isNaN(stamp) ? undefined : stamp
    },
    events: (path) => readEvents(options, path),
  }
}

function send(options: ClientOptions, exchange: Exchange): Promise<IncomingMessage> {
  const { url, timeoutMs, signal } = options
  const { method, path, body, contentType, endless } = exchange
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const headers = {
      accept: endless === true ? 'text/event-stream' : 'application/json',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(body === undefined ? {} : { 'content-length': body.length }),
    }
    const call = request(`${url}${path}`, { method, headers, signal }, (answer) => {
      if (endless === true) call.setTimeout(0)
      const status = answer.statusCode ?? 0
      if (status >= 200 && status < 300) resolve(answer)
      else readAll(answer).then((text) => reject(refusedBy(url, status, text)), reject)
    })
    call.setTimeout(timeoutMs, () => {
      const facts = { url, timeoutMs }
      call.destroy(new CliFailure(EXIT.timeOut, { code: 'node_silent', facts }))
    })
    call.on('error', (error) => reject(asFailure(url, error)))
    call.end(body)
  })
}

/** Connection errors mean that there is no node; what is already a failure stays what it is. */
function asFailure(url: string, error: Error): Error {
  if (error instanceof CliFailure) return error
  if (error.name === 'AbortError') {
    return new CliFailure(EXIT.interrupted, { code: 'interrupted', facts: {} })
  }
  const reason = (error as NodeJS.ErrnoException).code ?? error.message
  return new CliFailure(EXIT.noNode, { code: 'no_node', facts: { url, reason } })
}

interface RefusalBody {
  readonly code?: unknown
  readonly facts?: Readonly<Record<string, Fact>>
  readonly hint?: unknown
  readonly error?: RefusalBody
}

/** The node's refusal: its own code wherever it gave one. */
function refusedBy(url: string, status: number, text: string): CliFailure {
  const exit: ExitCode =
    status === 404
      ? EXIT.notFound
      : status === 408 || status === 504
        ? EXIT.timeOut
        : status >= 500
          ? EXIT.failed
          : EXIT.rejected
  const outer = tryParse(text) as RefusalBody | undefined
  const body = outer?.error ?? outer
  if (typeof body?.code === 'string' && /^[a-z][a-z0-9_]*$/.test(body.code)) {
    const hint = typeof body.hint === 'string' && body.hint !== '' ? body.hint : undefined
    return new CliFailure(exit, { code: body.code, facts: body.facts ?? {} }, hint)
  }
  const code = status === 404 ? 'not_found' : 'answer_malformed'
  return new CliFailure(exit, { code, facts: { url, status } })
}

async function readAll(answer: IncomingMessage): Promise<string> {
  return Buffer.from(await readBytes(answer)).toString('utf8')
}

async function readBytes(answer: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > ANSWER_BYTES_MAX) fail(EXIT.failed, 'answer_malformed', { bytes: length })
      chunks.push(chunk)
    }
  } catch (error) {
    throw asFailure('', error as Error)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function parse(url: string, text: string): unknown {
  const value = tryParse(text)
  if (typeof value !== 'object' || value === null) {
    return fail(EXIT.failed, 'answer_malformed', { url, bytes: text.length })
  }
  return value
}

async function* readEvents<Item>(options: ClientOptions, path: string): AsyncGenerator<Item> {
  const answer = await send(options, { method: 'GET', path, endless: true })
  let rest = ''
  try {
    for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
      rest += chunk
      if (rest.length > LINE_BYTES_MAX) fail(EXIT.failed, 'answer_malformed', { url: options.url })
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('data:')) yield parse(options.url, line.slice('data:'.length)) as Item
      }
    }
  } catch (error) {
    throw asFailure(options.url, error as Error)
  }
}
