/**
 * The verifier port: OpenSSL on the thread pool, and ZIP-215 for what OpenSSL refuses in a block.
 *
 *   gossip    OpenSSL's accept
 *   proposal  OpenSSL, then ZIP-215 for at most 8 of the batch: a fresh proposal that needs more
 *             is refused, because each costs milliseconds
 *   block     OpenSSL, then ZIP-215 without limit: what was decided is judged by the law alone
 *
 * What was accepted is remembered, key, digest and signature together, so that votes and objects
 * heard by gossip cost nothing when they stand in a block. Acceptance by OpenSSL holds under every
 * rule; acceptance by ZIP-215 alone is not remembered.
 *
 * Under the last two a batch stands or falls as a whole: after the first signature that ZIP-215
 * refuses, the rest of those OpenSSL refused are answered false unlooked at.
 *
 * Source: protocol.md §1 (Signatures).
 */

import { createPublicKey, type KeyObject, verify } from 'node:crypto'

import { equalBytes, toHex } from '../../base/bytes.ts'
import { verifyZip215 } from '../../base/ed25519-keys.ts'
import type { SignatureCheck, SignatureRule, Verifier } from '../ports.ts'

/** Signatures a fresh proposal may hold that OpenSSL refuses. */
export const FALLBACKS_MAX = 8
/** Keys kept imported. */
const KEYS_MAX = 4096
/** Accepted signatures remembered: a few blocks' worth. */
const ACCEPTED_MAX = 65_536
/** Checks of one batch on the pool at once, so that the disk gets its turn. */
const IN_FLIGHT_MAX = 16

export function createEd25519Verifier(): Verifier {
  const memory: Memory = { keys: new KeyCache(), accepted: new AcceptedSet() }
  return {
    check: (batch, rule, done) => {
      void checkAll(memory, batch, rule).then((valid) => setImmediate(done, valid))
    },
  }
}

interface Memory {
  readonly keys: KeyCache
  readonly accepted: AcceptedSet
}

async function checkAll(
  { keys, accepted }: Memory,
  batch: readonly SignatureCheck[],
  rule: SignatureRule,
): Promise<readonly boolean[]> {
  const valid: boolean[] = batch.map(() => false)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < batch.length; at = next++) {
      const one = batch[at] as SignatureCheck
      valid[at] = accepted.has(one) || (await checkOne(keys, one))
      if (valid[at]) accepted.add(one)
    }
  }
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT_MAX, batch.length) }, lane))
  if (rule !== 'gossip') await fallBack(batch, valid, rule)
  return valid
}

async function fallBack(
  batch: readonly SignatureCheck[],
  valid: boolean[],
  rule: Exclude<SignatureRule, 'gossip'>,
): Promise<void> {
  const refused = valid.flatMap((each, at) => (each ? [] : [at]))
  if (rule === 'proposal' && refused.length > FALLBACKS_MAX) return
  for (const at of refused) {
    const { publicKey, digest, signature } = batch[at] as SignatureCheck
    if (!verifyZip215(publicKey, digest, signature)) return
    valid[at] = true
    await new Promise((resume) => setImmediate(resume))
  }
}

function checkOne(
  keys: KeyCache,
  { publicKey, digest, signature }: SignatureCheck,
): Promise<boolean> {
  const key = keys.get(publicKey)
  // OpenSSL takes a longer signature for an error, not for a refusal.
  if (key === undefined || signature.length !== 64) return Promise.resolve(false)
  return new Promise((answer, fail) => {
    verify(null, digest, key, signature, (error, accepted) => {
      if (error === null) answer(accepted)
      else fail(error)
    })
  })
}

/** Checks that OpenSSL accepted; the oldest are forgotten first. */
class AcceptedSet {
  readonly #bySignature = new Map<string, SignatureCheck>()

  has(check: SignatureCheck): boolean {
    const known = this.#bySignature.get(nameOf(check))
    return (
      known !== undefined &&
      equalBytes(known.publicKey, check.publicKey) &&
      equalBytes(known.digest, check.digest)
    )
  }

  add(check: SignatureCheck): void {
    this.#bySignature.set(nameOf(check), check)
    if (this.#bySignature.size <= ACCEPTED_MAX) return
    const [oldest] = this.#bySignature.keys()
    if (oldest !== undefined) this.#bySignature.delete(oldest)
  }
}

/** The signature's bytes as a string. */
function nameOf({ signature }: SignatureCheck): string {
  return Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString('latin1')
}

/** Imported keys, least recently used forgotten first. */
class KeyCache {
  readonly #keys = new Map<string, KeyObject>()

  get(publicKey: Uint8Array): KeyObject | undefined {
    if (publicKey.length !== 32) return undefined
    const name = toHex(publicKey)
    const key = this.#keys.get(name) ?? importKey(publicKey)
    this.#keys.delete(name)
    this.#keys.set(name, key)
    if (this.#keys.size > KEYS_MAX) {
      const [oldest] = this.#keys.keys()
      if (oldest !== undefined) this.#keys.delete(oldest)
    }
    return key
  }
}

/** Any 32 bytes can be imported; whether they are a point is found out when verifying. */
function importKey(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}
