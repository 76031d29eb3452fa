/**
 * One block being executed: the view it writes to, what is fixed for the block, and its story.
 *
 * Every rule of the ledger takes an `Execution` and either completes or throws a `RefusalError`;
 * a block that holds anything refused is invalid as a whole, so no rule ever undoes its writes.
 */

import type { Params } from '../governance/params.ts'
import type { View } from './state.ts'
import type { LedgerEvent } from './types/event.ts'

/** What does not change while a block is executed. */
export interface BlockContext {
  readonly genesisHash: Uint8Array
  readonly height: bigint
  /** Milliseconds since the Unix epoch, from the header. */
  readonly timeMs: bigint
  /** Hex account id of the proposer. */
  readonly proposer: string
  /** beacon(H): 32 bytes. */
  readonly beacon: Uint8Array
  /** The parameters in force at this height. */
  readonly params: Params
  /**
   * True when the stateless check of this object has passed: signatures, openings, proofs,
   * arithmetic of evidence (protocol.md §2). The transition does state checks only.
   */
  readonly checked: (objectId: string) => boolean
}

export interface Execution {
  readonly view: View
  readonly block: BlockContext
  readonly events: LedgerEvent[]
}

/** Adds a line to the block's story; fields that are not given are zero or empty. */
export function emit(
  execution: Execution,
  event: Pick<LedgerEvent, 'kind'> & Partial<LedgerEvent>,
): void {
  execution.events.push({ subject: '', actor: '', value: 0n, count: 0n, reason: '', ...event })
}
