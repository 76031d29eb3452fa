/** Evidence: what is proven is punished once; what is not proven changes nothing. */

import { strict as check } from 'node:assert'

import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { encode } from '../../../../src/base/codec.ts'
import { potOf } from '../../../../src/ledger/accounts.ts'
import {
  applyEvidence,
  evidenceSignatureChecks,
  statelessEvidenceCheck,
} from '../../../../src/ledger/evidence.ts'
import type { Execution } from '../../../../src/ledger/execution.ts'
import { explain } from '../../../../src/ledger/explain.ts'
import { requireAttempt } from '../../../../src/ledger/market-records.ts'
import { applyRetireProvider, unbondProvider } from '../../../../src/ledger/providers.ts'
import { providerOf } from '../../../../src/ledger/providers-bonds.ts'
import {
  EVIDENCE_TYPE_BYTES,
  type Evidence,
  type EvidenceType,
} from '../../../../src/ledger/types/evidence.ts'
import {
  attemptSubject,
  ReceiptEquivocationCodec,
  roundSubject,
} from '../../../../src/ledger/types/evidence-payload.ts'
import {
  AmnesiaCodec,
  DuplicateProposalCodec,
  DuplicateVoteCodec,
  type ProposalBody,
  proposalDigest,
  type VoteBody,
  voteDigest,
} from '../../../../src/ledger/types/vote.ts'
import { validatorOf } from '../../../../src/ledger/validators.ts'
import { buildFraudProof } from '../../../../src/program/fraud.ts'
import {
  anchor,
  attest,
  BLOCK,
  BUYER,
  type Claim,
  claimOf,
  falsified,
  GENESIS_HASH,
  id,
  marketOf,
  PROVIDER_A,
  PROVIDER_B,
  provide,
  REPORTER,
  readyJob,
  SMALL,
  VALIDATORS,
  type World,
} from './world.ts'

const ALICE = VALIDATORS[0] as string
const SIGNATURE = new Uint8Array(64)

function evidence(
  type: EvidenceType,
  offender: string,
  subject: Uint8Array,
  payload: Uint8Array,
): Evidence {
  return {
    reporter: fromHex(REPORTER),
    type: EVIDENCE_TYPE_BYTES[type],
    offender: fromHex(offender),
    subject,
    payload,
  }
}

function fraud(claim: Claim, offender = PROVIDER_A): Evidence {
  const fault = { kind: 'wrong_element', opIndex: 0, element: 0 } as const
  const proof = buildFraudProof(SMALL.program, claim.data, fault)
  return evidence('fraud-proof', offender, fromHex(claim.receiptId), proof)
}

function falseVerdict(claim: Claim, validator: string): Evidence {
  const subject = fromHex(claim.receiptId)
  return evidence('false-verdict', validator, subject, new Uint8Array(0))
}

function report(world: World, given: Evidence, evidenceId = world.serial()): string {
  world.block((execution) => applyEvidence(execution, evidenceId, given))
  return evidenceId
}

function refusalOf(world: World, given: Evidence): string {
  const unsound = statelessEvidenceCheck(world.state, given, world.height + 1n)
  const act = (execution: Execution): void => applyEvidence(execution, world.serial(), given)
  const { code } = world.refusal(act)
  if (unsound !== undefined) check.equal(unsound.code, code)
  return code
}

function anchoredCheat(world: World): { readonly job: string; readonly claim: Claim } {
  const job = readyJob(world)
  return { job, claim: anchor(world, job, falsified()) }
}

