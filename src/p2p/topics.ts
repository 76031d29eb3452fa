/**
 * Gossip topics: their names on the wire, the largest payload of each, and the id of a message.
 *
 * A name carries the chain, so that two networks that meet by accident never mix. The id is a
 * function of topic and payload alone: a copy has the id of its original, whoever sends it.
 *
 * Source: design of the protocol §2; docs/reference/wire.md, Topics.
 */

import { assert } from '../base/assert.ts'
import { u32Bytes, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import type { Topic } from '../runtime/ports.ts'

const KIB = 1024

/** Largest payload of one message, bytes. Anything larger travels by name, over a stream. */
export const PAYLOAD_BYTES_MAX: Readonly<Record<Topic, number>> = {
  'consensus-votes': KIB,
  // A part of 64 KiB in an envelope that names its proposal, its index and its signer.
  'consensus-proposals': 65 * KIB,
  'slashing-evidence': 64 * KIB,
  receipts: 16 * KIB,
  attestations: 16 * KIB,
  transactions: 96 * KIB,
  'job-offers': 8 * KIB,
}

/** In the order in which a busy node looks at them. */
export const TOPICS: readonly Topic[] = [
  'consensus-votes',
  'consensus-proposals',
  'slashing-evidence',
  'receipts',
  'attestations',
  'transactions',
  'job-offers',
]

export const MESSAGE_ID_BYTES = 20
const MESSAGE_ID_DOMAIN = utf8('bt/gossip/1')
const CHAIN_ID = /^[a-z0-9][a-z0-9-]{0,62}$/

/** `/blocktorch/<chain id>/<topic>/1`. */
export function topicName(chainId: string, topic: Topic): string {
  assert(CHAIN_ID.test(chainId), 'a chain id is lower-case letters, digits and hyphens')
  return `/blocktorch/${chainId}/${topic}/1`
}

/** From the name on the wire back to the topic, for one chain. */
export function topicsByName(chainId: string): ReadonlyMap<string, Topic> {
  return new Map(TOPICS.map((topic) => [topicName(chainId, topic), topic]))
}

/** First 20 bytes of SHA-256(domain || length of name || name || payload); 20 bytes. */
export function messageId(name: string, payload: Uint8Array): Uint8Array {
  const named = utf8(name)
  return sha256(MESSAGE_ID_DOMAIN, u32Bytes(named.length), named, payload).subarray(
    0,
    MESSAGE_ID_BYTES,
  )
}
