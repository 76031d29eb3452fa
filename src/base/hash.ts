/**
 * The hash functions of the protocol: SHA-256 for ledger objects, BLAKE3 for tensor and blob bytes.
 *
 * The portable implementation stands here; `runtime/io/native-hash.ts` installs a faster one with
 * the same results before anything is hashed. Every vector runs on both.
 */

import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

import { concatBytes, utf8 } from './bytes.ts'

export interface HashSuite {
  sha256(bytes: Uint8Array): Uint8Array
  /** Plain when `key` is absent; keyed with 32 bytes otherwise. */
  blake3(bytes: Uint8Array, key?: Uint8Array): Uint8Array
  /** Hashes pairs of 32-byte nodes: [2n x 32] in, [n x 32] out. */
  sha256Pairs(nodes: Uint8Array): Uint8Array
}

export const portableHash: HashSuite = {
  sha256: (bytes) => nobleSha256(bytes),
  blake3: (bytes, key) => nobleBlake3(bytes, key === undefined ? {} : { key }),
  sha256Pairs: (nodes) => {
    const out = new Uint8Array(nodes.length / 2)
    for (let offset = 0; offset < out.length; offset += 32) {
      out.set(nobleSha256(nodes.subarray(2 * offset, 2 * offset + 64)), offset)
    }
    return out
  },
}

let suite: HashSuite = portableHash

/** Replaces the implementation for the whole process; called once, by an entry point. */
export function installHash(faster: HashSuite): void {
  suite = faster
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return suite.sha256(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts))
}

export function blake3(bytes: Uint8Array): Uint8Array {
  return suite.blake3(bytes)
}

export function blake3Keyed(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return suite.blake3(bytes, key)
}

export function sha256Pairs(nodes: Uint8Array): Uint8Array {
  return suite.sha256Pairs(nodes)
}

/**
 * The digest that is signed: SHA-256("bt/<kind>/1" || genesisHash || body).
 * Binding kind and chain keeps a signature from meaning anything elsewhere.
 */
export function signingDigest(kind: string, genesisHash: Uint8Array, body: Uint8Array): Uint8Array {
  return sha256(utf8(`bt/${kind}/1`), genesisHash, body)
}
