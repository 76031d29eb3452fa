/** The chain as a whole: money is conserved, replay agrees, and no changed block gets through. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { toHex } from '../../../../src/base/bytes.ts'
import { decode, encode } from '../../../../src/base/codec.ts'
import { isAdmissibleKey, verifyZip215 } from '../../../../src/base/ed25519-keys.ts'
import { attempt } from '../../../../src/base/refusal.ts'
import { balanceOf } from '../../../../src/ledger/accounts.ts'
import { createLedger, restoreLedger } from '../../../../src/ledger/genesis-state.ts'
import { applyBlock, executeBlock, requiredChecks } from '../../../../src/ledger/ledger.ts'
import { blockKey, HEAD_KEY, STATE_PREFIX, unsealed } from '../../../../src/ledger/store-schema.ts'
import { audit } from '../../../../src/ledger/supply.ts'
import { type Block, BlockCodec, EMPTY_COMMIT } from '../../../../src/ledger/types/block.ts'
import { StoredBlockCodec } from '../../../../src/ledger/types/stored-block.ts'
import { type Action, ROLE_VALIDATOR } from '../../../../src/ledger/types/transaction.ts'
import { validatorsAt } from '../../../../src/ledger/validators.ts'
import {
  type Actor,
  actor,
  actors,
  BLOCK,
  bond,
  Chain,
  genesisOf,
  INTERVAL_MS,
  transaction,
  transfer,
} from './chain.ts'

const VALIDATORS = actors('validator', 4)
const PEOPLE = actors('person', 3)
const NEWCOMER = actor('newcomer')
const EVERYONE = [...VALIDATORS, ...PEOPLE, NEWCOMER]
const [ALICE, BOB] = PEOPLE as [Actor, Actor]

function newChain(): Chain {
  return new Chain(genesisOf(VALIDATORS, [...PEOPLE, NEWCOMER]), EVERYONE)
}

/** Anything an account may ask for, sensible or not. */
const wish: fc.Arbitrary<{
  from: Actor
  action: (chain: Chain, from: Actor) => Action
  tip: bigint
}> = fc.record({
  from: fc.constantFrom(...EVERYONE),
  action: fc.oneof(
    fc.tuple(fc.constantFrom(...EVERYONE), fc.bigInt({ min: 0n, max: 4_000n * BLOCK })).map(
      ([to, value]) =>
        () =>
          transfer(to, value),
    ),
    fc
      .bigInt({ min: 0n, max: 3_000n * BLOCK })
      .map((value) => (chain: Chain, from: Actor) => bond(chain.ledger.genesisHash, from, value)),
    fc
      .bigInt({ min: 0n, max: 2_500n * BLOCK })
      .map((value) => (): Action => ({ name: 'unbond', payload: { role: ROLE_VALIDATOR, value } })),
    fc.constant((): Action => ({ name: 'unjail', payload: { reserved: 0 } })),
  ),
  tip: fc.bigInt({ min: 0n, max: BLOCK }),
})

