/** Every code the governance room refuses with. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  param_invariant_broken: {
    meaning: 'Two parameters would contradict each other.',
    remedy: 'Change them together in one proposal, so that the relation named holds.',
  },
  param_out_of_bounds: {
    meaning: 'A parameter is outside the bounds of its line in the table.',
    remedy: 'Choose a value within the bounds of docs/reference/params.md.',
  },
  param_step_too_large: {
    meaning: 'The value is further from the one at the start of the epoch than its step allows.',
    remedy: 'Go there in several proposals, in several epochs.',
  },
  param_twice: {
    meaning: 'A proposal names the same parameter twice.',
    remedy: 'Name each parameter once.',
  },
  param_unknown: {
    meaning: 'There is no parameter of this name.',
    remedy: 'See `tb-cli gov params` for the names.',
  },
  param_window_too_short: {
    meaning: 'A window is shorter than the number of active validators and four blocks.',
    remedy: 'Each validator must get its turn to propose within a window: choose a longer one.',
  },
  proposal_closed: {
    meaning: 'The proposal takes no deposits or votes in its present phase.',
    remedy: 'See `tb-cli gov show` for the phase it is in.',
  },
  proposal_deposit_too_small: {
    meaning: 'A proposal begins with a tenth of gov_deposit at least, and no deposit is empty.',
    remedy: 'Deposit more.',
  },
  proposal_empty: {
    meaning: 'The proposal changes nothing.',
    remedy: 'Name at least one parameter and its new value, or the proposal to roll back.',
  },
  proposal_kind_unknown: {
    meaning: 'The kind byte of a proposal is neither 1 (change) nor 2 (roll back).',
    remedy: 'Use the kinds of docs/reference/wire.md.',
  },
  proposal_limit: {
    meaning: 'As many proposals are open, or accounts have deposited on this one, as may be.',
    remedy: 'Wait until one of them ends, or propose with a higher deposit.',
  },
  proposal_not_applied: {
    meaning: 'Only a change that has been applied can be rolled back.',
    remedy: 'Name the id of an applied proposal.',
  },
  proposal_superseded: {
    meaning: 'A value of the change to roll back has been changed again since.',
    remedy: 'Roll back the later change first, or propose the values wanted.',
  },
  proposal_unknown: {
    meaning: 'No proposal has this id.',
    remedy: 'See `tb-cli gov show` for the ids.',
  },
  vote_option_unknown: {
    meaning: 'The option byte of a vote is none of yes, no, abstain, veto.',
    remedy: 'Use 1 to 4.',
  },
  vote_without_power: {
    meaning: 'The account was no validator with power when voting opened.',
    remedy:
      'Only the validators of that height vote; an applied change is recalled by those of today.',
  },
}
