/** Meaning and way out of every code that an answer of this interface may carry. */

import {
  REFUSALS as base,
  type Refusal,
  type RefusalEntry,
  type RefusalTable,
} from '../base/refusal.ts'
import { REFUSALS as compute } from '../compute/refusals.ts'
import { REFUSALS as consensus } from '../consensus/refusals.ts'
import { REFUSALS as governance } from '../governance/refusals.ts'
import { REFUSALS as market } from '../ledger/market-refusals.ts'
import { REFUSALS as ledger } from '../ledger/refusals.ts'
import { factsOf } from '../node/views/json.ts'
import { REFUSALS as p2p } from '../p2p/refusals.ts'
import { REFUSALS as program } from '../program/refusals.ts'
import { REFUSALS as runtime } from '../runtime/refusals.ts'
import { REFUSALS as rpc } from './refusals.ts'

const TABLES: readonly RefusalTable[] = [
  base,
  compute,
  consensus,
  governance,
  ledger,
  market,
  p2p,
  program,
  rpc,
  runtime,
]

export function refusalEntry(code: string): RefusalEntry | undefined {
  return TABLES.find((table) => Object.hasOwn(table, code))?.[code]
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly facts: Readonly<Record<string, string | number | boolean>>
    readonly hint: string
    readonly docs: string
  }
}

export function errorBody({ code, facts }: Refusal): ErrorBody {
  const entry = refusalEntry(code)
  return {
    error: {
      code,
      message: entry?.meaning ?? code.replaceAll('_', ' '),
      facts: factsOf(facts),
      hint: entry?.remedy ?? '',
      docs: `docs/errors.md#${code}`,
    },
  }
}

const STATUS: Readonly<Record<string, number>> = {
  blob_absent: 404,
  block_unknown: 404,
  id_unknown: 404,
  route_unknown: 404,
  faucet_absent: 404,
  host_unknown: 403,
  http_busy: 503,
  internal_fault: 500,
  body_malformed: 400,
  query_malformed: 400,
  json_too_deep: 400,
  hex_malformed: 400,
  body_too_large: 413,
  media_type_unknown: 415,
  submit_silent: 504,
}
/** Understood, and refused by the rules of pool, ledger or store. */
const REFUSED = 422

export function statusOf({ code }: Refusal): number {
  return STATUS[code] ?? REFUSED
}
