/** Signatures against three sets of edge cases: gossip's rule, the law's rule, and which keys count. */

import { strict as check } from 'node:assert'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

import { fromHex, utf8 } from '../../../src/base/bytes.ts'
import { isAdmissibleKey, verifyZip215 } from '../../../src/base/ed25519-keys.ts'
import { createEd25519Verifier, FALLBACKS_MAX } from '../../../src/runtime/io/ed25519-verifier.ts'
import { keyPairOf, signerOf } from '../../../src/runtime/io/key-file.ts'
import type { SignatureCheck, SignatureRule } from '../../../src/runtime/ports.ts'

interface Case {
  readonly name: string
  readonly check: SignatureCheck
}

// The compiled tests lie four folders below the repository's root.
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../../..')

function load(name: string): unknown {
  const path = join(ROOT, 'test/vectors/ed25519', `${name}.json.gz`)
  return JSON.parse(gunzipSync(readFileSync(path)).toString())
}

function caseOf(name: string, key: string, message: Uint8Array, signature: string): Case {
  return {
    name,
    check: { publicKey: fromHex(key), digest: message, signature: fromHex(signature) },
  }
}

function cctv(): Case[] {
  const cases = load('cctv') as { number: number; key: string; sig: string; msg: string }[]
  return cases.map(({ number, key, sig, msg }) => caseOf(`cctv ${number}`, key, utf8(msg), sig))
}

function speccheck(): Case[] {
  const cases = load('speccheck') as { message: string; pub_key: string; signature: string }[]
  return cases.map(({ message, pub_key, signature }, at) =>
    caseOf(`speccheck ${at}`, pub_key, fromHex(message), signature),
  )
}

function wycheproof(): { readonly accepted: boolean; readonly one: Case }[] {
  const { testGroups } = load('wycheproof') as {
    testGroups: {
      publicKey: { pk: string }
      tests: { tcId: number; msg: string; sig: string; result: string }[]
    }[]
  }
  return testGroups.flatMap(({ publicKey, tests }) =>
    tests.map(({ tcId, msg, sig, result }) => ({
      accepted: result === 'valid',
      one: caseOf(`wycheproof ${tcId}`, publicKey.pk, fromHex(msg), sig),
    })),
  )
}

function verdicts(cases: readonly Case[], rule: SignatureRule): Promise<readonly boolean[]> {
  const verifier = createEd25519Verifier()
  return new Promise((done) => {
    verifier.check(
      cases.map((each) => each.check),
      rule,
      done,
    )
  })
}

function lawful({ check: one }: Case): boolean {
  return verifyZip215(one.publicKey, one.digest, one.signature)
}

describe('Ed25519', () => {
  it('admits to gossip nothing that a block would refuse', async () => {
    const cases = [...cctv(), ...speccheck(), ...wycheproof().map(({ one }) => one)]
    check.equal(cases.length, 914 + 12 + 151)
    const gossip = await verdicts(cases, 'gossip')
    const wrong = cases.filter((each, at) => gossip[at] === true && !lawful(each))
    check.deepEqual(
      wrong.map(({ name }) => name),
      [],
    )
    check.ok(gossip.filter((each) => each).length > 50)
  })

  it('agrees with Wycheproof on gossip, and takes whatever it takes into a block', async () => {
    const cases = wycheproof()
    const gossip = await verdicts(
      cases.map(({ one }) => one),
      'gossip',
    )
    cases.forEach(({ accepted, one }, at) => {
      check.equal(gossip[at], accepted, one.name)
      check.ok(lawful(one) || !accepted, one.name)
    })
  })

  it('takes by ZIP-215 what OpenSSL refuses, in any number for what is decided', async () => {
    const gossip = await verdicts(cctv(), 'gossip')
    const strange = cctv().filter((each, at) => gossip[at] === false && lawful(each))
    check.ok(strange.length > FALLBACKS_MAX)
    const few = strange.slice(0, FALLBACKS_MAX)
    const many = strange.slice(0, FALLBACKS_MAX + 1)
    check.ok((await verdicts(few, 'proposal')).every((each) => each))
    check.ok((await verdicts(many, 'block')).every((each) => each))
    check.ok((await verdicts(many, 'proposal')).every((each) => !each))
  })

  it('remembers what it accepted, and takes nothing else for it', async () => {
    const verifier = createEd25519Verifier()
    const ask = (batch: readonly SignatureCheck[]): Promise<readonly boolean[]> =>
      new Promise((done) => verifier.check(batch, 'gossip', done))
    const signer = signerOf(keyPairOf(new Uint8Array(32).fill(9)))
    const digest = new Uint8Array(32).fill(1)
    const good = { publicKey: signer.publicKey, digest, signature: signer.sign(digest) }
    const stranger = keyPairOf(new Uint8Array(32).fill(8)).publicKey
    const batch = [
      good,
      { ...good, digest: new Uint8Array(32) },
      { ...good, publicKey: stranger },
      { ...good, signature: new Uint8Array(64) },
    ]
    check.deepEqual(await ask(batch), [true, false, false, false])
    check.deepEqual(await ask(batch), [true, false, false, false])
  })

  it('answers each check in its place, and refuses odd lengths', async () => {
    const signer = signerOf(keyPairOf(new Uint8Array(32).fill(7)))
    const digest = new Uint8Array(32).fill(1)
    const signature = signer.sign(digest)
    const { publicKey } = signer
    const good = { publicKey, digest, signature }
    const batch = [
      good,
      { ...good, digest: new Uint8Array(32) },
      { ...good, signature: signature.subarray(1) },
      { ...good, publicKey: publicKey.subarray(1) },
      good,
    ].map((each) => ({ name: '', check: each }))
    check.deepEqual(await verdicts(batch, 'gossip'), [true, false, false, false, true])
    check.deepEqual(await verdicts([], 'block'), [])
  })
})

describe('admissible keys', () => {
  it('are those that honest signers make', () => {
    for (let seed = 0; seed < 8; seed++) {
      check.ok(isAdmissibleKey(keyPairOf(new Uint8Array(32).fill(seed)).publicKey))
    }
  })

  it('have no torsion and one encoding', () => {
    check.ok(!isAdmissibleKey(new Uint8Array(32)))
    check.ok(!isAdmissibleKey(Uint8Array.of(1, ...new Uint8Array(31))))
    check.ok(!isAdmissibleKey(new Uint8Array(31)))
    check.ok(!isAdmissibleKey(new Uint8Array(32).fill(255)))
    // Both keys of the first cases of speccheck carry a component of small order.
    const keys = speccheck().map(({ check: one }) => one.publicKey)
    check.ok(!isAdmissibleKey(keys[0] as Uint8Array))
    check.ok(!isAdmissibleKey(keys[2] as Uint8Array))
  })
})