describe('a chain', () => {
  it('conserves money over random blocks, and replays to the same roots', () => {
    fc.assert(
      fc.property(fc.array(fc.array(wish, { maxLength: 6 }), { maxLength: 12 }), (plan) => {
        const chain = newChain()
        const roots: string[] = []
        for (const wishes of plan) {
          for (const { from, action, tip } of wishes) chain.submit(from, action(chain, from), tip)
          chain.advance()
          const { conserved } = audit(chain.ledger.state)
          check.ok(conserved)
          roots.push(toHex(chain.ledger.head.stateRoot), toHex(chain.ledger.head.eventsRoot))
        }
        const { ledger } = createLedger(chain.ledger.genesis)
        const again: string[] = []
        for (const { block, commit } of chain.blocks) {
          const travelled = decode(BlockCodec, encode(BlockCodec, block))
          const outcome = executeBlock(ledger, travelled, () => true)
          check.ok('executed' in outcome)
          applyBlock(ledger, outcome.executed, commit)
          again.push(toHex(ledger.head.stateRoot), toHex(ledger.head.eventsRoot))
        }
        check.deepEqual(again, roots)
      }),
      { numRuns: 10 },
    )
  })

  it('lists signatures that hold for what was signed, the commit of the parent included', () => {
    const chain = newChain()
    chain.submit(ALICE, transfer(BOB, 5n))
    chain.submit(NEWCOMER, bond(chain.ledger.genesisHash, NEWCOMER, 1_500n * BLOCK))
    chain.advance()
    chain.submit(ALICE, transfer(BOB, 5n))
    const block = chain.build()
    // The parent's commit is the one this node decided by: nothing of it is checked again.
    check.equal(requiredChecks(chain.ledger, block).flatMap((each) => each.checks).length, 1)
    const parent = chain.blocks[0]?.block
    check.ok(parent !== undefined)
    const lastCommit = chain.commitOf(parent, [(VALIDATORS[0] as (typeof VALIDATORS)[number]).id])
    const checks = requiredChecks(chain.ledger, { ...block, lastCommit }).flatMap(
      (each) => each.checks,
    )
    check.equal(checks.length, VALIDATORS.length - 1 + 1)
    for (const { publicKey, digest, signature } of checks) {
      check.ok(isAdmissibleKey(publicKey))
      check.ok(verifyZip215(publicKey, digest, signature))
    }
  })

  it('executes without changing anything', () => {
    const chain = newChain()
    chain.submit(ALICE, transfer(BOB, 5n), 7n)
    const before = [...chain.ledger.state.entries({ name: 'accounts', codec: BlockCodec as never })]
    const block = chain.build()
    check.ok('executed' in chain.execute(block))
    check.ok('executed' in chain.execute(block))
    check.deepEqual(
      [...chain.ledger.state.entries({ name: 'accounts', codec: BlockCodec as never })],
      before,
    )
    check.equal(chain.ledger.head.height, 0n)
  })

  it('charges the base fee, which is burned, and the tip, which the proposer gets', () => {
    const chain = newChain()
    chain.submit(ALICE, transfer(BOB, 5n * BLOCK), 3n * BLOCK)
    const block = chain.build()
    const proposer = toHex(block.header.proposer)
    const { events } = chain.apply(block)
    const burned = events.find(({ kind }) => kind === 'fee-burned')?.value ?? 0n
    check.ok(burned > 0n)
    const { state } = chain.ledger
    check.equal(balanceOf(state, BOB.id), 10_005n * BLOCK)
    check.equal(balanceOf(state, proposer), 10_003n * BLOCK)
    check.equal(balanceOf(state, ALICE.id), 9_992n * BLOCK - burned)
    check.equal(audit(state).pots.burned, burned)
  })
})

