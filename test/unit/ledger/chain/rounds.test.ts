/** One block, two certificates: how many rounds a decision took is nobody's state. */

import { strict as check } from 'node:assert'

import { toHex } from '../../../../src/base/bytes.ts'
import { applyBlock } from '../../../../src/ledger/ledger.ts'
import { type Block, blockId, type Commit } from '../../../../src/ledger/types/block.ts'
import { voteDigest } from '../../../../src/ledger/types/vote.ts'
import { validatorsAt } from '../../../../src/ledger/validators.ts'
import { actors, Chain, genesisOf, transfer } from './chain.ts'

const VALIDATORS = actors('validator', 4)
const ACCOUNTS = actors('account', 2)

function chain(): Chain {
  return new Chain(genesisOf(VALIDATORS, ACCOUNTS), [...VALIDATORS, ...ACCOUNTS])
}

/** The commit of all members, in another round than that of `Chain.commitOf`. */
function commitIn(on: Chain, block: Block, round: number): Commit {
  const { height } = block.header
  const id = blockId(block.header)
  const body = { type: 2, height, round, blockId: id, validRound: 0 }
  const digest = voteDigest(on.ledger.genesisHash, body)
  const signatures = validatorsAt(on.ledger.state, height).map((member) =>
    on.actorOf(toHex(member.id)).consensus.sign(digest),
  )
  return { ...on.commitOf(block), round, signatures }
}

function applyWith(on: Chain, block: Block, commit: Commit): void {
  const outcome = on.execute(block)
  check.ok('executed' in outcome, 'code' in outcome ? outcome.code : '')
  on.write(applyBlock(on.ledger, outcome.executed, commit).writes)
  on.pool.committed(on.ledger, block)
}

describe('nodes that decided one block in different rounds', () => {
  it('make and take the same next block', () => {
    const [first, second] = [chain(), chain()]
    const [from, to] = ACCOUNTS
    check.ok(from !== undefined && to !== undefined)
    check.equal(first.submit(from, transfer(to, 5n)), '')
    const block = first.build()
    applyWith(first, block, commitIn(first, block, 0))
    applyWith(second, block, commitIn(second, block, 1))
    const { stateRoot, eventsRoot } = first.ledger.head
    check.equal(toHex(second.ledger.head.stateRoot), toHex(stateRoot))
    check.equal(toHex(second.ledger.head.eventsRoot), toHex(eventsRoot))
    const next = first.build()
    applyWith(first, next, commitIn(first, next, 0))
    applyWith(second, next, commitIn(second, next, 0))
    check.equal(toHex(second.ledger.head.id), toHex(first.ledger.head.id))
    check.equal(toHex(second.ledger.head.stateRoot), toHex(first.ledger.head.stateRoot))
  })
})

describe('block 1', () => {
  it('has no parent to be decided, whatever commit it carries', () => {
    const on = chain()
    const block = on.build()
    const forged = commitIn(on, block, 0)
    const lastCommit = { ...forged, height: 0n, blockId: on.ledger.genesisHash }
    const outcome = on.execute({ ...block, lastCommit })
    check.ok('code' in outcome)
    check.match(outcome.code, /^block_commit_wrong/)
  })
})
