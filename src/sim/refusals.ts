/** Every code the simulator answers with. */

import type { RefusalTable } from '../base/refusal.ts'

export const REFUSALS: RefusalTable = {
  sim_blob_unavailable: {
    meaning: 'No living node of the simulation holds the blob.',
    remedy: 'Upload it to a node first, and keep a holder alive.',
  },
}
