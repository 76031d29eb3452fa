/** Genesis files: one meaning, strict fields, and the same hash after every way to write them. */

import { strict as check } from 'node:assert'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import fc from 'fast-check'

import { toHex } from '../../../../src/base/bytes.ts'
import { attempt } from '../../../../src/base/refusal.ts'
import { genesisFromJson, genesisToJson } from '../../../../src/ledger/genesis-json.ts'
import { createLedger } from '../../../../src/ledger/genesis-state.ts'
import { readGenesisFile, writeGenesisFile } from '../../../../src/ledger/io/genesis-file.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { type Genesis, genesisHash } from '../../../../src/ledger/types/genesis.ts'
import { actors, genesisOf } from './chain.ts'

const GENESIS = genesisOf(actors('validator', 4), actors('account', 3))

function codeOf(text: string): string {
  const outcome = attempt(() => genesisFromJson(text))
  return 'refused' in outcome ? outcome.refused.code : 'taken'
}

/** The genesis as JSON with one change. */
function changed(edit: (root: Record<string, unknown>) => void): string {
  const root = JSON.parse(genesisToJson(GENESIS)) as Record<string, unknown>
  edit(root)
  return JSON.stringify(root)
}

describe('a genesis file', () => {
  it('means the same after it is written and read', () => {
    const read = genesisFromJson(genesisToJson(GENESIS))
    check.deepEqual(read, GENESIS)
    check.equal(toHex(genesisHash(read)), toHex(genesisHash(GENESIS)))
  })

  it('has one hash whatever its white space and the order of its names', () => {
    const root = JSON.parse(genesisToJson(GENESIS)) as Record<string, unknown>
    const turned = JSON.stringify(Object.fromEntries(Object.entries(root).reverse()))
    check.equal(toHex(genesisHash(genesisFromJson(turned))), toHex(genesisHash(GENESIS)))
  })

  it('has another hash for any other time, balance or bond', () => {
    const hash = toHex(genesisHash(GENESIS))
    const balance = (by: bigint): Genesis => ({
      ...GENESIS,
      accounts: GENESIS.accounts.map((each, at) =>
        at === 0 ? { ...each, balance: each.balance + by } : each,
      ),
    })
    check.notEqual(toHex(genesisHash({ ...GENESIS, time: GENESIS.time + 1n })), hash)
    check.notEqual(toHex(genesisHash(balance(1n))), hash)
    check.equal(toHex(genesisHash(balance(0n))), hash)
  })

  it('is refused with a field missing, unknown or of another type', () => {
    for (const name of Object.keys(JSON.parse(genesisToJson(GENESIS)) as object)) {
      check.equal(
        codeOf(
          changed((root) => {
            delete root[name]
          }),
        ),
        'genesis_malformed',
        name,
      )
    }
    check.equal(codeOf(changed((root) => Object.assign(root, { extra: 1 }))), 'genesis_malformed')
    for (const value of [7, '07', '-1', '1e3', '', null, String(1n << 64n)]) {
      const text = changed((root) => Object.assign(root, { timeMs: value }))
      check.equal(codeOf(text), 'genesis_malformed', String(value))
    }
    check.equal(codeOf('{'), 'genesis_malformed')
    check.equal(codeOf('[]'), 'genesis_malformed')
  })

  it('is refused with a faucet on a chain that is no devnet', () => {
    const faucet = toHex((GENESIS.accounts[0] as Genesis['accounts'][number]).id)
    const named = (name: string): string => changed((root) => Object.assign(root, { name, faucet }))
    check.equal(codeOf(named('devnet')), 'taken')
    check.equal(codeOf(named('mainnet')), 'genesis_faucet_forbidden')
  })

  it('is refused without validators, out of order, or with parameters out of bounds', () => {
    check.equal(
      codeOf(changed((root) => Object.assign(root, { validators: [] }))),
      'genesis_invalid',
    )
    const turned = changed((root) => (root['accounts'] as unknown[]).reverse())
    check.equal(codeOf(turned), 'genesis_invalid')
    const loose = changed((root) => Object.assign(root['params'] as object, { heartbeat_ms: '1' }))
    check.equal(codeOf(loose), 'param_out_of_bounds')
    const strange = changed((root) => Object.assign(root['params'] as object, { no_such_key: '1' }))
    check.equal(codeOf(strange), 'genesis_invalid')
  })

  it('never ends a reader, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        check.notEqual(codeOf(text), 'taken')
      }),
      { numRuns: 300 },
    )
  })

  it('is written whole and read back, and its absence is said with its path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'genesis-'))
    const path = join(folder, 'genesis.json')
    await writeGenesisFile(path, GENESIS)
    check.deepEqual(await readGenesisFile(path), GENESIS)
    check.deepEqual(await readdir(folder), ['genesis.json'])
    await check.rejects(readGenesisFile(join(folder, 'none.json')), /genesis_unreadable path=/)
    await writeFile(path, '{"name"')
    await check.rejects(readGenesisFile(path), /genesis_malformed/)
    await rm(folder, { recursive: true })
  })

  it('founds a state whose money is what the file says', () => {
    const { ledger } = createLedger(GENESIS)
    const sums = audit(ledger.state)
    const said = [
      ...GENESIS.accounts.map(({ balance }) => balance),
      ...GENESIS.validators.map(({ bond }) => bond),
    ].reduce((sum, each) => sum + each, 0n)
    check.equal(sums.conserved, true)
    check.equal(sums.supply, said)
  })
})
