/** Refusal codes of the command line itself. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  faucet_foreign: {
    meaning: 'The key given for the faucet is not that of the genesis.',
    remedy: 'Set TB_FAUCET_KEY to the faucet key of this devnet, or unset it.',
  },
  faucet_granted: {
    meaning: 'The faucet has given to this account before.',
    remedy: 'Ask somebody who has money; the faucet gives once.',
  },
  usage: {
    meaning: 'The command line is not understood.',
    remedy: 'Run the command with --help.',
  },
  no_node: {
    meaning: 'No node answers.',
    remedy: 'Start one (`npm run devnet`), or name it with --node URL or TB_NODE.',
  },
  node_silent: {
    meaning: 'The node did not answer in time.',
    remedy: 'Look at its log; give it more time with --timeout SECONDS.',
  },
  answer_malformed: {
    meaning: 'What answered is not a BlockTorch node of this version.',
    remedy: 'Check the URL, and that node and command line come from the same release.',
  },
  not_found: {
    meaning: 'The node does not know this.',
    remedy: 'Check the id; ask another node if this one is still catching up.',
  },
  devnet_file_malformed: {
    meaning: 'The devnet file does not name a node with an HTTP address.',
    remedy: 'Start the devnet again; it writes the file.',
  },
  key_name_malformed: {
    meaning: 'A key is named with small letters, digits and hyphens, at most 64 of them.',
    remedy: 'Choose such a name.',
  },
  amount_malformed: {
    meaning: 'The amount is not understood.',
    remedy: 'Write BLOCK with at most nine decimals (`12.5`), or whole nBLOCK with an n (`123n`).',
  },
  id_malformed: {
    meaning: 'An id is 64 hexadecimal digits.',
    remedy: 'Copy it whole; lists with --json show ids in full.',
  },
  number_malformed: {
    meaning: 'The option wants a whole number within its bounds.',
    remedy: 'Give such a number.',
  },
  key_needed: {
    meaning: 'The command signs, and no key was named.',
    remedy: 'Name one with --key NAME or --key FILE; `tb-cli keys new default` makes one.',
  },
  inclusion_awaited: {
    meaning: 'The transaction was taken but stands in no block yet.',
    remedy: 'Look at `tb-cli status`: blocks may have stopped. Ask `tb-cli account show` later.',
  },
  proposal_items: {
    meaning: 'A proposal changes 1 to 16 parameters, or rolls one proposal back, not both.',
    remedy: 'Give KEY=VALUE words, or --rollback ID.',
  },
  proposal_item_malformed: {
    meaning: 'A change is written KEY=VALUE, with a whole number in the unit of the parameter.',
    remedy: 'See `tb-cli gov params` for keys, units and bounds.',
  },
  title_too_long: {
    meaning: 'The title of a proposal has at most 128 bytes.',
    remedy: 'Give a shorter one.',
  },
  vote_unknown: {
    meaning: 'A vote is yes, no, abstain or veto.',
    remedy: 'Give one of these words.',
  },
  job_file_unreadable: {
    meaning: 'The job file, or a file it names, cannot be read.',
    remedy: 'Check the path; files in a job file are looked for beside it.',
  },
  job_file_malformed: {
    meaning: 'The job file does not describe a job.',
    remedy: 'See examples/README.md for its fields.',
  },
  program_not_found: {
    meaning: 'No program of this name or id is available.',
    remedy: 'Look at `tb-cli program list`; a program that was just registered may be pending.',
  },
  program_name_ambiguous: {
    meaning: 'Several programs have this name.',
    remedy: 'Name the program by its id.',
  },
  input_count: {
    meaning: 'The job gives another number of inputs than its program takes.',
    remedy: 'Give one file for each input; `tb-cli program show` lists them.',
  },
  input_size: {
    meaning: 'An input has another size than the program wants.',
    remedy: 'Elements are packed little-endian; `tb-cli program show` tells shape and size.',
  },
  no_ask_fits: {
    meaning: 'No ask on the book could take the job, so no price can be estimated.',
    remedy: 'Set priceCeiling in the job file and wait for a provider, or change lane or deadline.',
  },
  job_unfinished: {
    meaning: 'The job was not final in the time given.',
    remedy: 'It goes on without you: `tb-cli job show ID`. Give more time with --within SECONDS.',
  },
  job_expired: {
    meaning: 'The job ended without a result; price and unused fees went back to the buyer.',
    remedy: 'Run `tb-cli explain ID` for the reason.',
  },
  job_cancelled: {
    meaning: 'The job was cancelled by its buyer.',
    remedy: 'Submit it again if that was not meant.',
  },
  job_not_cancelled: {
    meaning: 'The job was matched or had ended before the cancellation came.',
    remedy: 'See `tb-cli job show ID`; a matched job runs to its end.',
  },
  weights_count: {
    meaning: 'The program names another number of weights than files were given.',
    remedy: 'Give one --weights file for each, in order.',
  },
  weights_differ: {
    meaning: 'A file of weights is not the one that the program names.',
    remedy: 'Give the files in the order of the program; digests are BLAKE3 of their bytes.',
  },
  program_file_unreadable: {
    meaning: 'The program file or a file of weights cannot be read.',
    remedy: 'Check the path.',
  },
  program_folder_malformed: {
    meaning: 'The folder does not hold a program with its description.',
    remedy: 'Make it with `tb-cli program import`, and leave its files as they are.',
  },
  folder_occupied: {
    meaning: 'The folder holds other things than a program.',
    remedy: 'Choose another folder with -o.',
  },
  model_file_unreadable: {
    meaning: 'The model, or a file that goes with it, cannot be read.',
    remedy: 'Check the path; models and weights have at most 1 GiB.',
  },
  samples_missing: {
    meaning: 'There are not enough samples for one run of the program.',
    remedy: 'Give files with as many samples as the first size of the input, or more.',
  },
  samples_uneven: {
    meaning: 'The inputs have different numbers of samples.',
    remedy: 'Give as many samples of each input.',
  },
  dim_malformed: {
    meaning: 'A size is not given as NAME=SIZE, or a shape not as NAME=SIZE,SIZE,...',
    remedy: 'Give whole numbers from 1 on, at most eight for a shape.',
  },
  weights_awaited: {
    meaning: 'The program is registered, but too few validators hold its weights yet.',
    remedy: 'Wait: `tb-cli program show ID`; keep the node that has the weights online.',
  },
  program_name_long: {
    meaning: 'The name of a program has at most 64 bytes.',
    remedy: 'Give a shorter one with --name.',
  },
  genesis_mismatch: {
    meaning: 'The genesis that the node sent is not the one that was expected.',
    remedy: 'Do not join. Ask whoever invited you for the right URL and genesis hash.',
  },
  genesis_other: {
    meaning: 'The data folder belongs to another chain.',
    remedy: 'Choose another folder with --data.',
  },
  clock_skewed: {
    meaning: 'The clock of this machine differs from that of the network.',
    remedy: 'Synchronise it (NTP) and start again; with a wrong clock no block would be accepted.',
  },
  key_active_elsewhere: {
    meaning: 'This key is in the validator set already, and not from this folder.',
    remedy:
      'Stop the other node and move its whole folder here, or join with a new folder and key.',
  },
  sync_awaited: {
    meaning: 'The node did not catch up in time.',
    remedy: 'Run the same command again: it goes on from where it is. Check `tb-cli peers`.',
  },
  funds_missing: {
    meaning: 'The account cannot pay the bond, and no faucet helps.',
    remedy: 'Pay the account (its id is told above), or give a smaller --bond.',
  },
  vote_awaited: {
    meaning: 'The validator has not voted in the time given.',
    remedy: 'Start it again with the same folder; `tb-cli status` tells from which block it votes.',
  },
  provider_awaited: {
    meaning: 'The provider or its ask has not come into force in time.',
    remedy: 'Start it again with the same folder; `tb-cli status` shows whether blocks are made.',
  },
  port_in_use: {
    meaning: 'The address cannot be listened on, most often because another process does.',
    remedy: 'Stop it, or choose another port; 0 lets the system choose.',
  },
  config_file_malformed: {
    meaning: 'The configuration file is not a list of settings.',
    remedy: 'Write `key: value` lines with the keys of `tb-cli config show`.',
  },
  ask_terms_unfit: {
    meaning: 'The ask cannot be formed from the options.',
    remedy: 'Check --lane, --price and --blocks.',
  },
  tensor_unnamed: {
    meaning: 'An input is given without saying which one it is.',
    remedy: 'Write NAME=FILE, with the number of the input for a name: 0=x.f32.',
  },
  tensor_name_unknown: {
    meaning: 'The program has no input or weight of this name.',
    remedy: 'Name it by its number, from 0: 0=x.f32, or input0=x.f32.',
  },
  tensor_given_twice: {
    meaning: 'Two files are given for one input or weight.',
    remedy: 'Give one file for each.',
  },
  tensor_missing: {
    meaning: 'No file is given for an input or weight of the program.',
    remedy: 'Give one with --input NAME=FILE or --weight FILE; the facts tell type and size.',
  },
  tensor_size: {
    meaning: 'A file has another size than its input or weight.',
    remedy: 'Elements are packed little-endian, row by row, without padding.',
  },
  tensor_file_unreadable: {
    meaning: 'The file of an input or weight cannot be read.',
    remedy: 'Check the path.',
  },
  lab_log_unreadable: {
    meaning: 'The lab log cannot be read.',
    remedy: 'Check the path; `tb-cli lab log` makes one.',
  },
  lab_log_unwritable: {
    meaning: 'The lab log cannot be written.',
    remedy: 'Choose another file with --log.',
  },
  lab_set_unreadable: {
    meaning: 'The lab set, or a file that it names, cannot be read.',
    remedy: 'Check the paths; they are looked for beside the set.',
  },
  lab_set_malformed: {
    meaning: 'The lab set does not describe programs and their tensors.',
    remedy: 'See docs/reference/lab-log.md for its fields.',
  },
  lab_subject_unknown: {
    meaning: 'No program of the set and no suite of vectors has such a name.',
    remedy: 'Give the beginning of a name: mnist, vectors/matmul.',
  },
  lab_entry_unknown: {
    meaning: 'The lab log has no such entry, or more than one.',
    remedy: 'Give the number of an entry, or more digits of its chain value.',
  },
  lab_bits_differ: {
    meaning: 'The same program on the same inputs gave other bits: the finding of a lab log.',
    remedy: 'Run `tb-cli fabric selftest`; report both entries with their fabrics.',
  },
  lab_nothing_repeated: {
    meaning: 'None of the entries could be run again on this machine.',
    remedy: 'Read the state of each row; name a fabric that is here with --fabric.',
  },
  lab_head_differs: {
    meaning: 'The lab log ends with another entry than the one that was named.',
    remedy: 'Take the log from where it was made; it may have been continued since.',
  },
  lab_signer_differs: {
    meaning: 'The lab log is not signed with the key that was named.',
    remedy: 'Ask whoever made it for the log, or for the key.',
  },
  profile_job_unknown: {
    meaning: 'The tensor profile has no run of this job since its last reset.',
    remedy: 'See `tb-cli profile show`; a node writes it with TB_BLOCKTORCH_PROFILE=1.',
  },
  profile_unwritable: {
    meaning: 'The log of the tensor profile cannot be changed.',
    remedy: 'Check that the data folder is yours to write; name another one with --data.',
  },
  output_unwritable: {
    meaning: 'The outputs cannot be written to the folder.',
    remedy: 'Choose another one with --out.',
  },
  fabric_unknown: {
    meaning: 'There is no fabric of this name.',
    remedy: 'Take a name of `tb-cli fabric list`, or the path of a shared object.',
  },
  op_not_benched: {
    meaning: 'The short benchmark of fabrics has no case for this op.',
    remedy: 'Name one of those that the facts list.',
  },
  isa_unknown: {
    meaning: 'There is no instruction set of this name.',
    remedy: 'Name one of those that the facts list.',
  },
  fabric_bits_differ: {
    meaning: 'A fabric does not compute the bits of BT-Num v1.',
    remedy: 'Do not offer it. Report the vector and what `tb-cli fabric probe --json` prints.',
  },
  interrupted: {
    meaning: 'You stopped the command.',
    remedy: 'Start it again; what was already submitted goes on without it.',
  },
  internal: {
    meaning: 'The command line contradicts itself or the machine failed it.',
    remedy: 'Report it, with what TB_DEBUG=1 prints.',
  },
}
