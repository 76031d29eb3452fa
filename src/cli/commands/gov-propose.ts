/** `tb-cli gov propose KEY=VALUE...`: proposes to change parameters, or to undo such a change. */

import { fromHex, toHex, utf8, ZERO_32 } from '../../base/bytes.ts'
import { PROPOSAL_ITEMS_MAX } from '../../ledger/types/transaction.ts'
import { amountOption, showAmount } from '../amounts.ts'
import type { ParamsAnswer } from '../answers.ts'
import { idOption } from '../arguments.ts'
import type { Client } from '../client.ts'
import { type Command, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { signingKey } from '../keys.ts'
import { transact } from '../submit.ts'

const KIND_CHANGE = 1
const KIND_ROLLBACK = 2
const TITLE_MAX = 128

export const run: Command = async (context, input) => {
  const client = await context.client()
  const pair = signingKey(context, input)
  const items = input.args.map(itemOf)
  const rollback = idOption(input, 'rollback')
  const isRollback = rollback !== undefined
  if (isRollback === items.length > 0 || items.length > PROPOSAL_ITEMS_MAX) {
    fail(EXIT.usage, 'proposal_items', { items: items.length, itemsMax: PROPOSAL_ITEMS_MAX })
  }
  const deposit = amountOption(input, 'deposit', await wantedDeposit(client))
  const title = titleOf(input, items, rollback)
  const { id, height } = await transact(context, client, pair, {
    name: 'propose',
    payload: {
      kind: isRollback ? KIND_ROLLBACK : KIND_CHANGE,
      rollback: isRollback ? fromHex(rollback, 32) : ZERO_32,
      title: utf8(title),
      deposit,
      items: items.map(({ key, value }) => ({ key: utf8(key), value })),
    },
  })
  const proposer = toHex(pair.publicKey)
  const answer = { ok: true, id, height, title, proposer, deposit }
  report(context, answer, () =>
    [
      `proposal ${id} stands in block #${height}, deposit ${showAmount(deposit)}`,
      `Validators vote with: tb-cli gov vote ${id} yes`,
    ].join('\n'),
  )
}

async function wantedDeposit(client: Client): Promise<bigint> {
  const { items } = await client.get<ParamsAnswer>('/blocktorch/gov/params')
  return BigInt(items.find(({ key }) => key === 'gov_deposit')?.value ?? '0')
}

/** Whether the key exists and the value is within its bounds is the ledger's to say. */
function itemOf(word: string): { readonly key: string; readonly value: bigint } {
  const [, key, digits] = /^([a-z][a-z0-9_]{0,63})=(\d{1,20})$/.exec(word) ?? []
  if (key === undefined || digits === undefined) {
    return fail(EXIT.usage, 'proposal_item_malformed', { item: word.slice(0, 80) })
  }
  return { key, value: BigInt(digits) }
}

function titleOf(
  { options }: Input,
  items: readonly { readonly key: string; readonly value: bigint }[],
  rollback: string | undefined,
): string {
  const { title } = options
  const made =
    rollback === undefined
      ? items.map(({ key, value }) => `${key} = ${value}`).join(', ')
      : `roll back ${rollback.slice(0, 8)}`
  const chosen = typeof title === 'string' ? title : made.slice(0, TITLE_MAX)
  if (utf8(chosen).length > TITLE_MAX) fail(EXIT.usage, 'title_too_long', { bytesMax: TITLE_MAX })
  return chosen
}
