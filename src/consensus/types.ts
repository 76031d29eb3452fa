/**
 * What consensus speaks of: votes, proposals, parts and certificates, and their one wire form each.
 *
 * A block id is a `ValueId` (hex) inside the machine, because it is a key in every tally, and 32
 * bytes on the wire; it is turned once, when a message is decoded. Rounds are numbers, -1 stands
 * for none; heights are u64.
 *
 * Invariants
 *   - Decoding refuses what no honest encoder writes; encoding what was decoded gives the same bytes.
 *   - Only signatures and certificates lie outside what is signed (`ledger/types/vote.ts`).
 *
 * Source: protocol.md §2 (payload maxima), §3; background: arXiv 1807.04938, accountable variant.
 */

import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import {
  byteList,
  bytes32,
  bytes64,
  type Codec,
  container,
  type Decoded,
  decode,
  encode,
  list,
  optional,
  u8,
  u32,
  u64,
} from '../base/codec.ts'
import { refuse } from '../base/refusal.ts'
import { VALIDATORS_MAX } from '../ledger/types/block.ts'
import {
  type ProposalBody,
  proposalDigest,
  type SignedProposal,
  SignedProposalCodec,
  type SignedVote,
  SignedVoteCodec,
  VOTE_TYPE_BYTES,
  type VoteBody,
  type VoteType,
  voteDigest,
} from '../ledger/types/vote.ts'
import { bitmapOf, indicesOf } from './bitmap.ts'

export type Height = bigint
/** -1 where there is none. */
export type Round = number
/** A block id in lower-case hex. */
export type ValueId = string

/** Highest round a message may name; rounds take seconds each, so it is never reached. */
export const ROUND_MAX: Round = 0x7fff_ffff
export const VOTE_BYTES_MAX = 1024
export const PART_BYTES_MAX: number = 60 * 1024
export const PARTS_MAX = 8
/** Depth of the tree over the parts. */
export const PART_PATH_MAX = 3
/** Both votes of every validator. */
export const ROUND_CERTIFICATE_VOTES_MAX: number = 2 * VALIDATORS_MAX

/** What a vote says, without who says it. */
export interface VoteClaim {
  readonly type: VoteType
  readonly height: Height
  readonly round: Round
  /** null is nil. */
  readonly value: ValueId | null
  /** Valid round of the proposal a prevote answers; -1 otherwise. */
  readonly validRound: Round
}

export interface Vote extends VoteClaim {
  /** Index in the validator set of the height. */
  readonly validator: number
  readonly signature: Uint8Array
}

export interface ProposalClaim {
  readonly height: Height
  readonly round: Round
  readonly validRound: Round
  readonly value: ValueId
  readonly proposer: number
  readonly partsRoot: Uint8Array
  readonly partsCount: number
  readonly bodyBytes: number
}

export interface Proposal extends ProposalClaim {
  readonly signature: Uint8Array
  /** Present exactly when `validRound >= 0`, so that no receiver waits for old prevotes. */
  readonly polka: QuorumCertificate | null
}

export interface ProposalPart {
  readonly height: Height
  readonly round: Round
  readonly value: ValueId
  readonly index: number
  readonly bytes: Uint8Array
  /** Siblings from the leaf up. */
  readonly path: readonly Uint8Array[]
}

/** More than 2/3 of the power cast this one claim: a polka of prevotes, a commit of precommits. */
export interface QuorumCertificate {
  readonly kind: 'polka' | 'commit'
  readonly height: Height
  readonly round: Round
  readonly value: ValueId
  readonly validRound: Round
  /** Validator indices, ascending. */
  readonly signers: readonly number[]
  /** One for each signer, in their order. */
  readonly signatures: readonly Uint8Array[]
}

/** Why a round may be entered: votes of more than 1/3 in it, or precommits of 2/3 before it. */
export interface RoundCertificate {
  readonly kind: 'round'
  readonly height: Height
  /** The round it leads to. */
  readonly round: Round
  readonly votes: readonly Vote[]
}

export type Certificate = QuorumCertificate | RoundCertificate

/** What the topic `consensus-proposals` carries. */
export type ProposalMessage =
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'part'; readonly part: ProposalPart }

const CERTIFICATE_KINDS = ['polka', 'commit', 'round'] as const

