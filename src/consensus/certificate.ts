/**
 * Certificates: made from votes, taken apart again, judged in structure, turned into checks.
 *
 * A certificate that passes `judgeCertificate` proves what it says once every one of its signature
 * checks has been accepted by the `Verifier` port; nothing here looks at a signature.
 *
 * Invariants
 *   - Signers ascend and are members; each signs once; their power is more than 2/3 (more than 1/3
 *     for entering a round on its own votes).
 *   - All votes of a quorum certificate have one digest.
 *
 * Source: protocol.md §3; ledger background §1.3 (malachite #1036: threshold, type, duplicates).
 */

import { assert } from '../base/assert.ts'
import { fromHex } from '../base/bytes.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import type { Commit } from '../ledger/types/block.ts'
import type { ValidatorSet } from '../ledger/types/validator-set.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { bitmapOf } from './bitmap.ts'
import { memoDigest, newDigestMemo } from './digest-memo.ts'
import {
  type Certificate,
  type QuorumCertificate,
  type RoundCertificate,
  type Vote,
  voteSigningDigest,
} from './types.ts'
import { isQuorum, isSkip } from './vote-keeper.ts'

/** Precondition: `votes` cast one claim for a value, each validator once. */
export function certificateFrom(votes: readonly Vote[]): QuorumCertificate {
  const sorted = [...votes].sort((left, right) => left.validator - right.validator)
  const claim = sorted[0]
  assert(claim !== undefined && claim.value !== null, 'a certificate is for a block')
  return {
    kind: claim.type === 'prevote' ? 'polka' : 'commit',
    height: claim.height,
    round: claim.round,
    value: claim.value,
    validRound: claim.validRound,
    signers: sorted.map((vote) => vote.validator),
    signatures: sorted.map((vote) => vote.signature),
  }
}

export function certificateVotes(certificate: QuorumCertificate): Vote[] {
  const { height, round, value, validRound } = certificate
  const type = certificate.kind === 'polka' ? 'prevote' : 'precommit'
  return certificate.signers.map((validator, at) => {
    const signature = certificate.signatures[at]
    assert(signature !== undefined, 'each signer has a signature')
    return { type, height, round, value, validRound, validator, signature }
  })
}

/** The form a block carries as `lastCommit`. */
export function commitOf(certificate: QuorumCertificate): Commit {
  assert(certificate.kind === 'commit', 'a block carries a commit')
  return {
    height: certificate.height,
    round: certificate.round,
    blockId: fromHex(certificate.value, 32),
    signers: bitmapOf(certificate.signers),
    signatures: certificate.signatures,
  }
}

/** Nothing when the structure is sound, else why not. */
export function judgeCertificate(
  certificate: Certificate,
  validators: ValidatorSet,
): Refusal | undefined {
  return certificate.kind === 'round'
    ? judgeRoundCertificate(certificate, validators)
    : judgeQuorum(certificate, validators)
}

/** One check for each signature, in the certificate's order. Precondition: the structure is sound. */
export function certificateChecks(
  certificate: Certificate,
  validators: ValidatorSet,
  genesisHash: Uint8Array,
): SignatureCheck[] {
  if (certificate.kind === 'round') {
    const memo = newDigestMemo(genesisHash)
    return certificate.votes.map((vote) => voteCheck(vote, validators, memoDigest(memo, vote)))
  }
  const type = certificate.kind === 'polka' ? 'prevote' : 'precommit'
  const digest = voteSigningDigest(genesisHash, { ...certificate, type })
  return certificate.signers.map((signer, at) => ({
    publicKey: keyOf(validators, signer),
    digest,
    signature: signatureAt(certificate, at),
  }))
}

/** Precondition: the validator is a member. */
export function voteCheck(
  vote: Vote,
  validators: ValidatorSet,
  digest: Uint8Array,
): SignatureCheck {
  return { publicKey: keyOf(validators, vote.validator), digest, signature: vote.signature }
}

function judgeQuorum(
  { signers, signatures }: QuorumCertificate,
  validators: ValidatorSet,
): Refusal | undefined {
  const stranger = signers.find((signer) => validators.members[signer] === undefined)
  if (stranger !== undefined) return refusal('certificate_unknown_signer', { validator: stranger })
  const ascends = signers.every((signer, at) => at === 0 || (signers[at - 1] as number) < signer)
  if (!ascends || signers.length !== signatures.length) {
    return refusal('certificate_malformed', { reason: 'signers ascend, one signature each' })
  }
  const weight = signers.reduce((sum, signer) => sum + powerOf(validators, signer), 0n)
  if (isQuorum(weight, validators.total)) return undefined
  return refusal('certificate_below_quorum', { power: weight, total: validators.total })
}

function judgeRoundCertificate(
  { height, round, votes }: RoundCertificate,
  validators: ValidatorSet,
): Refusal | undefined {
  const seen = new Set<string>()
  const inside = new Set<number>()
  const before = new Set<number>()
  for (const vote of votes) {
    if (validators.members[vote.validator] === undefined) {
      return refusal('certificate_unknown_signer', { validator: vote.validator })
    }
    const key = `${vote.type} ${vote.round} ${vote.validator}`
    const leads = vote.round === round || (vote.round === round - 1 && vote.type === 'precommit')
    if (seen.has(key) || vote.height !== height || !leads) {
      return refusal('certificate_malformed', { reason: 'a vote is repeated or of elsewhere' })
    }
    seen.add(key)
    if (vote.round === round) inside.add(vote.validator)
    else before.add(vote.validator)
  }
  const powerIn = (voters: ReadonlySet<number>): bigint =>
    [...voters].reduce((sum, voter) => sum + powerOf(validators, voter), 0n)
  if (isSkip(powerIn(inside), validators.total)) return undefined
  if (isQuorum(powerIn(before), validators.total)) return undefined
  return refusal('certificate_below_quorum', { power: powerIn(inside), total: validators.total })
}

function powerOf(validators: ValidatorSet, index: number): bigint {
  return validators.members[index]?.power ?? 0n
}

function keyOf(validators: ValidatorSet, index: number): Uint8Array {
  const member = validators.members[index]
  assert(member !== undefined, 'a signature is checked against a member')
  return member.consensusKey
}

function signatureAt(certificate: QuorumCertificate, at: number): Uint8Array {
  const signature = certificate.signatures[at]
  assert(signature !== undefined, 'each signer has a signature')
  return signature
}
