/** The native hash functions give what the portable ones give. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { portableHash } from '../../../src/base/hash.ts'
import { nativeHash } from '../../../src/runtime/io/native-hash.ts'
import { addon } from './native.ts'

describe('native hash', () => {
  it('equals the portable one on any bytes, plain and keyed', () => {
    const native = nativeHash(addon())
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), key, (bytes, secret) => {
        check.equal(toHex(native.sha256(bytes)), toHex(portableHash.sha256(bytes)))
        check.equal(toHex(native.blake3(bytes)), toHex(portableHash.blake3(bytes)))
        check.equal(toHex(native.blake3(bytes, secret)), toHex(portableHash.blake3(bytes, secret)))
      }),
    )
  })

  it('equals the portable BLAKE3 at the edges of chunks and groups', () => {
    const native = nativeHash(addon())
    for (const chunks of [1, 2, 3, 16, 17, 63, 64, 65, 127, 128, 129, 192, 193]) {
      for (const more of [-1, 0, 1]) {
        const bytes = Uint8Array.from({ length: 1024 * chunks + more }, (_, at) => at % 251)
        check.equal(toHex(native.blake3(bytes)), toHex(portableHash.blake3(bytes)), `${chunks}`)
      }
    }
  })

  it('equals the portable one on pairs of nodes', () => {
    const native = nativeHash(addon())
    fc.assert(
      fc.property(fc.nat(20), fc.nat(255), (pairs, byte) => {
        const nodes = Uint8Array.from({ length: 64 * pairs }, (_, at) => (at * 7 + byte) % 256)
        check.equal(toHex(native.sha256Pairs(nodes)), toHex(portableHash.sha256Pairs(nodes)))
      }),
    )
  })
})
