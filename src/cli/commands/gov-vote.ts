/** `tb-cli gov vote ID yes|no|abstain|veto`: votes with the power of the key's account. */

import { fromHex, toHex } from '../../base/bytes.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { signingKey } from '../keys.ts'
import { transact } from '../submit.ts'

const OPTIONS: readonly string[] = ['yes', 'no', 'abstain', 'veto']

export const run: Command = async (context, input) => {
  const proposal = idArgument(input)
  const vote = input.args[1] ?? ''
  const option = OPTIONS.indexOf(vote) + 1
  if (option === 0) fail(EXIT.usage, 'vote_unknown', { vote, known: OPTIONS.join(', ') })
  const client = await context.client()
  const pair = signingKey(context, input)
  const { id, height } = await transact(context, client, pair, {
    name: 'vote',
    payload: { proposal: fromHex(proposal, 32), option },
  })
  const voter = toHex(pair.publicKey)
  report(
    context,
    { ok: true, id, height, proposal, vote, voter },
    () => `${vote} to ${proposal}, in block #${height}`,
  )
}
