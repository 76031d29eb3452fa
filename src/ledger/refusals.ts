/** Every code the ledger refuses with; the market's own stand in `market-refusals.ts`. */

import type { RefusalTable } from '../base/refusal.ts'
import { REFUSALS as MARKET } from './market-refusals.ts'

export const REFUSALS: RefusalTable = {
  ...MARKET,
  action_unknown: {
    meaning: 'The action byte of a transaction is none this version knows.',
    remedy: 'Update the client, or the node, to the version of the chain.',
  },
  attestation_not_validator: {
    meaning: 'The attestation batch is of an account that is not in the validator set.',
    remedy: 'Wait until the bond is in force, two blocks after it was included.',
  },
  attestation_too_early: {
    meaning: 'The attestation batch names a height that is not reached yet.',
    remedy: 'It is taken once the height is near; nothing to do.',
  },
  attestation_too_old: {
    meaning: 'The attestation batch names a height long past.',
    remedy: 'Sign a new batch at the present height.',
  },
  balance_insufficient: {
    meaning: 'The account cannot pay what the object and those pending before it need.',
    remedy: 'Fund the account, or wait for pending objects to be included.',
  },
  block_beacon_invalid: {
    meaning: 'The beacon proof of the block is not by its proposer over this height.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_commit_wrong: {
    meaning: 'The commit in the block is not that of its parent.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_field_wrong: {
    meaning: 'A field of the header is not what the chain so far makes it.',
    remedy: 'If every block of others is refused so, the state differs: run `npm run test:replay`.',
  },
  block_height_wrong: {
    meaning: 'The block is not for the height after the head.',
    remedy: 'Nothing to do: it belongs to another height.',
  },
  block_object_misplaced: {
    meaning: 'An object stands in a section that does not hold its kind.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_object_twice: {
    meaning: 'An object stands in the block twice.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_proposer_unknown: {
    meaning: 'The proposer named in the header is not in the validator set.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_section_full: {
    meaning: 'A section of the block is longer than it may be.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  block_too_early: {
    meaning: 'The time of the block is not a whole interval after its parent.',
    remedy: 'Check the clock of the proposer.',
  },
  block_version_unknown: {
    meaning: 'The block is of a version this node does not know.',
    remedy: 'Update the node.',
  },
  bond_insufficient: {
    meaning: 'More of a bond is asked back than there is.',
    remedy: 'Ask for at most the bond shown by `tb-cli status`.',
  },
  bond_too_small: {
    meaning: 'The bond would be below the least that is allowed, and not zero.',
    remedy: 'Bond at least the minimum of docs/reference/params.md, or ask all of it back.',
  },
  bond_value_zero: {
    meaning: 'A bond of nothing is given or asked back.',
    remedy: 'Name a value above zero.',
  },
  commit_below_quorum: {
    meaning: 'The signers of the commit do not hold two thirds of the power.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  commit_malformed: {
    meaning: 'The commit in the block is no bitmap and list of signatures over the set.',
    remedy: 'The proposer is faulty; the block is voted nil.',
  },
  consensus_key_taken: {
    meaning: 'Another validator has this consensus key.',
    remedy: 'Make a key of your own: the same key in two places signs twice.',
  },
  genesis_faucet_forbidden: {
    meaning: 'The genesis has a faucet account on a chain that is no devnet.',
    remedy: 'Remove the faucet from the genesis file.',
  },
  genesis_invalid: {
    meaning: 'The genesis contradicts itself or the parameter table.',
    remedy: 'Fix what the reason names; docs/reference/genesis.md has the format.',
  },
  genesis_malformed: {
    meaning: 'The text is not a genesis file; the field and the reason say where.',
    remedy: 'Fix the field; docs/reference/genesis.md has the format.',
  },
  genesis_unreadable: {
    meaning: 'The genesis file is not there, or cannot be read.',
    remedy: 'Get the genesis file of the chain you mean to join, and check the path.',
  },
  key_inadmissible: {
    meaning: 'The public key is not the canonical encoding of a point of prime order.',
    remedy: 'Make the key with `tb-cli keys new`; keys of small or mixed order are never taken.',
  },
  nonce_too_far_ahead: {
    meaning: 'The nonce is far beyond the next of the account.',
    remedy: 'Send the transactions in between first.',
  },
  nonce_used: {
    meaning: 'The nonce was used by a transaction in a block.',
    remedy: 'Ask the node for the account and use the nonce it gives.',
  },
  nonce_wrong: {
    meaning: 'The nonce is not the next of the account.',
    remedy: 'Ask the node for the account and use the nonce it gives.',
  },
  object_kind_unknown: {
    meaning: 'The kind byte of an envelope is none this version knows.',
    remedy: 'Update the client, or the node, to the version of the chain.',
  },
  object_oversized: {
    meaning: 'The object is longer than its kind may be.',
    remedy: 'Keep to the limits of docs/reference/wire.md.',
  },
  object_unchecked: {
    meaning: 'The signatures of an object in the block were not checked.',
    remedy: 'A fault of this node; report it with its log.',
  },
  offer_expired: {
    meaning: 'The offer expires at or before the present height.',
    remedy: 'Make the offer again with a later expiry.',
  },
  offer_expiry_too_far: {
    meaning: 'The offer would live longer than allowed.',
    remedy: 'Choose an expiry within `max_offer_ttl` of the present height.',
  },
  offer_known: {
    meaning: 'The same offer is in a block already.',
    remedy: 'Nothing to do; change the salt to buy the same work twice.',
  },
  pool_duplicate: {
    meaning: 'The object waits here already.',
    remedy: 'Nothing to do.',
  },
  pool_full: {
    meaning: 'No more objects of this section are kept.',
    remedy: 'Try again later.',
  },
  pool_replacement_underpriced: {
    meaning:
      'A waiting transaction has the same nonce, and the tip does not exceed it by an eighth.',
    remedy: 'Raise the tip by 12.5 %, or use the next nonce.',
  },
  pool_replay: {
    meaning: 'Another object of the same replay key waits here already.',
    remedy: 'Nothing to do: only one of the two can be in the chain.',
  },
  pool_sender_full: {
    meaning: 'The account has as many objects waiting as it may.',
    remedy: 'Wait until some are included.',
  },
  receipt_attempt_unknown: {
    meaning: 'No such attempt of the job is known at this head.',
    remedy: 'Nothing to do: it is judged again after the next blocks.',
  },
  receipt_foreign: {
    meaning: 'The receipt is of a provider the attempt was not matched to.',
    remedy: 'Only the matched provider may send a receipt.',
  },
  replay_refused: {
    meaning: 'A block of the store is refused when the chain is executed again from genesis.',
    remedy:
      'The code and the state differ from those that made the chain: compare versions, then sync from peers.',
  },
  replay_unconserved: {
    meaning: 'Balances and pots do not add up to the supply after a block.',
    remedy: 'A fault of the ledger; keep the data folder and report the height.',
  },
  role_unknown: {
    meaning: 'The role byte of a bond is neither validator nor provider.',
    remedy: 'Use 1 for validator, 2 for provider.',
  },
  store_corrupt: {
    meaning: 'A stored value is not what was written.',
    remedy: 'Stop, move the data folder away and start again: the node syncs from its peers.',
  },
  store_foreign: {
    meaning: 'The store holds another chain than the genesis file describes.',
    remedy: 'Start with the genesis file of that chain, or with an empty data folder.',
  },
  store_unopenable: {
    meaning: 'The database could not be opened.',
    remedy:
      'Make sure no other node uses the folder; if the files are damaged, move them away and sync.',
  },
  validator_jailed: {
    meaning: 'The sentence is not over.',
    remedy: 'Unjail at the height named.',
  },
  validator_not_jailed: {
    meaning: 'The validator is not in jail.',
    remedy: 'Nothing to do.',
  },
  validator_tombstoned: {
    meaning: 'The validator signed two conflicting messages and is out for ever.',
    remedy: 'Bond from another account, with another key, kept in one place.',
  },
  validator_unknown: {
    meaning: 'No validator has this account.',
    remedy: 'Bond first: `tb-cli join`.',
  },
}
