/** Every code the node room refuses with. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  config_conflict: {
    meaning: 'One setting is given under two names, with different values.',
    remedy: 'Unset one of the two variables.',
  },
  config_invalid: {
    meaning: 'A setting does not parse; key, source and reason are named.',
    remedy: 'Correct it as docs/reference/environment.md says.',
  },
}
