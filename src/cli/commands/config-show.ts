/** `tb-cli config show`: every setting a node started here would have, and where it comes from. */

import { readConfig } from '../../node/config.ts'
import { type Command, reportList } from '../context.ts'

export const run: Command = async (context) => {
  const { lines, unknown } = readConfig(context.env)
  const columns = ['key', 'value', 'source']
  reportList(context, { name: 'settings', columns, rows: lines, beside: { ok: true, unknown } })
  for (const name of unknown) context.stderr(`nobody reads ${name}\n`)
}