describe('a fraud proof in a block', () => {
  it('takes the whole bond, half of it at most to the buyer, and sends the job on', () => {
    const world = marketOf()
    const before = world.balance(BUYER)
    const { job, claim } = anchoredCheat(world)
    const burnedBefore = potOf(world.state, 'burned')
    const evidenceId = report(world, fraud(claim))
    check.equal(world.attemptState(job, 1), 'rejected')
    check.equal(world.attemptReason(job, 1), 'fraud_proof')
    check.equal(world.jobStateOf(job), 'offered')
    check.equal(providerOf(world.state, PROVIDER_A)?.bond, 0n)
    check.equal(world.sum('provider-slashed'), 1_000n * BLOCK)
    check.equal(world.sum('compensated'), BLOCK)
    check.equal(world.sum('burned'), 999n * BLOCK)
    check.equal(potOf(world.state, 'burned') - burnedBefore, 999n * BLOCK)
    const told = explain(world.state, evidenceId)
    check.equal(told?.facts['slashedNblock'], 1_000n * BLOCK)
    check.equal(told?.reason, 'fraud_proof')
    world.skip(45)
    check.equal(world.balance(BUYER), before + BLOCK)
  })

  it('is punished once', () => {
    const world = marketOf()
    const { claim } = anchoredCheat(world)
    report(world, fraud(claim))
    check.equal(refusalOf(world, fraud(claim)), 'evidence_known')
  })

  it('convicts no honest provider', () => {
    const world = marketOf()
    const job = readyJob(world)
    const claim = anchor(world, job)
    check.equal(refusalOf(world, fraud(claim)), 'evidence_innocent')
    check.equal(providerOf(world.state, PROVIDER_A)?.bond, 1_000n * BLOCK)
  })

  it('voids other attempts of the provider but leaves what is verified', () => {
    const world = marketOf()
    const verified = readyJob(world)
    const honest = anchor(world, verified)
    world.block((execution) => attest(execution, honest.receiptId, 'valid'))
    const matched = readyJob(world)
    const waiting = readyJob(world)
    anchor(world, waiting)
    const { claim } = anchoredCheat(world)
    report(world, fraud(claim))
    check.equal(world.attemptState(matched, 1), 'voided')
    check.equal(world.attemptState(waiting, 1), 'voided')
    check.equal(world.attemptState(verified, 1), 'verified')
    check.equal(world.attemptReason(matched, 1), 'fraud_proof')
    check.equal(world.events('provider-suspended').length, 1)
    world.skip(20)
    check.equal(world.jobStateOf(verified), 'settled')
  })

  it('wins over verdicts until settlement, and compensates after it', () => {
    const world = marketOf()
    const { job, claim } = anchoredCheat(world)
    world.block((execution) => attest(execution, claim.receiptId, 'valid'))
    check.equal(world.attemptState(job, 1), 'verified')
    report(world, fraud(claim))
    check.equal(world.attemptState(job, 1), 'rejected')
    world.skip(20)
    check.equal(world.events('job-settled').length, 0)

    const later = marketOf()
    const other = anchoredCheat(later)
    later.block((execution) => attest(execution, other.claim.receiptId, 'valid'))
    later.skip(20)
    check.equal(later.jobStateOf(other.job), 'settled')
    const paid = later.sum('job-settled')
    report(later, fraud(other.claim))
    check.equal(later.sum('job-settled'), paid)
    check.equal(later.sum('compensated'), BLOCK)
    check.ok(requireAttempt(later.state, other.job, 1).refuted)
    check.equal(later.jobStateOf(other.job), 'settled')
  })

  it('reaches a bond that is being taken back, for as long as it is unbonding', () => {
    const world = marketOf()
    const { claim } = anchoredCheat(world)
    world.block((execution) => unbondProvider(execution, PROVIDER_A, 900n * BLOCK))
    report(world, fraud(claim))
    check.equal(world.sum('provider-slashed'), 1_000n * BLOCK)
    world.skip(90)
    check.equal(world.balance(PROVIDER_A), 99_000n * BLOCK)
  })

  it('reaches a provider that has retired', () => {
    const world = marketOf()
    const { claim } = anchoredCheat(world)
    world.block((execution) => attest(execution, claim.receiptId, 'valid'))
    world.skip(20)
    world.block((execution) => applyRetireProvider(execution, PROVIDER_A))
    report(world, fraud(claim))
    check.ok(world.sum('provider-slashed') >= 1_000n * BLOCK)
  })

  it('comes too late after evidence_age', () => {
    const world = marketOf()
    const { claim } = anchoredCheat(world)
    world.block((execution) => attest(execution, claim.receiptId, 'valid'))
    const { anchorHeight } = requireAttempt(world.state, toHex(claim.receipt.job), 1)
    world.until(anchorHeight + world.params.evidence_age)
    check.equal(refusalOf(world, fraud(claim)), 'evidence_too_old')
  })

  it('asks the reporter for the evidence bond and keeps nothing', () => {
    const world = marketOf({ evidence_bond: 200_000n * BLOCK })
    const { claim } = anchoredCheat(world)
    check.equal(refusalOf(world, fraud(claim)), 'balance_insufficient')
    const other = marketOf()
    const cheat = anchoredCheat(other)
    const before = other.balance(REPORTER)
    report(other, fraud(cheat.claim))
    check.equal(other.balance(REPORTER), before)
  })

  it('names receipt and offender as they are', () => {
    const world = marketOf()
    provide(world, PROVIDER_B, { unitPrice: 5_000n })
    const { claim } = anchoredCheat(world)
    check.equal(refusalOf(world, fraud(claim, PROVIDER_B)), 'evidence_offender_wrong')
    const unknown = { ...fraud(claim), subject: new Uint8Array(32) }
    check.equal(refusalOf(world, unknown), 'evidence_subject_unknown')
    const broken = { ...fraud(claim), payload: new Uint8Array(7) }
    check.equal(refusalOf(world, broken), 'evidence_innocent')
    const type = { ...fraud(claim), type: EVIDENCE_TYPE_BYTES['light-client-attack'] }
    check.equal(refusalOf(world, type), 'evidence_type_unsupported')
  })
})

