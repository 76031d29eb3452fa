/** A block with the commit that decided it: as it is stored, and as it travels by stream. */

import { container, type Decoded } from '../../base/codec.ts'
import { BlockCodec, CommitCodec } from './block.ts'

export const StoredBlockCodec = container({ block: BlockCodec, commit: CommitCodec })
export type StoredBlock = Decoded<typeof StoredBlockCodec>
