/**
 * The identity key of a node, kept in a file only its owner may read.
 *
 * The file holds the libp2p protobuf of an Ed25519 private key. It is made once, with its final
 * name only when its bytes are on disk, and never overwritten.
 */

import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'

import { refuse } from '../../base/refusal.ts'

/** Reads the key at `path`, or makes one there with mode 0600. */
export async function loadIdentity(path: string): Promise<PrivateKey> {
  const stored = await readIfPresent(path)
  if (stored !== undefined) return parse(stored, path)
  const key = await generateKeyPair('Ed25519')
  await writeNew(path, privateKeyToProtobuf(key))
  return key
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(bytes: Uint8Array, path: string): PrivateKey {
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type === 'Ed25519') return key
  } catch (error) {
    return refuse('identity_key_unreadable', { path, reason: String((error as Error).message) })
  }
  return refuse('identity_key_unreadable', { path, reason: 'another kind of key' })
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
}
