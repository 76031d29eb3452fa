/** `tb-cli explorer blocks`: blocks, newest first, with who signed and what happened. */

import type { Block, Items } from '../answers.ts'
import { listQuery } from '../arguments.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context, input) => {
  const client = await context.client()
  const query = listQuery(input, ['from'])
  const { items, next } = await client.get<Items<Block>>(`/blocktorch/blocks${query}`)
  const rows = items.map((block) => ({ ...block, time: new Date(block.timeMs).toISOString() }))
  const shown = rows.map((row) => ({
    ...row,
    signatures: row.signers.length,
    objects: Object.values(row.counts).reduce((sum, count) => sum + count, 0),
    happened: row.events.map(({ kind }) => kind).join(' '),
  }))
  const columns = [
    'height',
    'time',
    'id',
    'proposer',
    'round',
    'signatures',
    'objects',
    'bytes',
    'happened',
  ]
  const isText = context.format !== 'json'
  const beside = { ok: true, next }
  reportList(context, { name: 'blocks', columns, rows: isText ? shown : items, beside })
}
