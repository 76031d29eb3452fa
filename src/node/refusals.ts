/** Every code the node room refuses with. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  block_id_mismatch: {
    meaning: 'The body of a proposed block is not the one its proposal named.',
    remedy: 'Nothing: the block is refused; its proposer is at fault.',
  },
  block_signature_invalid: {
    meaning: 'A signature in a proposed block, or in the commit of its parent, does not hold.',
    remedy: 'Nothing: the block is refused; its proposer is at fault.',
  },
  config_conflict: {
    meaning: 'One setting is given under two names, with different values.',
    remedy: 'Unset one of the two variables.',
  },
  config_invalid: {
    meaning: 'A setting does not parse; key, source and reason are named.',
    remedy: 'Correct it as docs/reference/environment.md says.',
  },
  height_unknown: {
    meaning: 'The node has no block of this height.',
    remedy: 'Ask for a height between 1 and the head the node names in its status.',
  },
  node_starting: {
    meaning: 'The node is not connected to its peers yet.',
    remedy: 'Try again in a moment.',
  },
}
