/** Real signatures in virtual time: keys from seeds, checked by OpenSSL while the world stands still. */

import { createPublicKey, type KeyObject, verify } from 'node:crypto'

import { toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/hash.ts'
import { type KeyPair, keyPairOf } from '../../runtime/io/key-file.ts'
import type { SignatureCheck } from '../../runtime/ports.ts'

const KEYS_MAX = 4096
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const keys = new Map<string, KeyObject>()

/** The pair that a name stands for in every world. */
export function pairNamed(name: string): KeyPair {
  return keyPairOf(sha256(utf8(`sim/${name}`)))
}

export function checkSignature({ publicKey, digest, signature }: SignatureCheck): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false
  return verify(null, digest, keyObject(publicKey), signature)
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const name = toHex(publicKey)
  const known = keys.get(name)
  if (known !== undefined) return known
  if (keys.size >= KEYS_MAX) keys.clear()
  const der = Buffer.concat([SPKI_PREFIX, publicKey])
  const made = createPublicKey({ key: der, format: 'der', type: 'spki' })
  keys.set(name, made)
  return made
}
