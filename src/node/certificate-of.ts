/** The commit of a block as the certificate that consensus speaks of. */

import { toHex } from '../base/bytes.ts'
import { indicesOf } from '../consensus/bitmap.ts'
import type { QuorumCertificate } from '../consensus/types.ts'
import type { Commit } from '../ledger/types/block.ts'

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
