/** `tb-cli peers`: who the node is connected to, or why to nobody. */

import type { Peers } from '../answers.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context) => {
  const client = await context.client()
  const { items, reason } = await client.get<Peers>('/blocktorch/peers')
  const columns = ['peerId', 'height', 'score', 'direction', 'connectedMs', 'addresses']
  const beside = { ok: true, ...(reason === undefined ? {} : { reason }) }
  reportList(context, { name: 'peers', columns, rows: items, beside })
  if (reason !== undefined && context.format === 'text') context.stderr(`${reason}\n`)
}
