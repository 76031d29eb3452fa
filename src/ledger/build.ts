/**
 * Building a block: the pool's objects tried one by one on a view, within the caps of each section.
 *
 * What is refused on the head is left out; whether it also leaves the pool depends on whether it
 * could ever be taken. So the block that results is valid by construction.
 *
 * Source: protocol.md §2 (sections, caps), §6 (at most so much evidence).
 */

import { fromHex } from '../base/bytes.ts'
import { attempt, type Refusal } from '../base/refusal.ts'
import { signersOf } from './commit.ts'
import { applyObject } from './execute.ts'
import type { Execution } from './execution.ts'
import { beaconAlpha, makeHeader } from './header.ts'
import { contextOf, type Ledger } from './ledger.ts'
import type { Mempool, Pooled } from './mempool.ts'
import { SECTION_BYTES_MAX, SECTIONS } from './sections.ts'
import { View } from './state.ts'
import { type Block, SECTION_MAX, type SectionName } from './types/block.ts'
import type { Envelope } from './types/envelope.ts'
import { countSignatures } from './validators.ts'

/** Objects tried for one section, so that a pool of refused ones costs a bounded time. */
const TRIED_MAX = 2048

export interface BuildInput {
  readonly timeMs: bigint
  /** Hex account id. */
  readonly proposer: string
  readonly beaconProof: Uint8Array
}

export interface Built {
  readonly block: Block
  /** What was left out, and why. */
  readonly left: readonly { readonly id: string; readonly refusal: Refusal }[]
}

/** The input of the next block's beacon. */
export function nextBeaconAlpha({ genesisHash, head }: Ledger): Uint8Array {
  return beaconAlpha(genesisHash, head.height + 1n, head.beacon)
}

export function buildBlock(ledger: Ledger, pool: Mempool, input: BuildInput): Built {
  const proposer = fromHex(input.proposer)
  const { timeMs, beaconProof } = input
  const context = contextOf(ledger, { time: timeMs, proposer, beaconProof }, () => true)
  const execution: Execution = { view: new View(ledger.state), block: context, events: [] }
  const { commit } = ledger.head
  if (ledger.head.height > 0n) countSignatures(execution, new Set(signersOf(commit)))
  const left: { id: string; refusal: Refusal }[] = []
  const sections = Object.fromEntries(
    SECTIONS.map((name) => [name, fill(execution, pool.candidates(name), name, left)]),
  ) as Record<SectionName, Envelope[]>
  const { genesisHash, head, state, params } = ledger
  const header = makeHeader({
    genesisHash,
    parent: head,
    reader: state,
    params,
    timeMs,
    proposer,
    beaconProof,
    lastCommit: commit,
    sections,
  })
  return { block: { header, lastCommit: commit, ...sections }, left }
}

function fill(
  execution: Execution,
  candidates: readonly Pooled[],
  name: SectionName,
  left: { id: string; refusal: Refusal }[],
): Envelope[] {
  const taken: Envelope[] = []
  let bytes = 0
  for (const { id, envelope, opened } of candidates.slice(0, TRIED_MAX)) {
    if (taken.length >= SECTION_MAX[name]) break
    if (bytes + opened.bytes > SECTION_BYTES_MAX[name]) continue
    const view = new View(execution.view)
    const trial = { ...execution, view, events: [] }
    const outcome = attempt(() => applyObject(trial, opened))
    if ('refused' in outcome) {
      left.push({ id, refusal: outcome.refused })
      continue
    }
    view.fold()
    taken.push(envelope)
    bytes += opened.bytes
  }
  return taken
}
