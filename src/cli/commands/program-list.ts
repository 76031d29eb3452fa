/** `tb-cli program list`: registered programs, newest first. */

import type { Items, ProgramRow } from '../answers.ts'
import { listQuery } from '../arguments.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  const query = listQuery(input, [])
  const { items, next } = await client.get<Items<ProgramRow>>(`/blocktorch/programs${query}`)
  const columns = ['id', 'name', 'state', 'reason', 'openJobs', 'registeredHeight']
  reportList(context, { name: 'programs', columns, rows: items, beside: { ok: true, next } })
}
