/** The consensus machine, one event at a time. */

import { strict as check } from 'node:assert'

import { checked } from '../../../src/base/checked.ts'
import { timeMs } from '../../../src/base/time.ts'
import { offenders } from '../../../src/consensus/misbehavior.ts'
import type { GuardRecord } from '../../../src/consensus/sign-guard.ts'
import {
  knownProposals,
  knownVotes,
  position,
  ROUNDS_AHEAD_MAX,
} from '../../../src/consensus/state.ts'
import { A, B, Machine, of, proposal, quorum, votes } from './make.ts'

const built = { value: B, partsRoot: new Uint8Array(32), partsCount: 1, bodyBytes: 1 }

/** The validator of round 0 is index 0. */
function started(self: number): Machine {
  const machine = new Machine(self)
  machine.start()
  return machine
}

function record(fields: Partial<GuardRecord>): GuardRecord {
  return {
    height: 1n,
    round: 0,
    step: 'prevote',
    value: A,
    validRound: -1,
    digest: new Uint8Array(32),
    signature: new Uint8Array(64).fill(9),
    ...fields,
  }
}

describe('Consensus step', () => {
  it('decides a height in the good case and says each thing once', () => {
    const machine = started(1)
    machine.propose()
    check.equal(of(machine.speak(), 'publish-vote')[0]?.vote.value, A)
    const effects = machine.votes({}, [0, 2])
    check.equal(of(effects, 'sign')[0]?.request.step, 'precommit')
    check.equal(of(machine.speak(), 'publish-vote')[0]?.vote.type, 'precommit')
    const [decided] = of(machine.votes({ type: 'precommit' }, [0, 2]), 'decided')
    check.equal(decided?.value, A)
    check.deepEqual(decided?.certificate.signers, [0, 1, 2])
    check.equal(of(machine.effects, 'publish-vote').length, 2)
    check.equal(position(machine.state)?.phase, 'decided')
  })

  it('publishes only after both the guard and the log are durable, in either order', () => {
    for (const guardFirst of [true, false]) {
      const machine = started(1)
      const [sign] = of(machine.propose(), 'sign')
      check.ok(sign !== undefined)
      const signature = new Uint8Array(64).fill(4)
      const give = {
        guard: () => machine.give({ kind: 'signed', request: sign.request, signature }),
        log: () => machine.sync(),
      }
      const [early, late] = guardFirst ? [give.guard, give.log] : [give.log, give.guard]
      check.equal(of(early(), 'publish-vote').length, 0)
      check.deepEqual(of(late(), 'publish-vote')[0]?.vote.signature, signature)
    }
  })

  it('does not count its own vote before it is said', () => {
    const machine = started(1)
    machine.propose()
    machine.votes({}, [0, 2])
    check.equal(machine.core.step, 'prevote')
    machine.speak()
    check.equal(machine.core.step, 'precommit')
  })

  it('builds, signs and publishes in its turn', () => {
    const machine = started(0)
    check.equal(of(machine.effects, 'build-value').length, 1)
    const effects = machine.give({ kind: 'value-built', height: 1n, round: 0, built })
    check.equal(of(effects, 'sign')[0]?.request.step, 'proposal')
    const said = machine.speak()
    check.equal(of(said, 'publish-proposal')[0]?.proposal.value, B)
    check.equal(of(said, 'sign')[0]?.request.step, 'prevote')
    check.equal(of(said, 'judge-body').length, 0)
  })

  it('proposes again the value that has a polka, with the polka', () => {
    const machine = started(1)
    machine.propose()
    machine.votes({}, [0, 2, 3])
    machine.give({ kind: 'timeout', timer: { kind: 'precommit', height: 1n, round: 0 } })
    check.equal(machine.core.round, 0, 'a timer that was not set does nothing')
    machine.votes({ type: 'precommit', value: null }, [0, 2, 3])
    machine.give({ kind: 'timeout', timer: { kind: 'precommit', height: 1n, round: 0 } })
    check.equal(machine.core.round, 1)
    const again = of(machine.speak(), 'publish-proposal')[0]?.proposal
    check.equal(again?.value, A)
    check.equal(again?.validRound, 0)
    check.deepEqual(again?.polka?.signers, [0, 2, 3])
  })

  it('votes for a repeated proposal only with its polka, keeping its lock otherwise', () => {
    const machine = started(3)
    machine.propose()
    machine.votes({}, [0, 1, 2])
    check.equal(machine.core.lockedValue, A)
    machine.votes({ round: 1, value: null }, [0, 1])
    machine.propose({ round: 1, value: B })
    const last = (): string | null | undefined =>
      of(machine.effects, 'sign').at(-1)?.request.claim.value
    check.equal(last(), null, 'a fresh other value gets nil')
    machine.votes({ round: 2, value: null }, [0, 1])
    machine.propose({
      round: 2,
      value: B,
      validRound: 1,
      polka: quorum({ round: 1, value: B }, [0, 1, 2]),
    })
    check.equal(last(), B, 'a later polka frees the lock')
    check.equal(of(machine.effects, 'sign').at(-1)?.request.claim.validRound, 1)
  })

  it('locks only when the prevotes carry the valid round of the proposal', () => {
    for (const [validRound, locks] of [
      [1, true],
      [0, false],
      [-1, false],
    ] as const) {
      const machine = started(3)
      machine.votes({ round: 2, value: null }, [0, 1])
      machine.propose({ round: 2, validRound: 1, polka: quorum({ round: 1 }) })
      machine.votes({ round: 2, validRound }, [0, 1, 2])
      // The equivocators' first votes were nil: only a certificate makes their later ones count.
      const polka = checked(quorum({ round: 2, validRound }, [0, 1, 2]))
      machine.give({ kind: 'certificate', certificate: polka })
      check.equal(machine.core.lockedRound, locks ? 2 : -1)
    }
  })

  it('acts on a nil polka that came before its proposal', () => {
    const machine = started(1)
    machine.votes({ value: null }, [0, 2, 3])
    machine.propose()
    check.deepEqual(
      of(machine.effects, 'sign').map(({ request }) => [request.step, request.claim.value]),
      [
        ['prevote', A],
        ['precommit', null],
      ],
    )
  })

  it('sets each timer once a round and clears them when it leaves', () => {
    const machine = started(1)
    machine.votes({ type: 'precommit', value: null }, [0, 2, 3])
    machine.propose()
    machine.speak()
    check.equal(machine.core.step, 'prevote')
    const set = of(machine.effects, 'set-timer').map(({ timer }) => timer.kind)
    check.equal(set.filter((kind) => kind === 'precommit').length, 1)
    const left = machine.votes({ round: 1 }, [0, 2])
    check.ok(of(left, 'clear-timer').some(({ timer }) => timer.kind === 'precommit'))
  })

  it('waits for its time, for work, or for another to begin', () => {
    const later = { minimumStartAtMs: timeMs(5000) }
    const fresh = (): Machine => {
      const machine = new Machine(1)
      const [timer] = of(machine.start(later), 'set-timer')
      check.deepEqual([timer?.timer.kind, timer?.delay], ['start', 4000])
      return machine
    }
    const wakers = [
      (m: Machine) => m.give({ kind: 'timeout', timer: { kind: 'start', height: 1n, round: 0 } }),
      (m: Machine) => m.give({ kind: 'due', height: 1n }),
      (m: Machine) => m.propose(),
      (m: Machine) => m.votes({}, [0, 2]),
    ]
    for (const wake of wakers) {
      const machine = fresh()
      check.equal(machine.core.round, -1)
      wake(machine)
      check.equal(machine.core.round, 0)
      check.equal(position(machine.state)?.phase, 'running')
    }
  })

  it('as observer follows and decides without saying anything', () => {
    const machine = new Machine(undefined)
    machine.start()
    machine.propose()
    machine.votes({}, [0, 1, 2])
    const [decided] = of(machine.votes({ type: 'precommit' }, [0, 1, 2]), 'decided')
    check.equal(decided?.value, A)
    check.equal(of(machine.effects, 'sign').length, 0)
  })

  it('asks for the block of a commit whose proposal it lacks, and stops when sync brings it', () => {
    const machine = started(1)
    const effects = machine.votes({ type: 'precommit' }, [0, 2, 3])
    check.deepEqual(of(effects, 'want-block')[0]?.certificate.signers, [0, 2, 3])
    const certificate = checked(quorum({ type: 'precommit' }, [0, 2, 3]))
    const stop = machine.give({ kind: 'decided-elsewhere', certificate })
    check.equal(of(stop, 'decided').length, 0)
    check.equal(position(machine.state)?.phase, 'decided')
    check.equal(of(machine.votes({ value: null }, [2, 3]), 'sign').length, 0)
  })

  it('judges an untimely body again once a quorum found it timely', () => {
    const machine = started(1)
    const made = proposal()
    const [ask] = of(machine.give({ kind: 'proposal', proposal: checked(made) }), 'judge-body')
    check.equal(ask?.fresh, true)
    const bad = { kind: 'body-judged', height: 1n, round: 0, value: A, valid: false } as const
    check.equal(of(machine.give(bad), 'sign')[0]?.request.claim.value, null)
    const [again] = of(machine.votes({ type: 'precommit' }, [0, 2, 3]), 'judge-body')
    check.equal(again?.fresh, false)
    check.equal(of(machine.give({ ...bad, valid: true }), 'decided')[0]?.value, A)
  })

  it('reports double votes, double proposals and amnesia, each once', () => {
    const machine = started(1)
    machine.votes({ value: B }, [3, 3])
    const twice = machine.votes({ value: A }, [3, 3])
    check.deepEqual(
      of(twice, 'evidence').map(({ evidence }) => [evidence.kind, offenders(evidence)]),
      [['duplicate-vote', [3]]],
    )
    machine.propose()
    const second = machine.propose({ value: B })
    check.deepEqual(
      of(second, 'evidence').map(({ evidence }) => [evidence.kind, offenders(evidence)]),
      [['duplicate-proposal', [0]]],
    )
    const commit = quorum({ type: 'precommit', value: A }, [0, 1, 2])
    machine.give({ kind: 'certificate', certificate: checked(commit) })
    const polka = checked(quorum({ round: 1, value: B }, [0, 2, 3]))
    const effects = [
      ...machine.give({ kind: 'certificate', certificate: polka }),
      ...machine.give({ kind: 'certificate', certificate: polka }),
    ]
    check.deepEqual(
      of(effects, 'evidence').map(({ evidence }) => [evidence.kind, offenders(evidence)]),
      [['amnesia', [0, 2]]],
    )
  })

  it('keeps early messages of the next height, and no others', () => {
    const machine = started(1)
    for (const height of [2n, 3n]) {
      machine.votes({ height }, [0, 2])
      const made = proposal({ height, proposer: 0 })
      machine.give({ kind: 'proposal', proposal: checked(made) })
    }
    check.equal(machine.state.early.votes.size, 2)
    machine.start({ height: 2n })
    check.equal(knownVotes(machine.state, 2n, 0).length, 2)
    check.equal(knownProposals(machine.state, 2n, 0).length, 1)
    check.equal(machine.state.early.votes.size, 0)
  })

  it('drops votes far ahead but follows a certificate there', () => {
    const machine = started(1)
    const round = ROUNDS_AHEAD_MAX + 50
    machine.votes({ round }, [0, 2])
    check.equal(machine.core.round, 0)
    const cast = votes({ round, value: null }, [0, 2])
    machine.give({
      kind: 'certificate',
      certificate: checked({ kind: 'round', height: 1n, round, votes: cast }),
    })
    check.equal(machine.core.round, round)
  })

  it('offers own votes, proposal and the certificates that help a peer along', () => {
    const machine = started(1)
    machine.propose()
    machine.speak()
    machine.votes({}, [0, 2])
    machine.speak()
    machine.votes({ type: 'precommit', value: null }, [0, 2])
    machine.give({ kind: 'timeout', timer: { kind: 'precommit', height: 1n, round: 0 } })
    const timer = { kind: 'rebroadcast', height: 1n, round: 0 } as const
    const [repair] = of(machine.give({ kind: 'timeout', timer }), 'rebroadcast')
    check.deepEqual(
      repair?.certificates.map(({ kind }) => kind),
      ['polka', 'round'],
    )
    check.deepEqual(
      repair?.votes.map(({ type }) => type),
      ['prevote', 'precommit'],
    )
  })
})

