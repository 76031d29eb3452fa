/**
 * The fast hash functions: OpenSSL's SHA-256, hashtree for pairs, our own BLAKE3.
 *
 * Same results as the portable ones in `base/hash.ts`. Every entry point calls `installNativeHash`
 * before anything is hashed.
 */

import { hash as hashOnce } from 'node:crypto'
import { hash as hashPairs } from '@chainsafe/hashtree'

import { type HashSuite, installHash } from '../../base/hash.ts'
import { loadAddon, type NativeAddon } from './native-addon.ts'

export function nativeHash(addon: NativeAddon): HashSuite {
  return {
    sha256: (bytes) => new Uint8Array(hashOnce('sha256', bytes, 'buffer')),
    blake3: (bytes, key) => addon.blake3(bytes, key),
    sha256Pairs: (nodes) => (nodes.length === 0 ? new Uint8Array(0) : hashPairs(nodes)),
  }
}

/** @throws RefusalError native_addon_missing */
export function installNativeHash(): void {
  installHash(nativeHash(loadAddon()))
}
