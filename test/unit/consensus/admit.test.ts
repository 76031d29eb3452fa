/** What the gossip gates are told about votes, proposals, parts and certificates. */

import { strict as check } from 'node:assert'

import { checked } from '../../../src/base/checked.ts'
import {
  type Admission,
  admitCertificate,
  admitProposal,
  admitVote,
} from '../../../src/consensus/admit.ts'
import { cutBody, proposalParts } from '../../../src/consensus/parts.ts'
import { newConsensus, ROUNDS_AHEAD_MAX } from '../../../src/consensus/state.ts'
import { voteSigningDigest } from '../../../src/consensus/types.ts'
import { A, B, FOUR, Machine, proposal, quorum, vote } from './make.ts'
import { GENESIS_HASH } from './world.ts'

function said(admission: Admission): string {
  return admission.kind === 'check'
    ? `check ${admission.checks.length}`
    : `${admission.kind} ${admission.refusal.code}`
}

function machine(): Machine {
  const made = new Machine(1)
  made.start()
  return made
}

describe('Admission of consensus messages', () => {
  it('asks for the signature of the vote’s validator', () => {
    const admission = admitVote(machine().state, vote({ validator: 2 }))
    check.deepEqual(admission, {
      kind: 'check',
      checks: [
        {
          publicKey: FOUR.members[2]?.consensusKey,
          digest: voteSigningDigest(GENESIS_HASH, vote()),
          signature: vote().signature,
        },
      ],
    })
  })

  it('ignores what is late, repeated, surplus or far ahead, parks what is near, rejects strangers', () => {
    const { state } = machine()
    const one = machine()
    one.votes({}, [0])
    const answers = [
      [admitVote(newConsensus(GENESIS_HASH), vote()), 'ignore consensus_idle'],
      [admitVote(state, vote({ height: 0n })), 'ignore height_past'],
      [admitVote(state, vote({ height: 2n })), 'check 1'],
      [admitVote(state, vote({ height: 2n, round: 9 })), 'ignore round_ahead'],
      [admitVote(state, vote({ height: 3n })), 'park height_ahead'],
      [admitVote(state, vote({ height: 9n })), 'ignore height_ahead'],
      [admitVote(state, vote({ round: ROUNDS_AHEAD_MAX + 1 })), 'ignore round_ahead'],
      [admitVote(state, vote({ validator: 4 })), 'reject voter_unknown'],
      [admitVote(one.state, vote()), 'ignore vote_known'],
      [admitVote(one.state, vote({ value: B })), 'check 1'],
    ] as const
    for (const [admission, expected] of answers) check.equal(said(admission), expected)
    one.votes({ value: B }, [0])
    check.equal(said(admitVote(one.state, vote({ value: null }))), 'ignore vote_surplus')
  })

  it('takes a proposal from its proposer only, with the polka it stands on', () => {
    const { state } = machine()
    const ask = (fields: object): string =>
      said(admitProposal(state, { kind: 'proposal', proposal: proposal(fields) }))
    check.equal(ask({}), 'check 1')
    check.equal(ask({ proposer: 1 }), 'reject proposal_wrong_proposer')
    const again = { round: 2, validRound: 1 }
    check.equal(ask({ ...again, polka: quorum({ round: 1 }) }), 'check 4')
    check.equal(ask({ ...again, polka: quorum({ round: 0 }) }), 'reject proposal_polka_foreign')
    check.equal(
      ask({ ...again, polka: quorum({ round: 1, value: B }) }),
      'reject proposal_polka_foreign',
    )
    check.equal(
      ask({ ...again, polka: quorum({ round: 1 }, [0, 1]) }),
      'reject certificate_below_quorum',
    )
    const taken = machine()
    taken.propose()
    const repeat = admitProposal(taken.state, { kind: 'proposal', proposal: proposal() })
    check.equal(said(repeat), 'ignore proposal_known')
    taken.propose({ value: B })
    const third = proposal({ value: A.replace(/./, '0'), partsCount: 2 })
    check.equal(
      said(admitProposal(taken.state, { kind: 'proposal', proposal: third })),
      'ignore proposal_surplus',
    )
  })

  it('parks a part before its proposal, then takes it or rejects it', () => {
    const made = machine()
    const cut = cutBody(new Uint8Array(10))
    const { partsRoot, partsCount, bodyBytes } = cut
    const signed = proposal({ partsRoot, partsCount, bodyBytes })
    const [part] = proposalParts(signed, cut)
    check.ok(part !== undefined)
    const ask = (): string => said(admitProposal(made.state, { kind: 'part', part }))
    check.equal(ask(), 'park part_without_proposal')
    made.give({ kind: 'proposal', proposal: checked(signed) })
    check.equal(ask(), 'check 0')
    const foreign = { ...part, bytes: new Uint8Array(10).fill(1) }
    check.equal(
      said(admitProposal(made.state, { kind: 'part', part: foreign })),
      'reject part_foreign',
    )
  })

  it('checks a certificate of this height, signature by signature', () => {
    const { state } = machine()
    check.equal(said(admitCertificate(state, quorum({}))), 'check 3')
    check.equal(said(admitCertificate(state, quorum({ height: 0n }))), 'ignore height_past')
    check.equal(
      said(admitCertificate(state, quorum({}, [1, 2]))),
      'reject certificate_below_quorum',
    )
  })
})
