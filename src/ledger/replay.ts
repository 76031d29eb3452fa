/**
 * The whole chain again, from genesis: every block executed, every root recomputed, money audited.
 *
 * A header commits to the state and the events after its parent, so block H+1 judges what replaying
 * H gave; only the last roots have no block above them and are returned to be compared. Signatures
 * are those of blocks that were decided: whoever doubts them gives `checks`.
 *
 * Source: protocol.md §3 (State); `npm run test:replay`.
 */

import { attempt, type Refusal, refuse } from '../base/refusal.ts'
import type { SignatureCheck } from '../runtime/ports.ts'
import { createLedger } from './genesis-state.ts'
import { applyBlock, executeBlock, type Ledger, requiredChecks } from './ledger.ts'
import { audit } from './supply.ts'
import type { Genesis } from './types/genesis.ts'
import type { StoredBlock } from './types/stored-block.ts'

export interface ReplayOptions {
  /** Says whether a signature holds, under ZIP-215. Without it none is looked at. */
  readonly check?: (check: SignatureCheck) => boolean
  /** Told after each block. */
  readonly seen?: (ledger: Ledger) => void
}

/**
 * @param blocks from height 1 on, without a gap
 * @returns the ledger after the last of them
 * @throws RefusalError replay_refused with the height and the code of the block that does not fit;
 *   replay_unconserved when money was made or lost.
 */
export function replay(
  genesis: Genesis,
  blocks: Iterable<StoredBlock>,
  { check, seen }: ReplayOptions = {},
): Ledger {
  const { ledger } = createLedger(genesis)
  for (const { block, commit } of blocks) {
    const { height } = block.header
    const outcome = attempt(() => {
      if (check !== undefined) requireSignatures(ledger, block, check)
      const executed = executeBlock(ledger, block, () => true)
      return 'refused' in executed ? refuseAs(executed.refused) : executed.executed
    })
    if ('refused' in outcome) {
      const { code, facts } = outcome.refused
      return refuse('replay_refused', { reason: code, ...facts, height })
    }
    applyBlock(ledger, outcome.value, commit)
    const { conserved, supply } = audit(ledger.state)
    if (!conserved) refuse('replay_unconserved', { height, supply })
    seen?.(ledger)
  }
  return ledger
}

function refuseAs({ code, facts }: Refusal): never {
  return refuse(code, facts)
}

function requireSignatures(
  ledger: Ledger,
  block: StoredBlock['block'],
  check: (check: SignatureCheck) => boolean,
): void {
  for (const { id, checks } of requiredChecks(ledger, block)) {
    if (!checks.every(check)) refuse('replay_refused', { id, reason: 'signature' })
  }
}
