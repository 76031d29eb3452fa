/**
 * The commit a block carries of its parent: judged in structure, turned into signatures to check.
 *
 * It names one precommit digest for all signers, so it is a bitmap and a list of signatures.
 *
 * Invariants
 *   - Who signs is in the set of the commit's height, stands in it once, and has one signature.
 *   - The signers hold more than two thirds of the power.
 *   - A commit has one form: the bitmap ends in a byte that is not zero.
 *
 * Source: protocol.md §3 (certificate = bitmap + Ed25519 list).
 */

import { equalBytes } from '../base/bytes.ts'
import { encode } from '../base/codec.ts'
import { sha256 } from '../base/hash.ts'
import { type Refusal, refusal, refuse } from '../base/refusal.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { type Commit, CommitCodec, EMPTY_COMMIT } from './types/block.ts'
import type { Validator } from './types/validator-set.ts'
import { VOTE_TYPE_BYTES, voteDigest } from './types/vote.ts'

/** Indices in the validator set, ascending. */
export function signersOf({ signers }: Commit): number[] {
  const indices: number[] = []
  signers.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if (((byte >> bit) & 1) === 1) indices.push(8 * at + bit)
  })
  return indices
}

/** SHA-256 of the encoding: names the commit among the checks of a block. */
export function commitId(commit: Commit): Uint8Array {
  return sha256(encode(CommitCodec, commit))
}

export function isEmptyCommit(commit: Commit): boolean {
  return equalBytes(commitId(commit), commitId(EMPTY_COMMIT))
}

/** Nothing when the structure is sound, else why not. */
export function judgeCommit(commit: Commit, members: readonly Validator[]): Refusal | undefined {
  const { height, signers, signatures } = commit
  const indices = signersOf(commit)
  if (signers.length > 0 && signers[signers.length - 1] === 0) {
    return refusal('commit_malformed', { height, reason: 'the bitmap ends in a zero byte' })
  }
  if (indices.length !== signatures.length) {
    return refusal('commit_malformed', { height, reason: 'one signature for each signer' })
  }
  const stranger = indices.find((index) => members[index] === undefined)
  if (stranger !== undefined) {
    return refusal('commit_malformed', { height, reason: 'a signer is not in the set' })
  }
  const total = members.reduce((sum, { power }) => sum + power, 0n)
  const power = indices.reduce((sum, index) => sum + (members[index] as Validator).power, 0n)
  return 3n * power > 2n * total
    ? undefined
    : refusal('commit_below_quorum', { height, power, total })
}

/**
 * One check for each signature, in order of the signers.
 * @throws RefusalError commit_malformed, commit_below_quorum
 */
export function commitChecks(
  genesisHash: Uint8Array,
  commit: Commit,
  members: readonly Validator[],
): SignatureCheck[] {
  const fault = judgeCommit(commit, members)
  if (fault !== undefined) return refuse(fault.code, fault.facts)
  const { height, round, blockId } = commit
  const type = VOTE_TYPE_BYTES.precommit
  const digest = voteDigest(genesisHash, { type, height, round, blockId, validRound: 0 })
  return signersOf(commit).map((index, at) => ({
    publicKey: (members[index] as Validator).consensusKey,
    digest,
    signature: commit.signatures[at] as Uint8Array,
  }))
}
