/** The frame of `tb-cli`: usage, exit codes, errors, rendering, finding and talking to a node. */

import { strict as check } from 'node:assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import fc from 'fast-check'

import { COMMANDS } from '../../../src/cli/catalogue.ts'
import { openClient } from '../../../src/cli/client.ts'
import type { Environment } from '../../../src/cli/context.ts'
import { findEndpoint } from '../../../src/cli/endpoint.ts'
import { explain, reportFailure } from '../../../src/cli/errors.ts'
import { CliFailure, EXIT } from '../../../src/cli/failure.ts'
import { printable, toCsv, toJson, toTable } from '../../../src/cli/render.ts'
import { invoke } from './invoke.ts'

describe('the command line', () => {
  it('answers help with 0 and misuse with 2', async () => {
    check.equal((await invoke(['--help'])).exit, EXIT.ok)
    check.equal((await invoke(['keys', 'new', '--help'])).exit, EXIT.ok)
    for (const argv of [['bogus'], [], ['keys'], ['keys', 'new'], ['keys', 'list', '--no-such']]) {
      check.equal((await invoke(argv)).exit, EXIT.usage, argv.join(' '))
    }
  })

  it('keeps one JSON object alone on stdout, for misuse too', async () => {
    const { exit, stdout } = await invoke(['keys', 'bogus', '--json'])
    check.equal(exit, EXIT.usage)
    check.equal(stdout.trimEnd().includes('\n'), false)
    const { ok, error } = JSON.parse(stdout) as { ok: boolean; error: Record<string, unknown> }
    check.equal(ok, false)
    check.equal(error['code'], 'usage')
    check.equal(error['docs'], 'docs/errors.md#usage')
  })

  it('has a file that runs for every command, and a name for each only once', async () => {
    check.equal(new Set(COMMANDS.map(({ path }) => path)).size, COMMANDS.length)
    for (const { load } of COMMANDS) check.equal(typeof (await load()).run, 'function')
  })

  it('calls what Ctrl-C ended interrupted', async () => {
    const stop = new AbortController()
    stop.abort()
    const { exit } = await invoke(['keys', 'show', 'nobody'], { signal: stop.signal })
    check.equal(exit, EXIT.interrupted)
  })
})

describe('rendering', () => {
  it('writes big numbers as decimal strings and bytes as hexadecimal', () => {
    const value = { big: 2n ** 100n, bytes: new Uint8Array([0, 255]), none: undefined }
    check.equal(toJson(value), '{"big":"1267650600228229401496703205376","bytes":"00ff"}')
  })

  it('writes CSV that a plain reader gives back', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ a: fc.string(), b: fc.string() })), (rows) => {
        check.deepEqual(readCsv(toCsv(['a', 'b'], rows)), [
          ['a', 'b'],
          ...rows.map(({ a, b }) => [a, b]),
        ])
      }),
    )
  })

  it('lines tables up, numbers to the right, and says when there is nothing', () => {
    const rows = [
      { id: 'x', height: 9 },
      { id: 'long', height: 10 },
    ]
    check.equal(toTable(['id', 'height'], rows), 'ID    HEIGHT\nx          9\nlong      10')
    check.equal(toTable(['id'], []), '(none)')
  })

  it('lets no control character of a peer reach the terminal', () => {
    check.equal(printable('a\u001b[31mb\r\n\u009b'), 'a?[31mb???')
  })
})

describe('errors', () => {
  it('carry code, message, hint and place', async () => {
    let stderr = ''
    const environment = environmentWith({ stderr: (text) => (stderr += text) })
    const failure = new CliFailure(EXIT.noNode, { code: 'no_node', facts: { url: 'http://x' } })
    check.equal(await reportFailure(environment, 'text', failure), EXIT.noNode)
    check.match(stderr, /^error: no_node: No node answers\. \(url=http:\/\/x\)\n/)
    check.match(stderr, /hint: .*\n.*see: {2}docs\/errors\.md#no_node/)
  })

  it('know the codes of other rooms and no others', async () => {
    check.notEqual(await explain('codec_malformed'), undefined)
    check.equal(await explain('no_such_code_at_all'), undefined)
    check.equal(await explain('toString'), undefined)
  })
})

describe('finding a node', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-endpoint-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const devnet = (text: string): void => writeFileSync(join(folder, 'devnet.json'), text)
  const found = (named?: string, env = {}): string => {
    try {
      return findEndpoint(environmentWith({ cwd: folder, env }), named)
    } catch (error) {
      if (error instanceof CliFailure) return error.refusal.code
      throw error
    }
  }

  it('prefers what is named over TB_NODE over the devnet file', () => {
    check.equal(found(), 'no_node')
    devnet('{"nodes":[{"name":"v0"},{"name":"v1","http":"http://127.0.0.1:3/"}]}')
    check.equal(found(), 'http://127.0.0.1:3')
    check.equal(found(undefined, { TB_NODE: 'http://127.0.0.1:2' }), 'http://127.0.0.1:2')
    check.equal(found(' "http://127.0.0.1:1/" ', { TB_NODE: 'x' }), 'http://127.0.0.1:1')
    check.equal(found('.'), 'http://127.0.0.1:3')
    check.equal(found('devnet.json'), 'http://127.0.0.1:3')
    check.equal(found('nowhere'), 'no_node')
  })

  it('refuses a devnet file without a node', () => {
    for (const text of ['', 'null', '{}', '{"nodes":7}', '{"nodes":[]}', '{"nodes":[null,{}]}']) {
      devnet(text)
      check.equal(found(), 'devnet_file_malformed', text)
    }
  })
})

