/** docs/reference/http.md and openapi.json, from the routes and schemas that answer. */

import { z } from 'zod'

import { DEPTH_MAX, KEYS_MAX } from '../json-limits.ts'
import { TRANSFERS_MAX } from './blob-routes.ts'
import { STREAMS_MAX } from './event-streams.ts'
import { BODY_BYTES_MAX, CONNECTIONS_MAX, ROUTES } from './http-server.ts'
import type { Route } from './route.ts'

type JsonSchema = Readonly<Record<string, unknown>>

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

function propertiesOf(schema: z.ZodType): [string, unknown][] {
  const { properties } = jsonSchema(schema, 'input') as { readonly properties?: JsonSchema }
  return Object.entries(properties ?? {})
}

/** Routes whose bodies are not JSON, told in words. */
const OTHER_ROUTES: readonly (readonly [method: string, path: string, summary: string])[] = [
  ['GET', '/metrics', 'metrics as Prometheus text; see docs/reference/metrics.md'],
  ['POST, PUT', '/blocktorch/blobs', 'octet-stream in; `{digest, bytes}` out'],
  ['GET', '/blocktorch/blobs/:digest', 'the bytes of a blob this node holds'],
  ['GET', '/blocktorch/events', 'server-sent events: each committed block with its story'],
]

export function httpPage(): string {
  const rows = ROUTES.map(({ method, path, query, body, summary }) => {
    const words = [...propertiesOf(query), ...propertiesOf(body)].map(([name]) => `\`${name}\``)
    return `| ${method} | \`${path}\` | ${words.join(', ')} | ${summary} |`
  })
  const others = OTHER_ROUTES.map(
    ([method, path, summary]) => `| ${method} | \`${path}\` |  | ${summary} |`,
  )
  return [
    '# HTTP interface',
    '',
    'A node serves JSON on 127.0.0.1, one object an answer. Ids and digests are lower-case hex, money',
    'is a decimal string of nBLOCK, heights, counts and micros are numbers. `lane` is consumer or',
    'industrial, `verification` is fold, succinct or replay.',
    '',
    'Lists are `{items, next?}`, newest first: pass `next` back as `cursor` (of blocks: as `from`).',
    'What is refused is `{error: {code, message, facts, hint, docs}}` with a status: 400 malformed, 403',
    'a host that is not served, 404 unknown, 413 too large, 415 wrong content-type, 422 refused by the',
    'rules of pool, ledger or store, 503 busy, 504 undecided. Match on the code ([errors](../errors.md)).',
    '',
    `Limits: bodies of ${BODY_BYTES_MAX} bytes (blobs: as configured), JSON of depth ${DEPTH_MAX} with ${KEYS_MAX} members,`,
    `${CONNECTIONS_MAX} connections, ${STREAMS_MAX} event streams, ${TRANSFERS_MAX} blobs on their way at once.`,
    '',
    'A request must name a host that the node serves: the loopback names, the address it listens on, or',
    'those of its configuration. Pages of other origins get no answer they could read unless named.',
    '',
    'The schemas of all answers stand in [openapi.json](openapi.json). This page is generated from the',
    'routes by `npm run docs`.',
    '',
    '| method | path | query or body | answer |',
    '|---|---|---|---|',
    ...rows,
    ...others,
    '',
  ].join('\n')
}

export function openApiPage(): string {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const each of ROUTES) {
    const path = each.path.replace(/:([a-z]+)/gi, '{$1}')
    paths[path] = { ...paths[path], [each.method.toLowerCase()]: operation(each) }
  }
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'BlockTorch node',
      version: '1',
      description: 'What a node answers over HTTP. See docs/reference/http.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:{port}', variables: { port: { default: '9650' } } }],
    security: [],
    paths,
    components: { schemas: { Refusal: jsonSchema(RefusalBody, 'output') } },
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

const RefusalBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    hint: z.string(),
    docs: z.string(),
  }),
})

function operation({ method, path, params, query, body, answer, summary }: Route) {
  const parameters = [
    ...propertiesOf(params).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
    ...propertiesOf(query).map(([name, schema]) => ({
      name,
      in: 'query',
      required: false,
      schema,
    })),
  ]
  const json = (schema: unknown) => ({ 'application/json': { schema } })
  const request = { required: true, content: json(jsonSchema(body, 'input')) }
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-z]+([a-z])/gi, (_, first: string) => first.toUpperCase())}`,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(method === 'POST' ? { requestBody: request } : {}),
    responses: {
      200: { description: summary, content: json(jsonSchema(answer, 'output')) },
      '4XX': {
        description: 'refused, with a code',
        content: json({ $ref: '#/components/schemas/Refusal' }),
      },
    },
  }
}
