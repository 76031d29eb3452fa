/** The sign guard never contradicts itself, whatever is asked and wherever it crashes. */

import { strict as check } from 'node:assert'

import * as fc from 'fast-check'

import { RefusalError } from '../../../src/base/refusal.ts'
import {
  decodeRecord,
  GUARD_RECORDS_MAX,
  openSignGuard,
  type SignGuard,
  type SignOutcome,
  type SignRequest,
} from '../../../src/consensus/sign-guard.ts'
import { A, B, proposal, vote } from './make.ts'
import { fakeSigner, GENESIS_HASH } from './world.ts'

/** A journal whose writes the test makes durable. */
class HandJournal {
  readonly durable: Uint8Array[] = []
  readonly pending: (() => void)[] = []

  append(record: Uint8Array, done: () => void): void {
    this.pending.push(() => {
      this.durable.push(record)
      done()
    })
  }

  readAll(): never {
    throw new Error('the guard is given its records')
  }

  replace(records: readonly Uint8Array[], done: () => void): void {
    this.pending.push(() => {
      this.durable.splice(0, this.durable.length, ...records)
      done()
    })
  }

  flush(): void {
    for (const write of this.pending.splice(0)) write()
  }
}

function open(journal: HandJournal, signedHeightAtLeast = 0n): SignGuard {
  return openSignGuard({
    genesisHash: GENESIS_HASH,
    journal,
    signer: fakeSigner(0),
    records: [...journal.durable],
    signedHeightAtLeast,
  })
}

function ask(guard: SignGuard, request: SignRequest): SignOutcome[] {
  const outcomes: SignOutcome[] = []
  guard.sign(request, (outcome) => outcomes.push(outcome))
  return outcomes
}

const prevote = (fields: object = {}): SignRequest => ({ step: 'prevote', claim: vote(fields) })
const precommit = (fields: object = {}): SignRequest => ({
  step: 'precommit',
  claim: vote({ type: 'precommit', ...fields }),
})
const propose = (fields: object = {}): SignRequest => ({
  step: 'proposal',
  claim: proposal(fields),
})

function answer([outcome]: readonly SignOutcome[]): string {
  if (outcome === undefined) return 'nothing'
  return outcome.kind === 'signed' ? 'signed' : outcome.refusal.code
}

describe('Sign guard', () => {
  it('hands a signature out only when its record is durable', () => {
    const journal = new HandJournal()
    const guard = open(journal)
    const first = ask(guard, prevote())
    const again = ask(guard, prevote())
    check.deepEqual([first, again], [[], []])
    journal.flush()
    check.deepEqual([answer(first), answer(again)], ['signed', 'signed'])
    check.deepEqual(first, again)
    check.equal(journal.durable.length, 1)
  })

  it('repeats itself, refuses to contradict itself and to go back', () => {
    const journal = new HandJournal()
    let guard = open(journal)
    ask(guard, prevote({ round: 2 }))
    journal.flush()
    for (let life = 0; life < 2; life++) {
      check.equal(answer(ask(guard, prevote({ round: 2 }))), 'signed')
      check.equal(answer(ask(guard, prevote({ round: 2, value: B }))), 'sign_conflict')
      check.equal(answer(ask(guard, prevote({ round: 2, validRound: 1 }))), 'sign_conflict')
      check.equal(answer(ask(guard, precommit({ round: 1 }))), 'sign_regression')
      check.equal(answer(ask(guard, propose({ round: 2 }))), 'sign_regression')
      guard = open(journal)
    }
    const next = ask(guard, precommit({ round: 2, value: null }))
    journal.flush()
    check.equal(answer(next), 'signed')
    check.deepEqual(
      guard.signedAt(1n).map(({ step, round, value }) => [step, round, value]),
      [
        ['prevote', 2, A],
        ['precommit', 2, null],
      ],
    )
  })

  it('never signs two digests at one position, whatever is asked and wherever it crashes', () => {
    const request = fc.record({
      height: fc.bigInt(1n, 2n),
      round: fc.nat(2),
      value: fc.constantFrom(A, B),
      step: fc.constantFrom('proposal' as const, 'prevote' as const, 'precommit' as const),
      after: fc.constantFrom('go on', 'flush', 'crash'),
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (asked) => {
        const journal = new HandJournal()
        let guard = open(journal)
        const handedOut = new Map<string, string>()
        for (const { height, round, value, step, after } of asked) {
          const claim = { height, round, value }
          const made =
            step === 'proposal'
              ? propose(claim)
              : step === 'prevote'
                ? prevote(claim)
                : precommit(claim)
          guard.sign(made, (outcome) => {
            if (outcome.kind !== 'signed') return
            const position = `${height} ${round} ${step}`
            check.equal(handedOut.get(position) ?? value, value)
            handedOut.set(position, value)
          })
          if (after === 'flush') journal.flush()
          if (after === 'crash') {
            journal.pending.length = 0
            guard = open(journal)
          }
        }
      }),
    )
  })

  it('refuses to open when its journal is gone, mixed up or foreign', () => {
    const journal = new HandJournal()
    check.throws(
      () => open(journal, 5n),
      (error) => error instanceof RefusalError && error.refusal.code === 'sign_guard_missing',
    )
    const guard = open(journal)
    ask(guard, prevote())
    ask(guard, precommit())
    journal.flush()
    check.ok(open(journal, 5n))
    journal.durable.reverse()
    check.throws(
      () => open(journal),
      (error) => error instanceof RefusalError && error.refusal.code === 'sign_guard_malformed',
    )
    check.throws(() => decodeRecord(new Uint8Array(7)), RefusalError)
  })

  it('cuts its journal down to the last heights and still refuses the past', () => {
    const journal = new HandJournal()
    const guard = open(journal)
    for (let height = 1n; height <= BigInt(GUARD_RECORDS_MAX); height++)
      ask(guard, prevote({ height }))
    journal.flush()
    check.equal(journal.durable.length, 2)
    check.equal(answer(ask(guard, prevote({ height: 9n }))), 'sign_regression')
    check.equal(answer(ask(open(journal), prevote({ height: 9n }))), 'sign_regression')
  })
})