describe('Consensus step after a crash', () => {
  it('comes back from the log to the same state and says nothing twice', () => {
    const before = started(1)
    before.propose()
    before.speak()
    before.votes({}, [0, 2])
    before.speak()
    before.votes({ round: 1, value: null }, [2])
    const log = of(before.effects, 'journal').flatMap(({ entries }) => entries)
    const after = new Machine(1)
    const effects = after.start({}, log)
    check.deepEqual(after.core, before.core)
    check.equal(of(effects, 'sign').length, 0)
    check.equal(of(effects, 'publish-vote').length, 0)
    check.equal(of(effects, 'journal').length, 0)
    check.equal(of(effects, 'journal-reset').length, 0)
    check.equal(of(after.votes({ type: 'precommit' }, [0, 2]), 'decided').length, 1)
  })

  it('asks again for what had no answer', () => {
    const before = started(1)
    before.give({ kind: 'proposal', proposal: checked(proposal()) })
    const log = of(before.effects, 'journal').flatMap(({ entries }) => entries)
    const after = new Machine(1)
    const effects = after.start({}, log)
    check.equal(of(effects, 'judge-body').length, 1)
    check.deepEqual(
      of(effects, 'set-timer').map(({ timer }) => timer.kind),
      ['propose', 'rebroadcast'],
    )
    const builder = new Machine(0)
    check.equal(of(builder.start({}, [{ kind: 'started' }]), 'build-value').length, 1)
  })

  it('takes lock and place from the guard when the log is lost', () => {
    const machine = new Machine(1)
    machine.start(
      {},
      [],
      [
        record({ round: 2, step: 'prevote' }),
        record({ round: 2, step: 'precommit' }),
        record({ round: 3, step: 'prevote', value: null }),
      ],
    )
    const { round, step, lockedRound, lockedValue } = machine.core
    check.deepEqual([round, step, lockedRound, lockedValue], [3, 'prevote', 2, A])
    check.equal(of(machine.effects, 'sign').length, 0)
    check.equal(knownVotes(machine.state, 1n, 2).length, 2)
    machine.votes({ round: 4, value: null }, [0, 2])
    machine.propose({ round: 4, value: B })
    check.equal(of(machine.effects, 'sign').at(-1)?.request.claim.value, null)
  })

  it('asks for nothing at or before what the guard has signed', () => {
    const before = started(1)
    before.propose()
    const log = of(before.effects, 'journal').flatMap(({ entries }) => entries)
    const after = new Machine(1)
    const effects = after.start({}, log, [record({ round: 0, value: null })])
    check.equal(of(effects, 'sign').length, 0)
    check.equal(knownVotes(after.state, 1n, 0)[0]?.value, null)
  })

  it('goes on without its word when the guard refuses', () => {
    const machine = started(1)
    const [sign] = of(machine.propose(), 'sign')
    check.ok(sign !== undefined)
    const refusal = { code: 'sign_conflict', facts: {} }
    machine.give({ kind: 'sign-refused', request: sign.request, refusal })
    machine.votes({}, [0, 2, 3])
    check.equal(machine.core.step, 'precommit')
  })
})
