/**
 * After a restart: the bodies of the height in progress are executed again, so that what this node
 * judged valid, and may be locked on, can still be committed.
 *
 * They were checked before they were written, and the store vouches for their bytes.
 */

import { toHex } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { executeBlock } from '../ledger/ledger.ts'
import { BlockCodec, blockId } from '../ledger/types/block.ts'
import type { NodeState } from './state.ts'
import type { Turn } from './turn.ts'

export function recoverBodies(node: NodeState, turn: Turn, bodies: readonly Uint8Array[]): void {
  for (const bytes of bodies) {
    const block = decode(BlockCodec, bytes)
    if (block.header.height !== node.ledger.head.height + 1n) continue
    const outcome = executeBlock(node.ledger, block, () => true)
    const executed = 'executed' in outcome ? outcome.executed : undefined
    const sinceMs = turn.at.monotonicMs
    node.bodies.keep(toHex(blockId(block.header)), { bytes, block, executed, sinceMs })
  }
}
