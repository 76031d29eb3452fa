/** `tb-cli explorer receipts`: what providers claim to have run, newest first. */

import type { Items, Receipt } from '../answers.ts'
import { listQuery } from '../arguments.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  const query = listQuery(input, ['job', 'provider'])
  const { items, next } = await client.get<Items<Receipt>>(`/blocktorch/receipts${query}`)
  const columns = [
    'id',
    'height',
    'job',
    'attempt',
    'provider',
    'programName',
    'verification',
    'state',
    'reason',
    'paid',
    'latencyMs',
  ]
  reportList(context, { name: 'receipts', columns, rows: items, beside: { ok: true, next } })
}