describe('a block', () => {
  const chain = newChain()
  chain.submit(ALICE, transfer(BOB, 5n))
  chain.advance()
  chain.submit(ALICE, transfer(BOB, 6n))
  const block = chain.build()

  function codeOf(changed: Block): string {
    const outcome = attempt(() => chain.execute(changed))
    if ('refused' in outcome) return outcome.refused.code
    return 'code' in outcome.value ? (outcome.value.code.split(' ')[0] as string) : ''
  }

  it('is valid as it was built', () => {
    check.equal(codeOf(block), '')
  })

  it('is refused with any field of its header changed', () => {
    const { header } = block
    const flipped = (bytes: Uint8Array): Uint8Array => {
      const copy = Uint8Array.from(bytes)
      copy[0] = (copy[0] as number) ^ 1
      return copy
    }
    const fields: Partial<Block['header']>[] = [
      { version: 2 },
      { height: header.height + 1n },
      { time: header.time - 1n },
      { parentId: flipped(header.parentId) },
      { lastCommitHash: flipped(header.lastCommitHash) },
      { receiptRoot: flipped(header.receiptRoot) },
      { evidenceRoot: flipped(header.evidenceRoot) },
      { eventsRoot: flipped(header.eventsRoot) },
      { stateRoot: flipped(header.stateRoot) },
      { paramsHash: flipped(header.paramsHash) },
      { validatorsHash: flipped(header.validatorsHash) },
      { nextValidatorsHash: flipped(header.nextValidatorsHash) },
      { proposer: flipped(header.proposer) },
      { beaconProof: flipped(header.beaconProof) },
      ...Object.entries(header.sectionRoots).map(([name, root]) => ({
        sectionRoots: { ...header.sectionRoots, [name]: flipped(root) },
      })),
    ]
    for (const field of fields) {
      check.notEqual(codeOf({ ...block, header: { ...header, ...field } }), '')
    }
    const changed = new Set(fields.flatMap((field) => Object.keys(field)))
    check.deepEqual([...changed].sort(), Object.keys(header).sort())
  })

  it('is refused in the name of another validator than the one who made its beacon', () => {
    const others = VALIDATORS.filter(({ id }) => id !== toHex(block.header.proposer))
    for (const { account } of others) {
      const header = { ...block.header, proposer: account.publicKey }
      check.equal(codeOf({ ...block, header }), 'block_beacon_invalid')
    }
  })

  it('is refused with any of its objects changed, moved, repeated or left out', () => {
    const [object] = block.transactions
    check.ok(object !== undefined)
    check.equal(codeOf({ ...block, transactions: [] }), 'block_field_wrong')
    check.equal(codeOf({ ...block, transactions: [object, object] }), 'block_field_wrong')
    check.equal(codeOf({ ...block, transactions: [], offers: [object] }), 'block_object_misplaced')
    const resigned = { ...object, signature: new Uint8Array(64) }
    check.equal(codeOf({ ...block, transactions: [resigned] }), 'block_field_wrong')
  })

  it('is refused with a commit that is not a quorum of its parent', () => {
    const { lastCommit } = block
    const half = {
      ...lastCommit,
      signers: Uint8Array.of(3),
      signatures: lastCommit.signatures.slice(0, 2),
    }
    check.equal(codeOf({ ...block, lastCommit: half }), 'commit_below_quorum')
    const stretched = { ...lastCommit, signers: Uint8Array.of(...lastCommit.signers, 0) }
    check.equal(codeOf({ ...block, lastCommit: stretched }), 'commit_malformed')
    const bare = { ...lastCommit, signatures: lastCommit.signatures.slice(1) }
    check.equal(codeOf({ ...block, lastCommit: bare }), 'commit_malformed')
    const strangers = {
      ...lastCommit,
      signers: Uint8Array.of(31),
      signatures: [...lastCommit.signatures, new Uint8Array(64)],
    }
    check.equal(codeOf({ ...block, lastCommit: strangers }), 'commit_malformed')
    check.equal(codeOf({ ...block, lastCommit: EMPTY_COMMIT }), 'block_commit_wrong')
    const early = { ...lastCommit, height: lastCommit.height - 1n }
    check.equal(codeOf({ ...block, lastCommit: early }), 'block_commit_wrong')
  })

  it('keeps an interval after its parent', () => {
    check.equal(block.header.time - chain.ledger.head.timeMs, INTERVAL_MS)
    check.equal(codeOf(chain.build(undefined, -1n)), 'block_too_early')
    check.equal(codeOf(chain.build(undefined, 1n)), '')
  })

  it('may be made by any member of the set', () => {
    const members = validatorsAt(chain.ledger.state, chain.ledger.head.height + 1n)
    for (const at of members.keys()) check.equal(codeOf(chain.build(at)), '')
  })
})

