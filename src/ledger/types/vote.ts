/**
 * What validators sign while they agree on a block: the bodies of votes and proposals.
 *
 * They stand with the ledger's types because evidence carries them and a block carries a commit;
 * the machine that casts them is `src/consensus`.
 *
 * Invariants
 *   - A signed vote body names no validator and no time: the votes of one quorum have one digest,
 *     so a certificate is a bitmap and signatures, and signing again gives the same bytes.
 *   - `validRound` travels as round + 1; 0 stands for none.
 *
 * Source: protocol.md §1 (Signing domain), §3; arXiv 1807.04938.
 */

import {
  byteList,
  bytes32,
  bytes64,
  type Codec,
  container,
  type Decoded,
  encode,
  list,
  optional,
  u8,
  u16,
  u32,
  u64,
} from '../../base/codec.ts'
import { signingDigest } from '../../base/hash.ts'
import { VALIDATORS_MAX } from './block.ts'

export type VoteType = 'prevote' | 'precommit'
export const VOTE_TYPE_BYTES: Readonly<Record<VoteType, number>> = { prevote: 1, precommit: 2 }

const voteBody = container({
  /** 1 prevote, 2 precommit. */
  type: u8,
  height: u64,
  round: u32,
  /** Nothing stands for nil. */
  blockId: optional(bytes32),
  /** Round + 1 of the polka the proposal stood on; 0 for none and in every precommit. */
  validRound: u32,
})
export type VoteBody = Decoded<typeof voteBody>
export const VoteBodyCodec: Codec<VoteBody> = voteBody

const signedVote = container({
  body: VoteBodyCodec,
  /** Index in the validator set of the height. */
  validator: u16,
  signature: bytes64,
})
export type SignedVote = Decoded<typeof signedVote>
export const SignedVoteCodec: Codec<SignedVote> = signedVote

const proposalBody = container({
  height: u64,
  round: u32,
  /** Round + 1 of the polka for this block; 0 for a fresh block. */
  validRound: u32,
  blockId: bytes32,
  /** Index of the proposer of (height, round) in the validator set. */
  proposer: u16,
  /** Root of the Merkle tree over the parts of the encoded block. */
  partsRoot: bytes32,
  partsCount: u8,
  /** Length of the encoded block, bytes. */
  bodyBytes: u32,
})
export type ProposalBody = Decoded<typeof proposalBody>
export const ProposalBodyCodec: Codec<ProposalBody> = proposalBody

const signedProposal = container({ body: ProposalBodyCodec, signature: bytes64 })
export type SignedProposal = Decoded<typeof signedProposal>
export const SignedProposalCodec: Codec<SignedProposal> = signedProposal

/** The 32 bytes a validator signs for a vote. */
export function voteDigest(genesisHash: Uint8Array, body: VoteBody): Uint8Array {
  return signingDigest('vote', genesisHash, encode(VoteBodyCodec, body))
}

/** The 32 bytes a proposer signs; the polka that may travel along is not part of them. */
export function proposalDigest(genesisHash: Uint8Array, body: ProposalBody): Uint8Array {
  return signingDigest('proposal', genesisHash, encode(ProposalBodyCodec, body))
}

const duplicateVote = container({ first: SignedVoteCodec, second: SignedVoteCodec })
export type DuplicateVote = Decoded<typeof duplicateVote>
/** Payload of C1: one validator, one (height, round, type), two bodies. */
export const DuplicateVoteCodec: Codec<DuplicateVote> = duplicateVote

const duplicateProposal = container({ first: SignedProposalCodec, second: SignedProposalCodec })
export type DuplicateProposal = Decoded<typeof duplicateProposal>
/** Payload of C2: one proposer, one (height, round), two bodies. */
export const DuplicateProposalCodec: Codec<DuplicateProposal> = duplicateProposal

const quorumVotes = container({
  round: u32,
  blockId: bytes32,
  validRound: u32,
  /** Bit i (little-endian in each byte) stands for validator i; no trailing zero byte. */
  signers: byteList(VALIDATORS_MAX / 8),
  signatures: list(bytes64, VALIDATORS_MAX),
})
const amnesia = container({ height: u64, commit: quorumVotes, polka: quorumVotes })
export type Amnesia = Decoded<typeof amnesia>
/**
 * Payload of C3: precommits of 2/3 for one block in round r, prevotes of 2/3 for another in r' > r
 * on a valid round before r. Whoever signed in both is guilty.
 */
export const AmnesiaCodec: Codec<Amnesia> = amnesia
