/** Values for the tests of consensus: votes, proposals and heights of four equal validators. */

import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { checked } from '../../../src/base/checked.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { timeMs } from '../../../src/base/time.ts'
import { certificateFrom } from '../../../src/consensus/certificate.ts'
import type { ConsensusEffect, ConsensusEvent, HeightSetup } from '../../../src/consensus/events.ts'
import type { GuardRecord } from '../../../src/consensus/sign-guard.ts'
import { type ConsensusState, newConsensus } from '../../../src/consensus/state.ts'
import { step } from '../../../src/consensus/step.ts'
import type { Proposal, QuorumCertificate, Vote } from '../../../src/consensus/types.ts'
import type { WalEntry } from '../../../src/consensus/wal.ts'
import { initialPriorities, type ValidatorSet } from '../../../src/ledger/types/validator-set.ts'
import { GENESIS_HASH, TIMEOUTS, validators } from './world.ts'

export const FOUR: ValidatorSet = validators([1, 1, 1, 1])
export const A: string = toHex(sha256(utf8('a')))
export const B: string = toHex(sha256(utf8('b')))

export function vote(fields: Partial<Vote> = {}): Vote {
  const vote: Vote = {
    type: 'prevote',
    height: 1n,
    round: 0,
    value: A,
    validRound: -1,
    validator: 0,
    signature: new Uint8Array(64).fill(1),
    ...fields,
  }
  return vote
}

export const votes = (fields: Partial<Vote>, voters: readonly number[]): Vote[] =>
  voters.map((validator) => vote({ ...fields, validator }))

export const quorum = (
  fields: Partial<Vote>,
  voters: readonly number[] = [0, 1, 2],
): QuorumCertificate => certificateFrom(votes(fields, voters))

export function proposal(fields: Partial<Proposal> = {}): Proposal {
  const round = fields.round ?? 0
  return {
    height: 1n,
    round,
    validRound: -1,
    value: A,
    proposer: round % 4,
    partsRoot: new Uint8Array(32).fill(3),
    partsCount: 1,
    bodyBytes: 1,
    signature: new Uint8Array(64).fill(2),
    polka: null,
    ...fields,
  }
}

/** One machine whose completions the test gives by hand. */
export class Machine {
  readonly state: ConsensusState = newConsensus(GENESIS_HASH)
  readonly self: number | undefined
  effects: ConsensusEffect[] = []

  constructor(self: number | undefined) {
    this.self = self
  }

  give(event: ConsensusEvent): ConsensusEffect[] {
    const effects = step(this.state, event, timeMs(1000))
    this.effects.push(...effects)
    return effects
  }

  start(
    fields: Partial<HeightSetup> = {},
    replay: readonly WalEntry[] = [],
    signed: readonly GuardRecord[] = [],
  ): ConsensusEffect[] {
    const priorities = initialPriorities(FOUR)
    const setup: HeightSetup = {
      height: 1n,
      validators: FOUR,
      priorities,
      next: { validators: FOUR, priorities },
      self: this.self,
      timeouts: TIMEOUTS,
      minimumStartAtMs: undefined,
      ...fields,
    }
    return this.give({ kind: 'start-height', setup, replay, signed })
  }

  votes(fields: Partial<Vote>, voters: readonly number[]): ConsensusEffect[] {
    return votes(fields, voters).flatMap((each) => this.give({ kind: 'vote', vote: checked(each) }))
  }

  /** A proposal and its body, both accepted. */
  propose(fields: Partial<Proposal> = {}): ConsensusEffect[] {
    const made = proposal(fields)
    const { height, round, value } = made
    return [
      ...this.give({ kind: 'proposal', proposal: checked(made) }),
      ...this.give({ kind: 'body-judged', height, round, value, valid: true }),
    ]
  }

  /** Answers the last request for a signature and makes the log durable. */
  speak(): ConsensusEffect[] {
    const request = this.effects.findLast((effect) => effect.kind === 'sign')?.request
    if (request === undefined) return []
    const signature = new Uint8Array(64).fill(9)
    return [...this.give({ kind: 'signed', request, signature }), ...this.sync()]
  }

  sync(): ConsensusEffect[] {
    return this.give({ kind: 'journalled', sequence: this.state.journalSequence })
  }

  get core() {
    const { current } = this.state
    if (current === undefined) throw new Error('no height')
    return current.driver.core
  }
}

export function of<Kind extends ConsensusEffect['kind']>(
  effects: readonly ConsensusEffect[],
  kind: Kind,
): (ConsensusEffect & { readonly kind: Kind })[] {
  return effects.filter(
    (effect): effect is ConsensusEffect & { readonly kind: Kind } => effect.kind === kind,
  )
}
