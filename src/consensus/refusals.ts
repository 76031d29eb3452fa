/** Why consensus refuses: codes, what they mean, and what to do. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  vote_type_unknown: {
    meaning: 'A vote is neither a prevote nor a precommit.',
    remedy: 'Encode votes as docs/reference/consensus.md says; run the same version as the chain.',
  },
  vote_misplaced_valid_round: {
    meaning: 'A vote names a valid round that is not before its round, or a precommit names one.',
    remedy: 'Give a prevote the valid round of the proposal it answers; a precommit has none.',
  },
  round_out_of_range: {
    meaning: 'A message names a round beyond any that can be reached.',
    remedy: 'Nothing: the sender is broken or hostile.',
  },
  certificate_malformed: {
    meaning: 'A certificate has fields that do not go together, or repeats a vote.',
    remedy:
      'Build certificates from the votes of one claim, signers ascending, one signature each.',
  },
  certificate_unknown_signer: {
    meaning: 'A certificate names a validator index that the set of its height does not have.',
    remedy: 'Use the validator set in force at the height of the certificate.',
  },
  certificate_below_quorum: {
    meaning: 'The signers of a certificate hold too little power for what it claims.',
    remedy: 'Wait for more votes: more than 2/3, or more than 1/3 to enter a round.',
  },
  proposal_malformed: {
    meaning: 'A proposal, or a message of its topic, has fields that do not go together.',
    remedy: 'Send a fresh proposal without a polka, a repeated one with the polka it stands on.',
  },
  proposal_wrong_proposer: {
    meaning: 'The signer of a proposal is not the proposer of its round.',
    remedy:
      'Propose only in your own turn; turns follow from the validator set and its priorities.',
  },
  proposal_polka_foreign: {
    meaning: 'The polka of a proposal is for another block, height or round.',
    remedy: 'Attach the polka of the proposal’s valid round for the same block.',
  },
  part_foreign: {
    meaning: 'A part does not belong to the proposal it names.',
    remedy: 'Cut the body as docs/reference/consensus.md says and send each part with its path.',
  },
  part_without_proposal: {
    meaning: 'The proposal of a part is not known yet.',
    remedy: 'Nothing: the part is kept for a while and judged when the proposal arrives.',
  },
  height_past: {
    meaning: 'The message is about a height that has been decided.',
    remedy: 'Nothing: late messages are normal. A node that is behind asks for blocks.',
  },
  height_ahead: {
    meaning: 'The message is about a height that this node has not reached.',
    remedy: 'Nothing: this node catches up by block sync.',
  },
  round_past: {
    meaning: 'The message is about a round too long ago to matter.',
    remedy: 'Nothing: late messages are normal.',
  },
  round_ahead: {
    meaning: 'The message is about a round far ahead, without a certificate that leads there.',
    remedy: 'Send a round certificate; single votes are taken for the next rounds only.',
  },
  voter_unknown: {
    meaning: 'The message names a validator index that the set of its height does not have.',
    remedy: 'Use the validator set in force at that height.',
  },
  vote_known: {
    meaning: 'This vote has been counted.',
    remedy: 'Nothing: gossip repeats itself.',
  },
  vote_surplus: {
    meaning: 'The validator has voted twice in this round already; more would prove nothing new.',
    remedy: 'Nothing: the two conflicting votes are reported as evidence.',
  },
  proposal_known: {
    meaning: 'This proposal has been taken.',
    remedy: 'Nothing: gossip repeats itself.',
  },
  proposal_surplus: {
    meaning: 'The proposer has proposed twice in this round already.',
    remedy: 'Nothing: the two conflicting proposals are reported as evidence.',
  },
  consensus_idle: {
    meaning: 'This node does not take part in agreement at the moment.',
    remedy: 'Nothing: it is starting or catching up.',
  },
  sign_conflict: {
    meaning: 'Something else was signed at this height, round and step.',
    remedy: 'Run one node per validator key. After a restart the node goes on at the next step.',
  },
  sign_regression: {
    meaning: 'A later position was signed before; an earlier one is never signed afterwards.',
    remedy: 'Run one node per validator key. After a restart the node goes on at the next step.',
  },
  sign_guard_missing: {
    meaning: 'The key has signed before, but the sign guard’s journal is empty or gone.',
    remedy: 'Restore the journal of the machine that signed last, or join with a new key.',
  },
  sign_guard_malformed: {
    meaning: 'The sign guard’s journal holds a record that no sign guard wrote there.',
    remedy: 'Restore the journal from the machine that signed last; do not edit or merge it.',
  },
  wal_malformed: {
    meaning: 'The write-ahead log holds a record that no node wrote there.',
    remedy: 'Remove the log: the sign guard alone keeps the node from voting twice.',
  },
}
