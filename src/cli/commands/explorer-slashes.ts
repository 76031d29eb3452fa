/** `tb-cli explorer slashes`: who lost what, for what, and where it went. */

import type { Items, Slash } from '../answers.ts'
import { listQuery } from '../arguments.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  const query = listQuery(input, [])
  const { items, next } = await client.get<Items<Slash>>(`/blocktorch/slashes${query}`)
  const columns = [
    'height',
    'role',
    'offender',
    'amount',
    'reason',
    'burned',
    'compensated',
    'subject',
    'evidence',
  ]
  reportList(context, { name: 'slashes', columns, rows: items, beside: { ok: true, next } })
}