describe('a refuted verdict', () => {
  function refuted(gate: bigint): { readonly world: World; readonly claim: Claim } {
    const world = marketOf({ false_verdict_gate: gate })
    const { claim } = anchoredCheat(world)
    world.block((execution) => {
      attest(execution, claim.receiptId, 'valid', [ALICE])
      attest(execution, claim.receiptId, 'invalid', VALIDATORS.slice(1))
    })
    check.equal(refusalOf(world, falseVerdict(claim, ALICE)), 'evidence_not_refuted')
    report(world, fraud(claim))
    return { world, claim }
  }

  it('costs nothing in shadow but is told', () => {
    const { world, claim } = refuted(0n)
    const bond = validatorOf(world.state, ALICE)?.bond
    report(world, falseVerdict(claim, ALICE))
    check.equal(validatorOf(world.state, ALICE)?.bond, bond)
    check.equal(world.events('shadow-diff')[0]?.reason, 'false_verdict')
  })

  it('costs a part of the bond and jails when the gate applies', () => {
    const { world, claim } = refuted(1n)
    const bond = validatorOf(world.state, ALICE)?.bond ?? 0n
    report(world, falseVerdict(claim, ALICE))
    check.equal(validatorOf(world.state, ALICE)?.bond, bond - bond / 100n)
    check.ok((validatorOf(world.state, ALICE)?.jailedUntil ?? 0n) > world.height)
  })

  it('blames nobody who did not say valid', () => {
    const { world, claim } = refuted(1n)
    const bob = VALIDATORS[1] as string
    check.equal(refusalOf(world, falseVerdict(claim, bob)), 'evidence_offender_wrong')
  })
})

describe('two receipts for one attempt', () => {
  function pair(world: World, job: string): { readonly first: Claim; readonly second: Claim } {
    return { first: claimOf(world, job), second: claimOf(world, job, falsified()) }
  }

  function equivocation(first: Claim, second: Claim, offender = PROVIDER_A): Evidence {
    const payload = encode(ReceiptEquivocationCodec, {
      first: { receipt: first.receipt, signature: SIGNATURE },
      second: { receipt: second.receipt, signature: SIGNATURE },
    })
    const { job, attempt } = first.receipt
    return evidence('receipt-equivocation', offender, attemptSubject(job, attempt), payload)
  }

  it('cost the bond and the attempt, anchored or not', () => {
    for (const isAnchored of [false, true]) {
      const world = marketOf()
      const job = readyJob(world)
      const { first, second } = pair(world, job)
      if (isAnchored) anchor(world, job)
      const given = equivocation(first, second)
      const checks = evidenceSignatureChecks(world.state, GENESIS_HASH, given, world.height + 1n)
      check.deepEqual(
        checks.map(({ digest, publicKey }) => [toHex(digest), toHex(publicKey)]),
        [
          [first.receiptId, PROVIDER_A],
          [second.receiptId, PROVIDER_A],
        ],
      )
      report(world, given)
      check.equal(world.attemptReason(job, 1), 'receipt_equivocation')
      check.equal(world.sum('provider-slashed'), 1_000n * BLOCK)
      check.equal(refusalOf(world, equivocation(second, first)), 'evidence_known')
    }
  })

  it('are no offence when they agree on program, output and trace', () => {
    const world = marketOf()
    const job = readyJob(world)
    const first = claimOf(world, job)
    const receipt = { ...first.receipt, proofDigest: new Uint8Array(32) }
    check.equal(
      refusalOf(world, equivocation(first, { ...first, receipt })),
      'evidence_no_conflict',
    )
  })

  it('must be of the attempt and the provider that was matched', () => {
    const world = marketOf()
    const job = readyJob(world)
    const { first, second } = pair(world, job)
    check.equal(
      refusalOf(world, equivocation(first, second, PROVIDER_B)),
      'evidence_offender_wrong',
    )
    const move = ({ receipt, ...rest }: Claim): Claim => ({
      ...rest,
      receipt: { ...receipt, attempt: 2 },
    })
    check.equal(
      refusalOf(world, equivocation(move(first), move(second))),
      'evidence_subject_unknown',
    )
  })
})