describe('talking to a node', () => {
  it('gives the answer, or the exit code that fits the refusal', async () => {
    const answers: Readonly<Record<string, readonly [number, string]>> = {
      '/ok': [200, '{"height":7}'],
      '/gone': [404, '{"code":"job_unknown","facts":{"id":"ab"}}'],
      '/bare': [404, 'nothing'],
      '/bad': [422, '{"error":{"code":"offer_unfunded","facts":{}}}'],
      '/broken': [500, '<html>'],
      '/text': [200, 'not json'],
      '/nothing': [200, ''],
    }
    await withServer(
      (request, response) => {
        const [status, body] = answers[request.url ?? ''] ?? [400, '']
        response.writeHead(status).end(body)
      },
      async (url) => {
        const client = openClient({ url, timeoutMs: 5000, signal: new AbortController().signal })
        check.deepEqual(await client.get('/ok'), { height: 7 })
        const outcome = (path: string): Promise<unknown> => outcomeOf(client.get(path))
        check.deepEqual(await outcome('/gone'), [EXIT.notFound, 'job_unknown'])
        check.deepEqual(await outcome('/bare'), [EXIT.notFound, 'not_found'])
        check.deepEqual(await outcome('/bad'), [EXIT.rejected, 'offer_unfunded'])
        check.deepEqual(await outcome('/broken'), [EXIT.failed, 'answer_malformed'])
        check.deepEqual(await outcome('/text'), [EXIT.failed, 'answer_malformed'])
        check.deepEqual(await outcome('/nothing'), [EXIT.failed, 'answer_malformed'])
      },
    )
  })

  it('tells silence from absence, and stops when it is told to', async () => {
    await withServer(
      () => {
        // Never answers.
      },
      async (url) => {
        const quiet = openClient({ url, timeoutMs: 50, signal: new AbortController().signal })
        check.deepEqual(await outcomeOf(quiet.get('/')), [EXIT.timeOut, 'node_silent'])
        const stop = new AbortController()
        const stopped = openClient({ url, timeoutMs: 60_000, signal: stop.signal }).get('/')
        stop.abort()
        check.deepEqual(await outcomeOf(stopped), [EXIT.interrupted, 'interrupted'])
      },
    )
    const signal = new AbortController().signal
    const nobody = openClient({ url: 'http://127.0.0.1:1', timeoutMs: 5000, signal })
    check.deepEqual(await outcomeOf(nobody.get('/')), [EXIT.noNode, 'no_node'])
  })

  it('hears events whole, however they are cut', async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(': a comment\n\ndata: {"height":1}\n\ndata: {"hei')
        setImmediate(() => response.end('ght":2}\n\n'))
      },
      async (url) => {
        const client = openClient({ url, timeoutMs: 5000, signal: new AbortController().signal })
        const heard: unknown[] = []
        for await (const item of client.events('/events')) heard.push(item)
        check.deepEqual(heard, [{ height: 1 }, { height: 2 }])
      },
    )
  })
})

function environmentWith(parts: Partial<Environment>): Environment {
  const nothing = (): void => {}
  const signal = new AbortController().signal
  return { cwd: '', env: {}, stdout: nothing, stderr: nothing, terminal: false, signal, ...parts }
}

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call
  } catch (error) {
    if (error instanceof CliFailure) return [error.exit, error.refusal.code]
    throw error
  }
}

async function withServer(
  listener: RequestListener,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** A reader of RFC 4180 that shares nothing with the writer. */
function readCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    const quoted = text[at] === '"'
    const match = quoted ? /"((?:[^"]|"")*)"/y : /[^,\r\n]*/y
    match.lastIndex = at
    const [whole = '', inside = ''] = match.exec(text) ?? []
    row.push(quoted ? inside.replaceAll('""', '"') : whole)
    at += whole.length
    if (text.startsWith('\r\n', at)) {
      rows.push(row)
      row = []
      at += 2
    } else {
      at += 1
    }
  }
  return rows
}
