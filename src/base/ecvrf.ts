/**
 * ECVRF-EDWARDS25519-SHA512-TAI: a random output that only the key's holder can make and everybody
 * can check.
 *
 *   prove(seed, alpha) -> pi (80 bytes: Gamma 32 | c 16 | s 32)
 *   verify(key, alpha, pi) -> beta (64 bytes) or nothing
 *
 * Source: RFC 9381 §5 and §5.5 (suite 0x03, try-and-increment); nonces as RFC 8032 §5.1.6.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'

import { assert } from './assert.ts'
import { concatBytes, equalBytes } from './bytes.ts'

const SUITE = Uint8Array.of(0x03)
const FRONT_HASH_TO_CURVE = Uint8Array.of(0x01)
const FRONT_CHALLENGE = Uint8Array.of(0x02)
const FRONT_OUTPUT = Uint8Array.of(0x03)
const BACK = Uint8Array.of(0x00)
const COFACTOR = 8n
export const VRF_PROOF_BYTES = 80
const CHALLENGE_BYTES = 16

const { Point } = ed25519
type CurvePoint = InstanceType<typeof Point>
const ORDER = Point.Fn.ORDER

/** The public key of a 32-byte seed. */
export function vrfPublicKey(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed)
}

/** @returns 80 bytes. Precondition: a seed of 32 bytes. */
export function vrfProve(seed: Uint8Array, alpha: Uint8Array): Uint8Array {
  assert(seed.length === 32, 'a VRF seed has 32 bytes')
  const { scalar, prefix, pointBytes } = ed25519.utils.getExtendedPublicKey(seed)
  const point = encodeToCurve(pointBytes, alpha)
  const pointHash = point.toBytes()
  const gamma = point.multiply(scalar)
  const nonce = littleEndian(sha512(concatBytes(prefix, pointHash))) % ORDER
  const challenge = challengeOf(
    pointBytes,
    pointHash,
    gamma.toBytes(),
    Point.BASE.multiply(nonce).toBytes(),
    point.multiply(nonce).toBytes(),
  )
  const response = (nonce + littleEndian(challenge) * scalar) % ORDER
  return concatBytes(gamma.toBytes(), challenge, toLittleEndian(response, 32))
}

/** The 64-byte output, or undefined when the proof does not hold. Takes any bytes. */
export function vrfVerify(
  publicKey: Uint8Array,
  alpha: Uint8Array,
  proof: Uint8Array,
): Uint8Array | undefined {
  const parts = parse(publicKey, proof)
  if (parts === undefined) return undefined
  const { key, gamma, challenge, response } = parts
  const point = encodeToCurve(publicKey, alpha)
  const weight = littleEndian(challenge)
  const left = multiply(Point.BASE, response).subtract(multiply(key, weight))
  const right = multiply(point, response).subtract(multiply(gamma, weight))
  const expected = challengeOf(
    publicKey,
    point.toBytes(),
    gamma.toBytes(),
    left.toBytes(),
    right.toBytes(),
  )
  return equalBytes(expected, challenge) ? outputOf(gamma) : undefined
}

/** The output of a proof that holds: what its maker knows without verifying. */
export function vrfOutput(proof: Uint8Array): Uint8Array {
  return outputOf(Point.fromBytes(proof.subarray(0, 32)))
}

interface ProofParts {
  readonly key: CurvePoint
  readonly gamma: CurvePoint
  readonly challenge: Uint8Array
  readonly response: bigint
}

function parse(publicKey: Uint8Array, proof: Uint8Array): ProofParts | undefined {
  if (proof.length !== VRF_PROOF_BYTES) return undefined
  const response = littleEndian(proof.subarray(48))
  const key = decodePoint(publicKey)
  const gamma = decodePoint(proof.subarray(0, 32))
  if (key === undefined || gamma === undefined || response >= ORDER) return undefined
  // RFC 9381 §5.4.5: a key of small order would let its holder choose the output.
  if (key.isSmallOrder()) return undefined
  return { key, gamma, challenge: proof.subarray(32, 48), response }
}

function encodeToCurve(salt: Uint8Array, alpha: Uint8Array): CurvePoint {
  for (let counter = 0; counter < 256; counter++) {
    const digest = sha512(
      concatBytes(SUITE, FRONT_HASH_TO_CURVE, salt, alpha, Uint8Array.of(counter), BACK),
    )
    const point = decodePoint(digest.subarray(0, 32))
    if (point !== undefined && !point.isSmallOrder()) return point.clearCofactor()
  }
  assert(false, 'one of 256 hashes is a point of the curve')
}

function challengeOf(...points: readonly Uint8Array[]): Uint8Array {
  return sha512(concatBytes(SUITE, FRONT_CHALLENGE, ...points, BACK)).subarray(0, CHALLENGE_BYTES)
}

function outputOf(gamma: CurvePoint): Uint8Array {
  const cleared = multiply(gamma, COFACTOR).toBytes()
  return sha512(concatBytes(SUITE, FRONT_OUTPUT, cleared, BACK))
}

/** The library's safe product refuses zero, which a proof may hold. */
function multiply(point: CurvePoint, scalar: bigint): CurvePoint {
  return scalar === 0n ? Point.ZERO : point.multiplyUnsafe(scalar)
}

/** RFC 8032 §5.1.3; a non-canonical or absent point is refused. */
function decodePoint(bytes: Uint8Array): CurvePoint | undefined {
  try {
    return Point.fromBytes(bytes)
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] as number)
  return value
}

function toLittleEndian(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width)
  let left = value
  for (let at = 0; at < width; at++) {
    bytes[at] = Number(left & 0xffn)
    left >>= 8n
  }
  return bytes
}
