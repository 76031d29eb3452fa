/**
 * Ed25519 key files: one key a file, readable by its owner alone, and the signer made of one.
 *
 *   { "kind": "ed25519", "publicKey": 64 hex digits, "secretKey": 64 hex digits (the seed) }
 *
 * Invariants
 *   - A file appears whole and with mode 0600; it is never overwritten.
 *   - The public half in the file is the one that its secret half gives.
 *
 * Source: RFC 8032 for the keys.
 */

import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

import { assert } from '../../base/assert.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { RefusalError, refuse } from '../../base/refusal.ts'
import type { Signer } from '../ports.ts'

export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The seed, 32 bytes. */
  readonly secretKey: Uint8Array
}

/** More than any key file holds, so that a wrong path does not read a disk image. */
const KEY_FILE_BYTES_MAX = 4096
/** What stands before a 32-byte seed in the PKCS #8 form of RFC 8410. */
const PKCS8_PREFIX: Uint8Array = fromHex('302e020100300506032b657004220420')
const SPKI_PREFIX_BYTES = 12

function privateKeyOf(secretKey: Uint8Array): KeyObject {
  assert(secretKey.length === 32, 'an Ed25519 seed has 32 bytes')
  const der = Buffer.concat([PKCS8_PREFIX, secretKey])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

/** The pair that belongs to a 32-byte seed. */
export function keyPairOf(secretKey: Uint8Array): KeyPair {
  const der = createPublicKey(privateKeyOf(secretKey)).export({ format: 'der', type: 'spki' })
  return { publicKey: new Uint8Array(der.subarray(SPKI_PREFIX_BYTES)), secretKey }
}

export function newKeyPair(): KeyPair {
  return keyPairOf(new Uint8Array(randomBytes(32)))
}

export function signerOf(pair: KeyPair): Signer {
  const key = privateKeyOf(pair.secretKey)
  return {
    publicKey: pair.publicKey,
    sign: (digest) => new Uint8Array(sign(null, digest, key)),
  }
}

/**
 * Writes a new key file; the bytes are on disk when this returns.
 * @throws RefusalError key_file_exists
 */
export function writeKeyFile(path: string, pair: KeyPair): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const text = {
    kind: 'ed25519',
    publicKey: toHex(pair.publicKey),
    secretKey: toHex(pair.secretKey),
  }
  const draft = `${path}.${process.pid}.new`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, `${JSON.stringify(text)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    // A link, unlike a rename, refuses to take the place of a key that is already there.
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') refuse('key_file_exists', { path })
    throw error
  } finally {
    rmSync(draft)
  }
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/**
 * Reads a key file.
 * @throws RefusalError key_file_missing, key_file_open_to_others, key_file_malformed
 */
export function readKeyFile(path: string): KeyPair {
  const { mode, size } = status(path)
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    refuse('key_file_open_to_others', { path, mode: (mode & 0o777).toString(8) })
  }
  if (size > KEY_FILE_BYTES_MAX) refuse('key_file_malformed', { path, reason: 'too long' })
  return parse(path, readFileSync(path, 'utf8'))
}

function status(path: string): { readonly mode: number; readonly size: number } {
  try {
    return statSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') refuse('key_file_missing', { path })
    throw error
  }
}

function parse(path: string, text: string): KeyPair {
  try {
    const { kind, publicKey, secretKey } = (JSON.parse(text) ?? {}) as Record<string, unknown>
    if (kind !== 'ed25519') refuse('key_file_malformed', { path, reason: 'another kind of key' })
    const pair = keyPairOf(fromHex(String(secretKey), 32))
    if (toHex(pair.publicKey) === publicKey) return pair
  } catch (error) {
    // The secret must not leak into a message, so only the kind of fault is told.
    const known = error instanceof SyntaxError || error instanceof RefusalError
    if (!known) throw error
    refuse('key_file_malformed', { path, reason: 'not a key file' })
  }
  return refuse('key_file_malformed', { path, reason: 'the public key belongs to another secret' })
}
