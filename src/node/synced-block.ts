/** A block as it travels by stream: its encoding and the commit that decided it. */

import { toHex } from '../base/bytes.ts'
import { byteList, type Codec, container, type Decoded } from '../base/codec.ts'
import { indicesOf } from '../consensus/bitmap.ts'
import type { QuorumCertificate } from '../consensus/types.ts'
import { BLOCK_BYTES_MAX, type Commit, CommitCodec } from '../ledger/types/block.ts'

const syncedBlock = container({ block: byteList(BLOCK_BYTES_MAX), commit: CommitCodec })
export type SyncedBlock = Decoded<typeof syncedBlock>
export const SyncedBlockCodec: Codec<SyncedBlock> = syncedBlock

/** The commit of a block as the certificate consensus speaks of. */
export function certificateOf(commit: Commit): QuorumCertificate {
  const { height, round, signatures } = commit
  return {
    kind: 'commit',
    height,
    round,
    value: toHex(commit.blockId),
    validRound: -1,
    signers: indicesOf(commit.signers),
    signatures,
  }
}
