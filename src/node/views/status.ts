/** Who this node is, where its chain stands, who its peers are, and what it started from. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { signersOf } from '../../ledger/commit.ts'
import { freeBond, providerOf } from '../../ledger/providers-bonds.ts'
import { chainId, GenesisCodec } from '../../ledger/types/genesis.ts'
import { validatorOf, validatorsAt } from '../../ledger/validators.ts'
import type { Queries } from '../queries.ts'
import { Amount, Count, Height, Hex, Id } from './json.ts'

export const HealthView = z.object({
  ok: z.boolean(),
  height: Height,
  peers: Count,
  syncing: z.boolean(),
  reason: z.string().optional(),
})

export function healthView(queries: Queries): z.infer<typeof HealthView> {
  const { syncing, targetHeight } = queries.sync()
  const height = Number(queries.ledger.head.height)
  const peers = queries.peers().length
  const reason = syncing
    ? `catching up: ${height} of ${targetHeight}`
    : peers === 0
      ? queries.peersReason()
      : undefined
  return { ok: !syncing, height, peers, syncing, ...(reason === undefined ? {} : { reason }) }
}

export const StatusView = z.object({
  version: z.string(),
  peerId: z.string(),
  addresses: z.array(z.string()),
  account: Id.nullable(),
  roles: z.array(z.enum(['validator', 'provider', 'observer'])),
  chain: z.object({
    id: z.string(),
    name: z.string(),
    genesisHash: Id,
    height: Height,
    headId: Id,
    headTimeMs: z.number(),
    stateRoot: Id,
    paramsVersion: Count,
    syncing: z.boolean(),
  }),
  consensus: z.object({ height: Height, round: Count, step: z.string() }),
  validator: z
    .object({
      active: z.boolean(),
      index: Count.optional(),
      power: z.string(),
      votesFromHeight: Height.optional(),
      lastSignedHeight: Height.optional(),
    })
    .optional(),
  provider: z
    .object({ bond: Amount, free: Amount, openAsks: Count, openAttempts: Count })
    .optional(),
  peers: Count,
  pool: z.object({
    transactions: Count,
    offers: Count,
    receipts: Count,
    attestations: Count,
    evidence: Count,
  }),
  http: z.string(),
})
export type StatusView = z.infer<typeof StatusView>

export function statusView(queries: Queries): StatusView {
  const { ledger, pool } = queries
  const { genesis, genesisHash, head, paramsVersion } = ledger
  const info = queries.info()
  const consensus = queries.consensus()
  const account = info.account
  const validator = account === undefined ? undefined : ownValidator(queries, account)
  const provider = account === undefined ? undefined : ownProvider(queries, account)
  return {
    version: info.version,
    peerId: info.peerId,
    addresses: [...info.addresses],
    account: account ?? null,
    roles: [...info.roles],
    chain: {
      id: chainId(genesis),
      name: new TextDecoder().decode(genesis.name),
      genesisHash: toHex(genesisHash),
      height: Number(head.height),
      headId: toHex(head.id),
      headTimeMs: Number(head.timeMs),
      stateRoot: toHex(head.stateRoot),
      paramsVersion,
      syncing: queries.sync().syncing,
    },
    consensus: { ...consensus, height: Number(consensus.height) },
    ...(validator === undefined ? {} : { validator }),
    ...(provider === undefined ? {} : { provider }),
    peers: queries.peers().length,
    pool: { ...pool.counts() },
    http: info.http,
  }
}

function ownValidator({ ledger }: Queries, account: string): StatusView['validator'] {
  const { state, head } = ledger
  const record = validatorOf(state, account)
  if (record === undefined) return undefined
  const next = head.height + 1n
  const members = validatorsAt(state, next)
  const index = members.findIndex(({ id }) => toHex(id) === account)
  const power = String(members[index]?.power ?? 0n)
  const isIn = index >= 0
  const willVote = !isIn && record.vrfFrom > next
  return {
    active: isIn,
    ...(isIn ? { index } : {}),
    power,
    ...(willVote ? { votesFromHeight: Number(record.vrfFrom) } : {}),
    ...lastSigned(ledger, account),
  }
}

/** Read off the last commit: whether this validator is among those who signed it. */
function lastSigned(
  { head, state }: Queries['ledger'],
  account: string,
): { readonly lastSignedHeight?: number } {
  if (head.height === 0n) return {}
  const members = validatorsAt(state, head.height)
  const index = members.findIndex(({ id }) => toHex(id) === account)
  return signersOf(head.commit).includes(index) ? { lastSignedHeight: Number(head.height) } : {}
}

function ownProvider({ ledger }: Queries, account: string): StatusView['provider'] {
  const record = providerOf(ledger.state, account)
  if (record === undefined) return undefined
  const { bond, openAsks, openAttempts } = record
  return { bond: String(bond), free: String(freeBond(record)), openAsks, openAttempts }
}

export const PeersView = z.object({
  items: z.array(
    z.object({
      peerId: z.string(),
      addresses: z.array(z.string()),
      height: Height.nullable(),
      score: z.number(),
      direction: z.enum(['inbound', 'outbound']),
      connectedMs: z.number(),
    }),
  ),
  reason: z.string().optional(),
})

export function peersView(queries: Queries): z.infer<typeof PeersView> {
  const reason = queries.peersReason()
  const items = queries.peers().map((peer) => ({
    ...peer,
    addresses: [...peer.addresses],
    height: peer.height === undefined ? null : Number(peer.height),
  }))
  return items.length > 0 || reason === undefined ? { items } : { items, reason }
}

export const GenesisView = z.object({
  genesis: Hex,
  genesisHash: Id,
  chainId: z.string(),
  bootstrap: z.array(z.string()),
})

export function genesisView(queries: Queries): z.infer<typeof GenesisView> {
  const { genesis, genesisHash } = queries.ledger
  return {
    genesis: toHex(encode(GenesisCodec, genesis)),
    genesisHash: toHex(genesisHash),
    chainId: chainId(genesis),
    bootstrap: [...queries.info().bootstrap],
  }
}
