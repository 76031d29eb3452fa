/**
 * Routes as data: path, schemas and what answers. Registration, checks and the reference page all
 * read the same list.
 */

import { z } from 'zod'

import { type Refusal, refuse } from '../../base/refusal.ts'
import type { SubmitOutcome } from '../../node/events.ts'
import type { Queries } from '../../node/queries.ts'

/** What a faucet grants, or why not. */
export type FaucetOutcome =
  | { readonly id: string; readonly value: bigint }
  | { readonly refusal: Refusal }

/** What routes call besides the queries. */
export interface RouteContext {
  readonly queries: Queries
  readonly submit: (bytes: Uint8Array, done: (outcome: SubmitOutcome) => void) => void
  readonly faucet: ((account: string, done: (outcome: FaucetOutcome) => void) => void) | undefined
}

export interface Raw {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
  readonly params: z.ZodType
  readonly query: z.ZodType
  readonly body: z.ZodType
  readonly answer: z.ZodType
  readonly run: (context: RouteContext, raw: Raw) => unknown
}

const Nothing = z.strictObject({})

interface Schemas<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly answer: z.ZodType
}

interface Input<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>
  readonly query: z.output<Q>
  readonly body: z.output<B>
}

/** `GET` unless the schemas name a body. */
export function route<
  P extends z.ZodType = typeof Nothing,
  Q extends z.ZodType = typeof Nothing,
  B extends z.ZodType = typeof Nothing,
>(
  path: string,
  summary: string,
  schemas: Schemas<P, Q, B>,
  answerTo: (context: RouteContext, input: Input<P, Q, B>) => unknown,
): Route {
  const params: z.ZodType = schemas.params ?? Nothing
  const query: z.ZodType = schemas.query ?? Nothing
  const body: z.ZodType = schemas.body ?? Nothing
  const hasBody = schemas.body !== undefined
  return {
    method: hasBody ? 'POST' : 'GET',
    path,
    summary,
    params,
    query,
    body,
    answer: schemas.answer,
    run: (context, raw) =>
      answerTo(context, {
        params: parsed('query_malformed', params, raw.params) as z.output<P>,
        query: parsed('query_malformed', query, raw.query) as z.output<Q>,
        body: (hasBody ? parsed('body_malformed', body, raw.body) : {}) as z.output<B>,
      }),
  }
}

const PROBLEM_MAX = 200

function parsed(code: string, schema: z.ZodType, value: unknown): unknown {
  const outcome = schema.safeParse(value ?? {})
  if (outcome.success) return outcome.data
  const [issue] = outcome.error.issues
  const field = (issue?.path ?? []).join('.').slice(0, PROBLEM_MAX)
  return refuse(code, { field, problem: (issue?.message ?? '').slice(0, PROBLEM_MAX) })
}

/** The value, or 404 with the code. */
export function found<Value>(value: Value | undefined, code: string, id: string | number): Value {
  return value ?? refuse(code, { id })
}
