/** `tb-cli account show [ID]`: balance, nonce and roles; of your own key without an id. */

import { toHex } from '../../base/bytes.ts'
import { showAmount } from '../amounts.ts'
import type { Account } from '../answers.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import { signingKey } from '../keys.ts'
import { toPairs } from '../render.ts'
import { accountOf } from '../submit.ts'

export const run: Command = async (context, input) => {
  const isOwn = input.args[0] === undefined
  const id = isOwn ? toHex(signingKey(context, input).publicKey) : idArgument(input)
  const account = await accountOf(await context.client(), id)
  report(context, { ok: true, ...account }, () => words(account))
}

function words({ id, balance, nonce, validator, provider }: Account): string {
  return toPairs([
    ['account', id],
    ['balance', showAmount(balance)],
    ['nonce', nonce],
    ...(validator === null
      ? []
      : [['validator', `${validator.state}, bond ${showAmount(validator.bond)}`] as const]),
    ...(provider === null
      ? []
      : [
          [
            'provider',
            `${provider.state}, bond ${showAmount(provider.bond)}, free ${showAmount(provider.free)}`,
          ] as const,
        ]),
  ])
}