describe('replay', () => {
  it('takes no transaction twice, and none of another chain', () => {
    const chain = newChain()
    const { genesisHash } = chain.ledger
    const once = transaction(genesisHash, ALICE, 0n, transfer(BOB, 5n))
    check.equal(chain.pool.add(chain.ledger, once, false), undefined)
    check.equal(chain.pool.add(chain.ledger, once, false)?.code, 'pool_duplicate')
    chain.advance()
    chain.pool.add(chain.ledger, once, false)
    check.equal(chain.build().transactions.length, 0)
    const other = new Chain(genesisOf(VALIDATORS, PEOPLE), EVERYONE)
    check.notDeepEqual(other.ledger.genesisHash, genesisHash)
    const here = transaction(genesisHash, ALICE, 0n, transfer(BOB, 5n))
    const there = transaction(other.ledger.genesisHash, ALICE, 0n, transfer(BOB, 5n))
    check.deepEqual(here.body, there.body)
    check.notDeepEqual(here.signature, there.signature)
  })
})

describe('the store', () => {
  const chain = newChain()
  chain.submit(NEWCOMER, bond(chain.ledger.genesisHash, NEWCOMER, 1_500n * BLOCK))
  for (let at = 0; at < 5; at++) {
    chain.submit(ALICE, transfer(BOB, 5n), 1n)
    chain.advance()
  }

  function entries(): [string, Uint8Array][] {
    return [...chain.store.entries()].filter(([key]) => key.startsWith(STATE_PREFIX))
  }

  function stored(key: string): Uint8Array {
    const value = chain.store.get(key)
    check.ok(value !== undefined)
    return value
  }

  it('holds the state whole: what is read back has the same root and goes on alike', () => {
    const { head, genesis } = chain.ledger
    const back = restoreLedger(genesis, entries(), stored(HEAD_KEY), head.commit)
    check.deepEqual(back.head, head)
    check.deepEqual(back.tree.root, chain.ledger.tree.root)
    check.deepEqual(back.params, chain.ledger.params)
    const next = chain.build()
    const outcome = executeBlock(back, next, () => true)
    check.ok('executed' in outcome)
    const record = decode(
      StoredBlockCodec,
      unsealed(blockKey(head.height), stored(blockKey(head.height))),
    )
    check.deepEqual(record.commit, head.commit)
  })

  it('notices any flipped bit, and a value that is missing or of elsewhere', () => {
    const { head, genesis } = chain.ledger
    const all = entries()
    const codeWith = (list: [string, Uint8Array][], headBytes = stored(HEAD_KEY)): string => {
      const outcome = attempt(() => restoreLedger(genesis, list, headBytes, head.commit))
      return 'refused' in outcome ? outcome.refused.code : ''
    }
    check.equal(codeWith(all), '')
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(7), (which, where, bit) => {
        const at = which % all.length
        const [key, value] = all[at] as [string, Uint8Array]
        const changed = Uint8Array.from(value)
        const place = where % changed.length
        changed[place] = (changed[place] as number) ^ (1 << bit)
        check.equal(codeWith(all.with(at, [key, changed])), 'store_corrupt')
      }),
      { numRuns: 60 },
    )
    const headBytes = Uint8Array.from(stored(HEAD_KEY))
    headBytes[0] = (headBytes[0] as number) ^ 1
    check.equal(codeWith(all, headBytes), 'store_corrupt')
    check.equal(codeWith(all.slice(1)), 'store_corrupt')
    const [first, second] = all as [[string, Uint8Array], [string, Uint8Array]]
    check.equal(codeWith(all.with(0, [first[0], second[1]])), 'store_corrupt')
  })

  it('is not taken for the store of another chain', () => {
    const { head } = chain.ledger
    const other = genesisOf(VALIDATORS, PEOPLE)
    const outcome = attempt(() => restoreLedger(other, entries(), stored(HEAD_KEY), head.commit))
    check.ok('refused' in outcome)
    check.equal(outcome.refused.code, 'store_foreign')
  })
})
