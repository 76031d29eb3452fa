/**
 * `tb-cli join URL`: one command from nothing to a validator whose votes stand in blocks.
 *
 *   entered and synced -> funded -> bonded -> in the set ("you vote from block N") -> voted
 *
 * Every step looks first whether it is already done, so the same command resumes and restarts.
 */

import { fromHex } from '../../base/bytes.ts'
import { ROLE_VALIDATOR } from '../../ledger/types/transaction.ts'
import { amountOption, showAmount } from '../amounts.ts'
import type { Account, Block, Items, ValidatorRow } from '../answers.ts'
import { wholeOption } from '../arguments.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { enter, fund, type Newcomer, paramOf } from '../joining.ts'
import { keyOf, VALIDATOR_KEYS } from '../node-folder.ts'
import { type StartNode, startOwnNode } from '../own-node.ts'
import { accountOf, transact } from '../submit.ts'
import { until, untilInterrupted } from '../waiting.ts'
import { moreBond, validatorBond } from '../wallet.ts'

const POLL_MS = 300
const WITHIN_S_DEFAULT = 3_600
const WITHIN_S_MAX = 86_400
const BOND_SEEN_MS = 60_000

export const run: Command = (context, input) => joinWith(startOwnNode, context, input)

/** Exported so that tests can put another node in the place of the real one. */
export async function joinWith(
  startNode: StartNode,
  context: Context,
  input: Input,
): Promise<void> {
  const newcomer = await enter(context, input, startNode, {
    role: 'validator',
    keys: VALIDATOR_KEYS,
    flags: {},
  })
  const { node, chain, dataDir, account, tell } = newcomer
  try {
    const validator = await bonded(newcomer, input)
    const votesFrom = await inTheSet(newcomer, input, validator)
    const votedAt = await voted(newcomer, input)
    const answer = {
      ok: true,
      chain: chain.chainId,
      genesisHash: chain.genesisHash,
      account,
      dataDir,
      http: node.http,
      p2p: node.p2p,
      bond: validator.bond,
      votesFrom,
      votedAt,
    }
    report(context, answer, () => `your vote stands in block #${votedAt}`)
    if (input.options['exitAfterVote'] === true) return
    tell('Ctrl-C stops the node; the same command starts it again.')
    await untilInterrupted(context.signal)
  } finally {
    await node.stop()
  }
}

async function bonded(newcomer: Newcomer, input: Input): Promise<ValidatorRow> {
  const { context, own, account, keys, chain, tell } = newcomer
  const least = await paramOf(own, 'validator_min_bond')
  const wanted = amountOption(input, 'bond', least)
  if (wanted < least) fail(EXIT.usage, 'bond_too_small', { bond: wanted, least })
  const { validator } = await accountOf(own, account)
  requireStanding(validator, account)
  const missing = wanted - BigInt(validator?.bond ?? '0')
  if (validator !== null && missing <= 0n) return validator
  await fund(newcomer, missing)
  const pair = keyOf(keys, 'account')
  const action =
    validator === null
      ? validatorBond(
          fromHex(chain.genesisHash, 32),
          {
            account: pair,
            consensus: keyOf(keys, 'consensus'),
            vrfSeed: keyOf(keys, 'vrf').secretKey,
          },
          missing,
        )
      : moreBond(ROLE_VALIDATOR, missing)
  const { height } = await transact(context, own, pair, action)
  tell(`bonded ${showAmount(missing)} in block #${height}`)
  const wait = { signal: context.signal, withinMs: BOND_SEEN_MS, everyMs: POLL_MS }
  return await until({ ...wait, code: 'vote_awaited', facts: { account } }, async () => {
    const known = await accountOf(own, account)
    return known.validator ?? undefined
  })
}

/** Who was thrown out stays out; who was jailed says so itself. */
function requireStanding(validator: Account['validator'], account: string): void {
  if (validator?.state === 'tombstoned') fail(EXIT.rejected, 'validator_tombstoned', { account })
  if (validator?.state === 'jailed') {
    fail(EXIT.rejected, 'validator_jailed', { account, until: validator.jailedUntil ?? 0 })
  }
}

/** @returns the height from which it votes */
async function inTheSet(
  { context, own, account, tell }: Newcomer,
  input: Input,
  { state, vrfFrom }: ValidatorRow,
): Promise<number> {
  if (state !== 'active') tell(`you vote from block ${vrfFrom}`)
  const wait = { signal: context.signal, withinMs: withinMs(input), everyMs: POLL_MS }
  let told = -1
  return await until({ ...wait, code: 'vote_awaited', facts: { account, vrfFrom } }, async () => {
    const [{ validator }, { chain }] = await Promise.all([
      accountOf(own, account),
      own.get<{ readonly chain: { readonly height: number } }>('/blocktorch/status'),
    ])
    requireStanding(validator, account)
    if (validator?.state !== 'active') {
      if (chain.height > told) tell(`block ${chain.height}, waiting for ${vrfFrom}`)
      told = chain.height
      return undefined
    }
    tell(`in the validator set at block ${chain.height + 1}, power ${validator.power}`)
    return Math.max(vrfFrom, 1)
  })
}

/**
 * Asks the node that invited us: what only our own node says would prove nothing.
 * @returns the first height seen whose commit holds its signature
 */
async function voted({ context, remote, account }: Newcomer, input: Input): Promise<number> {
  const wait = { signal: context.signal, withinMs: withinMs(input), everyMs: POLL_MS }
  return await until({ ...wait, code: 'vote_awaited', facts: { account } }, async () => {
    const { items } = await remote.get<Items<Block>>('/blocktorch/blocks?limit=20')
    return items.filter(({ signers }) => signers.includes(account)).at(-1)?.height
  })
}

function withinMs(input: Input): number {
  const bounds = { fallback: WITHIN_S_DEFAULT, least: 1, most: WITHIN_S_MAX }
  return 1000 * wholeOption(input, 'within', bounds)
}
