/** `tb-cli gov params`: the values the chain is governed by, with their bounds. */

import type { ParamsAnswer } from '../answers.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context) => {
  const client = await context.client()
  const { version, height, items } = await client.get<ParamsAnswer>('/blocktorch/gov/params')
  const columns = ['key', 'value', 'unit', 'default', 'min', 'max', 'gate']
  const beside = { ok: true, version, height }
  reportList(context, { name: 'params', columns, rows: items, beside })
  if (context.format === 'text') context.stderr(`version ${version}, since #${height}\n`)
}
