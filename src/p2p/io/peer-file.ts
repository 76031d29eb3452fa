/** The peers a node has met, in a JSON file, so that a restart needs no bootstrap node. */

import { readFile, rename, writeFile } from 'node:fs/promises'

import { z } from 'zod'

import { ADDRESSES_PER_PEER_MAX, KNOWN_PEERS_MAX } from '../known-peers.ts'

const PeerFile = z.object({
  version: z.literal(1),
  peers: z
    .array(
      z.object({
        id: z.string().max(128),
        addresses: z.array(z.string().max(256)).max(ADDRESSES_PER_PEER_MAX),
      }),
    )
    .max(KNOWN_PEERS_MAX),
})

export type StoredPeer = z.infer<typeof PeerFile>['peers'][number]

/** What the file holds; nothing when it is absent or unreadable, for it is only a convenience. */
export async function readPeerFile(path: string): Promise<readonly StoredPeer[]> {
  try {
    return PeerFile.parse(JSON.parse(await readFile(path, 'utf8'))).peers
  } catch {
    return []
  }
}

/** Replaces the file whole. */
export async function writePeerFile(path: string, peers: readonly StoredPeer[]): Promise<void> {
  const draft = `${path}.new`
  const kept = peers.slice(0, KNOWN_PEERS_MAX)
  await writeFile(draft, `${JSON.stringify({ version: 1, peers: kept }, null, 2)}\n`)
  await rename(draft, path)
}