const certificateWire = container({
  /** 1 polka, 2 commit, 3 round. */
  kind: u8,
  height: u64,
  round: u32,
  /** Zero in a round certificate, as are the two fields after it. */
  blockId: bytes32,
  validRound: u32,
  signers: byteList(VALIDATORS_MAX / 8),
  signatures: list(bytes64, VALIDATORS_MAX),
  /** Empty unless a round certificate. */
  votes: list(SignedVoteCodec, ROUND_CERTIFICATE_VOTES_MAX),
})
type CertificateWire = Decoded<typeof certificateWire>
export const CertificateCodec: Codec<CertificateWire> = certificateWire

const proposalWire = container({ signed: SignedProposalCodec, polka: optional(certificateWire) })
const partWire = container({
  height: u64,
  round: u32,
  blockId: bytes32,
  index: u8,
  bytes: byteList(PART_BYTES_MAX),
  path: list(bytes32, PART_PATH_MAX),
})
const proposalMessageWire = container({
  proposal: optional(proposalWire),
  part: optional(partWire),
})
type ProposalMessageWire = Decoded<typeof proposalMessageWire>
/** Exactly one of the two is present. */
export const ProposalMessageCodec: Codec<ProposalMessageWire> = proposalMessageWire

export function voteBody(claim: VoteClaim): VoteBody {
  return {
    type: VOTE_TYPE_BYTES[claim.type],
    height: claim.height,
    round: claim.round,
    blockId: claim.value === null ? null : fromHex(claim.value, 32),
    validRound: claim.validRound + 1,
  }
}

export function proposalBody(claim: ProposalClaim): ProposalBody {
  const { height, round, proposer, partsRoot, partsCount, bodyBytes } = claim
  const blockId = fromHex(claim.value, 32)
  const validRound = claim.validRound + 1
  return { height, round, validRound, blockId, proposer, partsRoot, partsCount, bodyBytes }
}

/** The same proposal, whatever polka travels with it. */
export function sameProposalClaim(left: ProposalClaim, right: ProposalClaim): boolean {
  return (
    left.height === right.height &&
    left.round === right.round &&
    left.validRound === right.validRound &&
    left.value === right.value &&
    left.proposer === right.proposer &&
    left.partsCount === right.partsCount &&
    left.bodyBytes === right.bodyBytes &&
    equalBytes(left.partsRoot, right.partsRoot)
  )
}

export function voteSigningDigest(genesisHash: Uint8Array, claim: VoteClaim): Uint8Array {
  return voteDigest(genesisHash, voteBody(claim))
}

export function proposalSigningDigest(genesisHash: Uint8Array, claim: ProposalClaim): Uint8Array {
  return proposalDigest(genesisHash, proposalBody(claim))
}

export function encodeVote(vote: Vote): Uint8Array {
  return encode(SignedVoteCodec, voteToWire(vote))
}

/** @throws RefusalError of the codec, vote_type_unknown, vote_misplaced_valid_round, round_out_of_range. */
export function decodeVote(bytes: Uint8Array): Vote {
  return voteFromWire(decode(SignedVoteCodec, bytes))
}

export function encodeCertificate(certificate: Certificate): Uint8Array {
  return encode(CertificateCodec, certificateToWire(certificate))
}

/** @throws RefusalError of the codec, certificate_malformed, or of a vote in it. */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  return certificateFromWire(decode(CertificateCodec, bytes))
}

export function encodeProposalMessage(message: ProposalMessage): Uint8Array {
  return encode(ProposalMessageCodec, proposalMessageToWire(message))
}

/** @throws RefusalError of the codec, proposal_malformed, certificate_malformed, round_out_of_range. */
export function decodeProposalMessage(bytes: Uint8Array): ProposalMessage {
  const wire = decode(ProposalMessageCodec, bytes)
  if (wire.proposal !== null && wire.part === null) {
    const polka = wire.proposal.polka === null ? null : certificateFromWire(wire.proposal.polka)
    return { kind: 'proposal', proposal: proposalFromWire(wire.proposal.signed, polka) }
  }
  if (wire.part === null || wire.proposal !== null) {
    return refuse('proposal_malformed', { reason: 'not exactly one of proposal and part' })
  }
  const { height, round, blockId, index, bytes: body, path } = wire.part
  roundInRange(round)
  return { kind: 'part', part: { height, round, value: toHex(blockId), index, bytes: body, path } }
}

function voteToWire(vote: Vote): SignedVote {
  return { body: voteBody(vote), validator: vote.validator, signature: vote.signature }
}