describe('a double vote', () => {
  const body: VoteBody = {
    type: 1,
    height: 3n,
    round: 2,
    blockId: new Uint8Array(32).fill(1),
    validRound: 0,
  }

  function double(second: Partial<VoteBody>, offender = ALICE, validator = 0): Evidence {
    const payload = encode(DuplicateVoteCodec, {
      first: { body, validator, signature: SIGNATURE },
      second: { body: { ...body, ...second }, validator, signature: SIGNATURE },
    })
    return evidence('duplicate-vote', offender, roundSubject(body.height, body.round), payload)
  }

  it('costs a twentieth of the bond and the seat for good', () => {
    const world = marketOf()
    const given = double({ blockId: null })
    const checks = evidenceSignatureChecks(world.state, GENESIS_HASH, given, world.height + 1n)
    check.deepEqual(checks[0]?.digest, voteDigest(GENESIS_HASH, body))
    check.equal(toHex(checks[1]?.publicKey ?? new Uint8Array(0)), id('ee', 1))
    report(world, given)
    const record = validatorOf(world.state, ALICE)
    check.equal(record?.bond, (10n * BLOCK * 19n) / 20n)
    check.ok(record?.tombstoned)
    check.equal(world.sum('burned'), (10n * BLOCK) / 20n)
  })

  it('is punished once, however many votes there were', () => {
    const world = marketOf()
    report(world, double({ blockId: null }))
    const third = double({ blockId: new Uint8Array(32).fill(3) })
    check.equal(refusalOf(world, third), 'evidence_known')
    const precommit = { ...third, subject: roundSubject(3n, 3) }
    check.equal(refusalOf(world, precommit), 'evidence_subject_wrong')
  })

  it('is none when the votes agree or are about different rounds', () => {
    const world = marketOf()
    for (const same of [{}, { round: 3 }, { height: 4n }, { type: 2 }]) {
      check.equal(refusalOf(world, double(same)), 'evidence_no_conflict')
    }
    check.equal(refusalOf(world, double({ blockId: null }, PROVIDER_A)), 'evidence_offender_wrong')
    check.equal(refusalOf(world, double({ blockId: null }, ALICE, 9)), 'evidence_offender_wrong')
  })

  it('from the future or from before memory is refused without harm', () => {
    const world = marketOf()
    for (const height of [0n, 1_000n, (1n << 64n) - 1n]) {
      const vote = (blockId: Uint8Array | null) => ({
        body: { ...body, height, blockId },
        validator: 0,
        signature: SIGNATURE,
      })
      const payload = encode(DuplicateVoteCodec, {
        first: vote(null),
        second: vote(new Uint8Array(32)),
      })
      const given = evidence('duplicate-vote', ALICE, roundSubject(height, 2), payload)
      check.equal(refusalOf(world, given), 'evidence_too_old')
    }
  })
})

describe('a double proposal', () => {
  const body: ProposalBody = {
    height: 3n,
    round: 1,
    validRound: 0,
    blockId: new Uint8Array(32).fill(1),
    proposer: 0,
    partsRoot: new Uint8Array(32),
    partsCount: 1,
    bodyBytes: 100,
  }

  it('costs what a double vote costs', () => {
    const world = marketOf()
    const other = { ...body, blockId: new Uint8Array(32).fill(2) }
    const payload = encode(DuplicateProposalCodec, {
      first: { body, signature: SIGNATURE },
      second: { body: other, signature: SIGNATURE },
    })
    const given = evidence('duplicate-proposal', ALICE, roundSubject(3n, 1), payload)
    const checks = evidenceSignatureChecks(world.state, GENESIS_HASH, given, world.height + 1n)
    check.deepEqual(checks[1]?.digest, proposalDigest(GENESIS_HASH, other))
    report(world, given)
    check.ok(validatorOf(world.state, ALICE)?.tombstoned)
  })
})

describe('amnesia', () => {
  const signatures = [SIGNATURE, SIGNATURE, SIGNATURE]

  function amnesia(offender: string, polkaRound = 3, validRound = 0): Evidence {
    const quorum = { validRound: 0, signers: new Uint8Array([0b0111]), signatures }
    const payload = encode(AmnesiaCodec, {
      height: 3n,
      commit: { ...quorum, round: 1, blockId: new Uint8Array(32).fill(1) },
      polka: {
        ...quorum,
        round: polkaRound,
        validRound,
        signers: new Uint8Array([0b1101]),
        blockId: new Uint8Array(32).fill(2),
      },
    })
    return evidence('amnesia', offender, roundSubject(3n, 1), payload)
  }

  it('convicts who signed both quorums, with every signature of both', () => {
    const world = marketOf()
    const given = amnesia(ALICE)
    const checks = evidenceSignatureChecks(world.state, GENESIS_HASH, given, world.height + 1n)
    check.equal(checks.length, 6)
    report(world, given)
    check.ok(validatorOf(world.state, ALICE)?.tombstoned)
    report(world, amnesia(VALIDATORS[2] as string))
    check.equal(refusalOf(world, amnesia(VALIDATORS[1] as string)), 'evidence_offender_wrong')
  })

  it('is none when a polka between the rounds explains the change', () => {
    const world = marketOf()
    check.equal(refusalOf(world, amnesia(ALICE, 3, 3)), 'evidence_no_conflict')
    check.equal(refusalOf(world, amnesia(ALICE, 1, 0)), 'evidence_no_conflict')
  })
})
