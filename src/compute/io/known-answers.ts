/**
 * Runs whose results are known, asked of a stranger's fabric before it is believed.
 *
 *   node: golden vectors -> a few of every op, as tables and bytes -> child: runs, compares
 *
 * They are spread over the hard cases. A driver that rounds, flushes or contracts differently is
 * refused here; a falsifier that waits for its moment is the business of verification.
 */

import { encodeOpTable, opOutputBytes } from '../../program/op-table.ts'
import type { KnownAnswer } from '../child-messages.ts'
import { readGoldenSuites, VECTORS_FOLDER } from './golden-vectors.ts'

const VECTORS_PER_OP = 12
/** Characters, two for each byte of a tensor. */
const LINE_LENGTH_MAX = 64 * 1024

let read: readonly KnownAnswer[] | undefined

/** Read once. @throws RefusalError vectors_damaged */
export function knownAnswers(): readonly KnownAnswer[] {
  read ??= readGoldenSuites(VECTORS_FOLDER, chosen).flatMap(({ op, vectors }) =>
    vectors.map(({ program, given, expected }) => ({
      op,
      table: encodeOpTable(program),
      given,
      opBytes: opOutputBytes(program),
      expected,
    })),
  )
  return read
}

/** Evenly over the file, the last included: there stand the pairs of special values. */
function chosen(lines: readonly string[]): readonly string[] {
  const small = lines.filter(({ length }) => length <= LINE_LENGTH_MAX)
  const step = Math.max(1, Math.floor(small.length / VECTORS_PER_OP))
  const last = small.length - 1
  return small.filter((_, index) => (last - index) % step === 0)
}