/** A vote as evidence and certificates hold it. */
export function voteFromWire({ body, validator, signature }: SignedVote): Vote {
  const type = body.type === 1 ? 'prevote' : body.type === 2 ? 'precommit' : undefined
  if (type === undefined) return refuse('vote_type_unknown', { type: body.type })
  roundInRange(body.round)
  const validRound = body.validRound - 1
  // A prevote answers a proposal whose polka is of an earlier round; a precommit answers a polka.
  if (validRound >= body.round || (type === 'precommit' && validRound !== -1)) {
    refuse('vote_misplaced_valid_round', { type, round: body.round, validRound })
  }
  const value = body.blockId === null ? null : toHex(body.blockId)
  return { type, height: body.height, round: body.round, value, validRound, validator, signature }
}

function proposalFromWire(signed: SignedProposal, polka: Certificate | null): Proposal {
  const { body, signature } = signed
  roundInRange(body.round)
  const validRound = body.validRound - 1
  if (validRound >= body.round) {
    refuse('proposal_malformed', { reason: 'valid round not before the round', validRound })
  }
  if (body.partsCount < 1 || body.partsCount > PARTS_MAX) {
    refuse('proposal_malformed', { reason: 'parts out of range', partsCount: body.partsCount })
  }
  if (polka !== null && polka.kind === 'round') {
    return refuse('proposal_malformed', { reason: 'a round certificate is no polka' })
  }
  if ((polka !== null) !== validRound >= 0) {
    refuse('proposal_malformed', { reason: 'a polka goes with a valid round', validRound })
  }
  const { height, round, proposer, partsRoot, partsCount, bodyBytes } = body
  const value = toHex(body.blockId)
  return {
    height,
    round,
    validRound,
    value,
    proposer,
    partsRoot,
    partsCount,
    bodyBytes,
    signature,
    polka,
  }
}

function proposalMessageToWire(message: ProposalMessage): ProposalMessageWire {
  if (message.kind === 'part') {
    const { height, round, value, index, bytes, path } = message.part
    const part = { height, round, blockId: fromHex(value, 32), index, bytes, path }
    return { proposal: null, part }
  }
  const { proposal } = message
  const polka = proposal.polka === null ? null : certificateToWire(proposal.polka)
  const signed = { body: proposalBody(proposal), signature: proposal.signature }
  return { proposal: { signed, polka }, part: null }
}

function certificateToWire(certificate: Certificate): CertificateWire {
  const { height, round } = certificate
  if (certificate.kind === 'round') {
    const none = { blockId: new Uint8Array(32), validRound: 0 }
    const unsigned = { signers: new Uint8Array(0), signatures: [] }
    return {
      kind: 3,
      height,
      round,
      ...none,
      ...unsigned,
      votes: certificate.votes.map(voteToWire),
    }
  }
  return {
    kind: certificate.kind === 'polka' ? 1 : 2,
    height,
    round,
    blockId: fromHex(certificate.value, 32),
    validRound: certificate.validRound + 1,
    signers: bitmapOf(certificate.signers),
    signatures: certificate.signatures,
    votes: [],
  }
}

function certificateFromWire(wire: CertificateWire): Certificate {
  const kind = CERTIFICATE_KINDS[wire.kind - 1]
  const { height, round } = wire
  roundInRange(round)
  if (kind === undefined)
    return refuse('certificate_malformed', { reason: 'kind', kind: wire.kind })
  if (kind === 'round') {
    const bare = wire.signers.length + wire.signatures.length + wire.validRound === 0
    if (!bare || wire.blockId.some((byte) => byte !== 0)) {
      refuse('certificate_malformed', { reason: 'a round certificate holds votes only' })
    }
    return { kind, height, round, votes: wire.votes.map(voteFromWire) }
  }
  const signers = indicesOf(wire.signers)
  const validRound = wire.validRound - 1
  if (wire.votes.length > 0 || signers.length !== wire.signatures.length) {
    refuse('certificate_malformed', {
      reason: 'one signature for each signer, and no votes',
      signers: signers.length,
      signatures: wire.signatures.length,
    })
  }
  if (validRound >= round || (kind === 'commit' && validRound !== -1)) {
    refuse('certificate_malformed', { reason: 'valid round', validRound })
  }
  const value = toHex(wire.blockId)
  return { kind, height, round, value, validRound, signers, signatures: wire.signatures }
}

function roundInRange(round: Round): void {
  if (round > ROUND_MAX) refuse('round_out_of_range', { round, roundMax: ROUND_MAX })
}
