/** `tb-cli account transfer ID AMOUNT`: pays another account. */

import { fromHex, toHex } from '../../base/bytes.ts'
import { amountOption, parseAmount, showAmount } from '../amounts.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import { signingKey } from '../keys.ts'
import { transact } from '../submit.ts'

export const run: Command = async (context, input) => {
  const to = idArgument(input)
  const value = parseAmount(input.args[1] ?? '')
  const tip = amountOption(input, 'tip', 0n)
  const client = await context.client()
  const pair = signingKey(context, input)
  const action = { name: 'transfer', payload: { to: fromHex(to, 32), value } } as const
  const { id, height } = await transact(context, client, pair, action, tip)
  const from = toHex(pair.publicKey)
  report(
    context,
    { ok: true, id, height, from, to, value },
    () => `${showAmount(value)} to ${to}, in block #${height}`,
  )
}
