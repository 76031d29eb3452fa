/**
 * Bodies of proposed blocks: gathered from parts, judged once, kept until their height is over.
 *
 *   proposal -> box -> parts -> whole -> judged -> durable -> voted for -> committed | forgotten
 *
 * Invariants
 *   - A body that was judged valid is on disk before the verdict is told to consensus, so that a
 *     value somebody may be locked on is never lost by all of its holders.
 *   - At most BOXES_MAX boxes and BODIES_MAX bodies: what honest proposers make in many rounds.
 */

import type { Refusal } from '../base/refusal.ts'
import { addPart, judgePart, newPartsBox, type PartsBox } from '../consensus/parts.ts'
import type { Proposal, ProposalPart, ValueId } from '../consensus/types.ts'
import type { Executed } from '../ledger/ledger.ts'
import type { Block } from '../ledger/types/block.ts'

export const BOXES_MAX = 64
export const BODIES_MAX = 64
/** Parts that came before their proposal. */
export const LOOSE_PARTS_MAX = 64

/** A whole body and what is known of it. */
export interface Body {
  readonly bytes: Uint8Array
  readonly block: Block
  /** The outcome of executing it on our head; undefined when it was refused. */
  readonly executed: Executed | undefined
  /** When the proposal was first heard or made, monotonic milliseconds. */
  readonly sinceMs: number
}

interface Box {
  readonly box: PartsBox
  readonly sinceMs: number
  bytes: Uint8Array | undefined
}

export class Bodies {
  readonly #boxes = new Map<ValueId, Box>()
  readonly #loose: ProposalPart[] = []
  readonly #bodies = new Map<ValueId, Body>()

  /** Opens a box for a proposal that consensus wants judged. @returns the body if it is whole. */
  expect(proposal: Proposal, nowMs: number): Uint8Array | undefined {
    const known = this.#bodies.get(proposal.value)?.bytes ?? this.#boxes.get(proposal.value)?.bytes
    if (known !== undefined) return known
    if (!this.#boxes.has(proposal.value)) {
      dropOldest(this.#boxes, BOXES_MAX)
      const box = newPartsBox(proposal)
      this.#boxes.set(proposal.value, { box, sinceMs: nowMs, bytes: undefined })
    }
    const loose = this.#loose.filter(({ value }) => value === proposal.value)
    for (const part of loose) {
      this.#loose.splice(this.#loose.indexOf(part), 1)
      this.add(part)
    }
    return this.#boxes.get(proposal.value)?.bytes
  }

  /** @returns the whole body with its last part, or why the part is foreign. */
  add(part: ProposalPart): { readonly whole?: Uint8Array; readonly refusal?: Refusal } {
    const box = this.#boxes.get(part.value)
    if (box === undefined) {
      this.#loose.push(part)
      if (this.#loose.length > LOOSE_PARTS_MAX) this.#loose.shift()
      return {}
    }
    const refusal = judgePart(box.box.proposal, part)
    if (refusal !== undefined) return { refusal }
    if (box.bytes !== undefined) return {}
    box.bytes = addPart(box.box, part)
    return box.bytes === undefined ? {} : { whole: box.bytes }
  }

  /** When the proposal of `value` was first expected. */
  sinceMs(value: ValueId): number | undefined {
    return this.#bodies.get(value)?.sinceMs ?? this.#boxes.get(value)?.sinceMs
  }

  keep(value: ValueId, body: Body): void {
    dropOldest(this.#bodies, BODIES_MAX)
    this.#bodies.set(value, body)
    this.#boxes.delete(value)
  }

  get(value: ValueId): Body | undefined {
    return this.#bodies.get(value)
  }

  /** Their height is over. @returns the values whose bodies are forgotten. */
  clear(): ValueId[] {
    const values = [...this.#bodies.keys()]
    this.#bodies.clear()
    this.#boxes.clear()
    this.#loose.length = 0
    return values
  }
}

function dropOldest(map: Map<string, unknown>, countMax: number): void {
  while (map.size >= countMax) {
    const [oldest] = map.keys()
    if (oldest === undefined) return
    map.delete(oldest)
  }
}
