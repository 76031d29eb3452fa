/** `tb-cli status`: who the node is, where its chain stands, and whether it votes. */

import { showAmount } from '../amounts.ts'
import type { Status } from '../answers.ts'
import { type Command, report } from '../context.ts'
import { toPairs } from '../render.ts'

export const run: Command = async (context) => {
  const client = await context.client()
  const status = await client.get<Status>('/blocktorch/status')
  report(context, { ok: true, ...status }, () => toPairs(lines(status)))
}

function lines(status: Status): [string, unknown][] {
  const { chain, pool } = status
  const waiting = Object.values(pool).reduce((sum, count) => sum + count, 0)
  return [
    ['node', `${status.peerId} (version ${status.version})`],
    ['roles', status.roles.join(', ')],
    ['account', status.account ?? 'none'],
    ['chain', `${chain.id}, genesis ${chain.genesisHash}`],
    ['height', chain.syncing ? `${chain.height} (catching up)` : chain.height],
    ['head', `${chain.headId} at ${new Date(chain.headTimeMs).toISOString()}`],
    ['state root', chain.stateRoot],
    ['parameters', `version ${chain.paramsVersion}`],
    ...validatorLines(status),
    ...providerLines(status),
    ['peers', status.peers],
    ['pool', `${waiting} objects waiting`],
    ['http', status.http],
  ]
}

function validatorLines({ validator }: Status): [string, unknown][] {
  if (validator === undefined) return []
  const { active, power, votesFromHeight, lastSignedHeight } = validator
  const signed = lastSignedHeight === undefined ? '' : `, last signed ${lastSignedHeight}`
  const from = votesFromHeight === undefined ? 'not in the set' : `votes from ${votesFromHeight}`
  return [['validator', active ? `active, power ${power}${signed}` : from]]
}

function providerLines({ provider }: Status): [string, unknown][] {
  if (provider === undefined) return []
  const { bond, free, openAsks, openAttempts } = provider
  const money = `bond ${showAmount(bond)}, free ${showAmount(free)}`
  return [['provider', `${money}, ${openAsks} asks, ${openAttempts} jobs in hand`]]
}
