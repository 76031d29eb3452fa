/**
 * Invites: where a network is found, and which one it must be.
 *
 *     http://127.0.0.1:4000                         whatever chain answers there
 *     http://127.0.0.1:4000#<64 hex digits>         only the chain of this genesis hash
 */

import { fromHex, toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import { checkGenesis } from '../ledger/genesis-check.ts'
import { chainId, type Genesis, GenesisCodec, genesisHash } from '../ledger/types/genesis.ts'
import type { GenesisAnswer } from './answers.ts'
import { idOf } from './arguments.ts'
import type { Client } from './client.ts'
import { EXIT, fail } from './failure.ts'

export interface Invite {
  readonly url: string
  /** Hex. */
  readonly genesisHash: string | undefined
}

/** @throws CliFailure usage, id_malformed */
export function parseInvite(given: string): Invite {
  const [url = '', hash] = given.trim().split('#')
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) fail(EXIT.usage, 'usage', { invite: given })
  return {
    url: url.replace(/\/+$/, ''),
    genesisHash: hash === undefined || hash === '' ? undefined : idOf(hash),
  }
}

export interface Chain {
  readonly genesis: Genesis
  readonly genesisHash: string
  readonly chainId: string
  readonly bootstrap: readonly string[]
}

/**
 * Fetches the genesis and hashes it here: what the node says about it is not believed.
 * @throws CliFailure genesis_mismatch; RefusalError codec_*, genesis_*
 */
export async function fetchChain(client: Client, expected: string | undefined): Promise<Chain> {
  const answer = await client.get<GenesisAnswer>('/blocktorch/genesis')
  const genesis = decode(GenesisCodec, fromHex(answer.genesis))
  const hash = toHex(genesisHash(genesis))
  const wanted = expected ?? answer.genesisHash
  if (hash !== wanted || hash !== answer.genesisHash) {
    fail(EXIT.rejected, 'genesis_mismatch', { wanted, told: answer.genesisHash, hash })
  }
  const fault = checkGenesis(genesis)
  if (fault !== undefined) refuse(fault.code, fault.facts)
  return { genesis, genesisHash: hash, chainId: chainId(genesis), bootstrap: answer.bootstrap }
}
