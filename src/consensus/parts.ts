/**
 * A block's encoding as at most eight parts under one Merkle root, so that each part is checked
 * alone against the signed proposal.
 *
 *   leaf = SHA-256(0 || index || bytes), node = SHA-256(1 || left || right), eight leaves, the
 *   absent ones zero
 *
 * Invariants
 *   - All parts but the last are full; the last is not empty: one body has one cutting.
 *   - A box holds at most the parts its proposal names.
 *
 * Source: protocol.md §2 (parts of 60 KiB, at most 8, tied by `partsRoot`).
 */

import { assert } from '../base/assert.ts'
import { concatBytes, equalBytes } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { type Refusal, refusal } from '../base/refusal.ts'
import {
  type Height,
  PART_BYTES_MAX,
  PART_PATH_MAX,
  PARTS_MAX,
  type ProposalClaim,
  type ProposalPart,
  type Round,
  type ValueId,
} from './types.ts'

export const BODY_BYTES_MAX: number = PARTS_MAX * PART_BYTES_MAX

export interface CutBody {
  readonly partsRoot: Uint8Array
  readonly partsCount: number
  readonly bodyBytes: number
  readonly parts: readonly { readonly bytes: Uint8Array; readonly path: readonly Uint8Array[] }[]
}

const LEAF = new Uint8Array([0])
const NODE = new Uint8Array([1])
const ABSENT = new Uint8Array(32)

/** Precondition: between 1 byte and 480 KiB. */
export function cutBody(body: Uint8Array): CutBody {
  assert(body.length > 0 && body.length <= BODY_BYTES_MAX, 'a body fits its parts')
  const pieces: Uint8Array[] = []
  for (let offset = 0; offset < body.length; offset += PART_BYTES_MAX) {
    pieces.push(body.subarray(offset, Math.min(offset + PART_BYTES_MAX, body.length)))
  }
  const levels = treeOf(pieces)
  const root = levels[PART_PATH_MAX]?.[0]
  assert(root !== undefined, 'the tree has a root')
  return {
    partsRoot: root,
    partsCount: pieces.length,
    bodyBytes: body.length,
    parts: pieces.map((bytes, index) => ({ bytes, path: pathOf(levels, index) })),
  }
}

/** The parts as they are published under a proposal. */
export function proposalParts(
  { height, round, value }: { height: Height; round: Round; value: ValueId },
  cut: CutBody,
): ProposalPart[] {
  return cut.parts.map(({ bytes, path }, index) => ({ height, round, value, index, bytes, path }))
}

/** Nothing when the part is the one the proposal commits to at its index. */
export function judgePart(proposal: ProposalClaim, part: ProposalPart): Refusal | undefined {
  const { partsCount, bodyBytes } = proposal
  const whole = partsCount * PART_BYTES_MAX
  if (bodyBytes > whole || bodyBytes <= whole - PART_BYTES_MAX) {
    return refusal('proposal_malformed', { reason: 'body length', bodyBytes, partsCount })
  }
  if (part.index >= partsCount || part.path.length !== PART_PATH_MAX) {
    return refusal('part_foreign', { index: part.index, partsCount })
  }
  const last = part.index === partsCount - 1
  const length = last ? bodyBytes - (partsCount - 1) * PART_BYTES_MAX : PART_BYTES_MAX
  if (part.bytes.length !== length) {
    return refusal('part_foreign', { index: part.index, bytes: part.bytes.length })
  }
  let node = leafOf(part.index, part.bytes)
  part.path.forEach((sibling, level) => {
    const isRight = ((part.index >> level) & 1) === 1
    node = isRight ? sha256(NODE, sibling, node) : sha256(NODE, node, sibling)
  })
  if (equalBytes(node, proposal.partsRoot)) return undefined
  return refusal('part_foreign', { index: part.index, reason: 'root' })
}

/** Parts of one proposal, gathered in any order. */
export interface PartsBox {
  readonly proposal: ProposalClaim
  readonly parts: (Uint8Array | undefined)[]
}

export function newPartsBox(proposal: ProposalClaim): PartsBox {
  return { proposal, parts: Array.from({ length: proposal.partsCount }, () => undefined) }
}

/** Precondition: `judgePart` found nothing. Returns the whole body once the last part is there. */
export function addPart(box: PartsBox, part: ProposalPart): Uint8Array | undefined {
  assert(part.index < box.parts.length, 'a part fits its box')
  box.parts[part.index] = part.bytes
  const whole = box.parts.filter((bytes) => bytes !== undefined)
  return whole.length === box.parts.length ? concatBytes(...whole) : undefined
}

function treeOf(pieces: readonly Uint8Array[]): Uint8Array[][] {
  const leaves = Array.from({ length: PARTS_MAX }, (_, index) => {
    const bytes = pieces[index]
    return bytes === undefined ? ABSENT : leafOf(index, bytes)
  })
  const levels = [leaves]
  for (let level = 0; level < PART_PATH_MAX; level++) {
    const below = levels[level] as Uint8Array[]
    const above: Uint8Array[] = []
    for (let at = 0; at < below.length; at += 2) {
      above.push(sha256(NODE, below[at] as Uint8Array, below[at + 1] as Uint8Array))
    }
    levels.push(above)
  }
  return levels
}

function pathOf(levels: readonly Uint8Array[][], index: number): Uint8Array[] {
  return levels
    .slice(0, PART_PATH_MAX)
    .map((nodes, level) => nodes[(index >> level) ^ 1] as Uint8Array)
}

function leafOf(index: number, bytes: Uint8Array): Uint8Array {
  return sha256(LEAF, new Uint8Array([index]), bytes)
}
