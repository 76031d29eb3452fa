/** `tb-cli compute list`: jobs, newest first. */

import type { Items, JobRow } from '../answers.ts'
import { listQuery } from '../arguments.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  const query = listQuery(input, ['state', 'provider', 'buyer'])
  const { items, next } = await client.get<Items<JobRow>>(`/blocktorch/jobs${query}`)
  const columns = [
    'id',
    'programName',
    'lane',
    'verification',
    'state',
    'reason',
    'provider',
    'payment',
    'offeredHeight',
  ]
  reportList(context, { name: 'jobs', columns, rows: items, beside: { ok: true, next } })
}
