/** Refusal codes of the command line itself. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
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
  interrupted: {
    meaning: 'You stopped the command.',
    remedy: 'Start it again; what was already submitted goes on without it.',
  },
  internal: {
    meaning: 'The command line contradicts itself or the machine failed it.',
    remedy: 'Report it, with what TB_DEBUG=1 prints.',
  },
}
