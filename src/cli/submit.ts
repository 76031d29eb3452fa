/**
 * Transactions from the command line: the next nonce, a signature, and the wait for a block.
 *
 * A transaction in a block has done what it says: the chain knows no failed ones.
 */

import { fromHex, toHex } from '../base/bytes.ts'
import type { Action } from '../ledger/types/transaction.ts'
import type { KeyPair } from '../runtime/io/key-file.ts'
import type { Accepted, Account, Status } from './answers.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { until } from './waiting.ts'
import { type Signed, signTransaction } from './wallet.ts'

export const INCLUSION_MS = 60_000
const POLL_MS = 150

export async function genesisHashOf(client: Client): Promise<Uint8Array> {
  const { chain } = await client.get<Status>('/blocktorch/status')
  return fromHex(chain.genesisHash, 32)
}

export function accountOf(client: Client, id: string): Promise<Account> {
  return client.get<Account>(`/blocktorch/accounts/${id}`)
}

/** @returns hex id. @throws CliFailure with the node's reason */
export async function submitSigned(client: Client, { bytes }: Signed): Promise<string> {
  const { id } = await client.post<Accepted>('/blocktorch/submit', { envelope: toHex(bytes) })
  return id
}

/** Submits and waits until it stands in a block. @throws CliFailure inclusion_awaited */
export async function transact(
  context: Pick<Context, 'signal'>,
  client: Client,
  pair: KeyPair,
  action: Action,
  tip = 0n,
): Promise<{ readonly id: string; readonly height: number }> {
  const sender = toHex(pair.publicKey)
  const [genesisHash, { nonce }] = await Promise.all([
    genesisHashOf(client),
    accountOf(client, sender),
  ])
  const signed = signTransaction(genesisHash, pair, BigInt(nonce), tip, action)
  const id = await submitSigned(client, signed)
  const wait = { signal: context.signal, withinMs: INCLUSION_MS, everyMs: POLL_MS }
  await until({ ...wait, code: 'inclusion_awaited', facts: { id } }, async () => {
    const account = await accountOf(client, sender)
    return account.nonce > nonce ? account : undefined
  })
  const { chain } = await client.get<Status>('/blocktorch/status')
  return { id, height: chain.height }
}
