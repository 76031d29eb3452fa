/** `tb-cli keys` and the key files it makes. */

import { strict as check } from 'node:assert'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'

import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { attempt } from '../../../src/base/refusal.ts'
import { EXIT } from '../../../src/cli/failure.ts'
import {
  keyPairOf,
  newKeyPair,
  readKeyFile,
  signerOf,
  writeKeyFile,
} from '../../../src/runtime/io/key-file.ts'
import { invoke } from './invoke.ts'

describe('a key file', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-keys-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const refusedCode = (path: string): string => {
    const outcome = attempt(() => readKeyFile(path))
    return 'refused' in outcome ? outcome.refused.code : 'taken'
  }

  it('gives back the pair that was written, and only its owner may read it', () => {
    const path = join(folder, 'deep', 'a.json')
    const pair = newKeyPair()
    writeKeyFile(path, pair)
    check.deepEqual(readKeyFile(path), pair)
    check.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('is never overwritten', () => {
    const path = join(folder, 'a.json')
    writeKeyFile(path, newKeyPair())
    const before = readFileSync(path)
    const second = attempt(() => writeKeyFile(path, newKeyPair()))
    check.equal('refused' in second && second.refused.code, 'key_file_exists')
    check.deepEqual(readFileSync(path), before)
  })

  it('is refused when others may read it, when it is missing, and when it is not one', () => {
    const path = join(folder, 'a.json')
    check.equal(refusedCode(path), 'key_file_missing')
    writeKeyFile(path, newKeyPair())
    chmodSync(path, 0o644)
    check.equal(refusedCode(path), 'key_file_open_to_others')
    const publicKey = toHex(newKeyPair().publicKey)
    const secretKey = toHex(newKeyPair().secretKey)
    for (const text of [
      '',
      'null',
      '{}',
      '{"kind":"ed25519"}',
      JSON.stringify({ kind: 'secp256k1', publicKey, secretKey }),
      JSON.stringify({ kind: 'ed25519', publicKey, secretKey }),
      JSON.stringify({ kind: 'ed25519', publicKey, secretKey: secretKey.toUpperCase() }),
      ' '.repeat(5000),
    ]) {
      const bad = join(folder, 'bad.json')
      writeFileSync(bad, text, { mode: 0o600 })
      check.equal(refusedCode(bad), 'key_file_malformed', text)
    }
  })
})

describe('a key pair', () => {
  it('agrees with an independent implementation of Ed25519', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (seed, digest) => {
          const signer = signerOf(keyPairOf(seed))
          check.deepEqual(signer.publicKey, ed25519.getPublicKey(seed))
          check.deepEqual(signer.sign(digest), ed25519.sign(digest, seed))
        },
      ),
      { numRuns: 20 },
    )
  })

  it('matches the first vector of RFC 8032', () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    const pair = keyPairOf(seed)
    check.equal(
      toHex(pair.publicKey),
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
    check.equal(
      toHex(signerOf(pair).sign(new Uint8Array())).slice(0, 32),
      'e5564300c360ac729086e2cc806e828a',
    )
  })
})

describe('tb-cli keys', () => {
  let home = ''
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'blocktorch-home-'))
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  it('makes a key, says where it lies and how to keep it, and never shows the secret', async () => {
    const made = await invoke(['keys', 'new', 'alice', '--home', home])
    check.equal(made.exit, EXIT.ok)
    const path = join(home, 'keys', 'alice.json')
    check.equal(made.stdout.includes(path) && made.stdout.includes('Back it up'), true)
    const { publicKey, secretKey } = JSON.parse(readFileSync(path, 'utf8')) as Record<
      string,
      string
    >
    check.equal(made.stdout.includes(publicKey as string), true)
    const shown = await invoke(['keys', 'show', 'alice', '--home', home, '--json'])
    check.deepEqual(JSON.parse(shown.stdout), { ok: true, name: 'alice', publicKey, path })
    check.equal((made.stdout + shown.stdout).includes(secretKey as string), false)
  })

  it('lists keys in order and says which cannot be read', async () => {
    for (const name of ['bob', 'alice']) await invoke(['keys', 'new', name, '--home', home])
    writeFileSync(join(home, 'keys', 'carol.json'), 'nothing', { mode: 0o600 })
    const listed = await invoke(['keys', 'list', '--json'], { env: { TB_HOME: home } })
    const { keys } = JSON.parse(listed.stdout) as {
      keys: readonly { name: string; problem: string }[]
    }
    check.deepEqual(
      keys.map(({ name, problem }) => [name, problem]),
      [
        ['alice', ''],
        ['bob', ''],
        ['carol', 'key_file_malformed'],
      ],
    )
    const csv = await invoke(['keys', 'list', '--csv', '--home', home])
    check.equal(csv.stdout.split('\r\n')[0], 'name,publicKey,path,problem')
  })

  it('refuses names that would leave the folder, and keys that are there or are not', async () => {
    const bad = await invoke(['keys', 'new', '../x', '--home', home])
    check.equal(bad.exit, EXIT.usage)
    check.equal(bad.stderr.includes('key_name_malformed'), true)
    await invoke(['keys', 'new', 'a', '--home', home])
    check.equal((await invoke(['keys', 'new', 'a', '--home', home])).exit, EXIT.failed)
    check.equal((await invoke(['keys', 'show', 'b', '--home', home])).exit, EXIT.notFound)
  })
})
