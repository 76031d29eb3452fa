/**
 * Ed25519 as the chain judges it: which keys are admitted, and ZIP-215 for signatures in blocks.
 *
 * Keys are admitted only if their encoding is canonical and their point has no torsion, so that
 * every rule for verifying agrees on what they sign honestly.
 *
 * Source: protocol.md §1 (Signatures); ZIP-215; RFC 8032 §5.1.
 */

import { ed25519 } from '@noble/curves/ed25519.js'

/** A canonical encoding of a point of the prime-order group, the neutral one excluded. */
export function isAdmissibleKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  try {
    const point = ed25519.Point.fromBytes(publicKey)
    return !point.is0() && point.isTorsionFree()
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

/** ZIP-215: cofactored, non-canonical points allowed, s canonical. Takes any bytes. */
export function verifyZip215(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  return ed25519.verify(signature, message, publicKey, { zip215: true })
}
