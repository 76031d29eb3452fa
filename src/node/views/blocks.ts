/** Blocks with their story: what each held, who signed it, and what it did. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { signersOf } from '../../ledger/commit.ts'
import { BlockCodec, blockId } from '../../ledger/types/block.ts'
import type { LedgerEvent } from '../../ledger/types/event.ts'
import type { StoredBlock } from '../../ledger/types/stored-block.ts'
import { keptValidatorsAt } from '../../ledger/validators.ts'
import type { Queries } from '../queries.ts'
import { Amount, Count, Height, Id, listOf, MaybeId } from './json.ts'

/** Blocks of one page: each is read from disk. */
export const BLOCKS_MAX = 100
const BLOCKS_DEFAULT = 20

/** Newest first, from height `from` (the head when it is absent) downwards. */
export const BlocksQuery = z.strictObject({
  from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(BLOCKS_MAX).default(BLOCKS_DEFAULT),
})

export const EventView = z.object({
  kind: z.string(),
  subject: MaybeId,
  actor: MaybeId,
  value: Amount,
  count: z.number(),
  reason: z.string(),
})
export type EventView = z.infer<typeof EventView>

export function eventView(event: LedgerEvent): EventView {
  return { ...event, value: String(event.value), count: Number(event.count) }
}

export const BlockView = z.object({
  height: Height,
  id: Id,
  timeMs: z.number(),
  proposer: Id,
  round: Count,
  parentId: Id,
  /** After this block; null while the block is only just on its way to the disk. */
  stateRoot: Id.nullable(),
  /** As the header has it: after the parent. */
  headerStateRoot: Id,
  receiptRoot: Id,
  signers: z.array(Id),
  counts: z.object({
    evidence: Count,
    attestations: Count,
    receipts: Count,
    transactions: Count,
    offers: Count,
  }),
  bytes: Count,
  events: z.array(EventView),
})
export type BlockView = z.infer<typeof BlockView>
export const BlockList = listOf(BlockView)

/** What a block's view is made of. */
export interface BlockParts {
  readonly stored: StoredBlock
  /** The next block, whose header commits to the state after this one; absent for the head. */
  readonly next: StoredBlock | undefined
  readonly events: readonly LedgerEvent[]
}

export function blockView({ ledger }: Queries, { stored, next, events }: BlockParts): BlockView {
  const { block } = stored
  const { header } = block
  // What the next block holds is the same on every node; our own certificate may name others.
  const commit = next?.block.lastCommit ?? stored.commit
  const members = keptValidatorsAt(ledger.state, header.height) ?? []
  const isHead = header.height === ledger.head.height
  const after = isHead ? ledger.head.stateRoot : next?.block.header.stateRoot
  return {
    height: Number(header.height),
    id: toHex(blockId(header)),
    timeMs: Number(header.time),
    proposer: toHex(header.proposer),
    round: commit.round,
    parentId: toHex(header.parentId),
    stateRoot: after === undefined ? null : toHex(after),
    headerStateRoot: toHex(header.stateRoot),
    receiptRoot: toHex(header.receiptRoot),
    signers: signersOf(commit).flatMap((index) => {
      const member = members[index]
      return member === undefined ? [] : [toHex(member.id)]
    }),
    counts: {
      evidence: block.evidence.length,
      attestations: block.attestations.length,
      receipts: block.receipts.length,
      transactions: block.transactions.length,
      offers: block.offers.length,
    },
    bytes: encode(BlockCodec, block).length,
    events: events.map(eventView),
  }
}
