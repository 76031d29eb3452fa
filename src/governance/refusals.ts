/** Every code the governance room refuses with. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  param_out_of_bounds: {
    meaning: 'A parameter is outside the bounds of its line in the table.',
    remedy: 'Choose a value within the bounds of docs/reference/params.md.',
  },
  param_window_too_short: {
    meaning: 'A window is shorter than the number of active validators and four blocks.',
    remedy: 'Each validator must get its turn to propose within a window: choose a longer one.',
  },
  param_invariant_broken: {
    meaning: 'Two parameters would contradict each other.',
    remedy: 'Change them together in one proposal, so that the relation named holds.',
  },
}
