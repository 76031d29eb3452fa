/**
 * What the ledger keeps of proposals: records, deposits, who may vote, votes, recalls, counters.
 *
 * The electorate is stored when voting opens, so that neither a change of windows nor a slash can
 * take a vote away or move its weight while it is open.
 *
 * Invariants
 *   - `open-proposals` names exactly the proposals in an open phase, at most OPEN_PROPOSALS_MAX.
 *   - At most CLOSED_KEPT closed proposals are kept; the oldest go first, with all that is theirs.
 *   - The pot `deposits` holds what `proposal-deposits` sums to.
 *
 * Source: protocol.md §7.
 */

import { assert } from '../base/assert.ts'
import {
  byteList,
  bytes32,
  container,
  type Decoded,
  list,
  u8,
  u32,
  u64,
  u128,
} from '../base/codec.ts'
import type { ParamChange } from '../governance/change.ts'
import { isParamKey } from '../governance/params.ts'
import { PHASES, type Phase } from '../governance/proposal.ts'
import { JUDGEMENTS } from '../governance/shadow.ts'
import { OPTIONS, type Tally, tallyVotes, type VoteOption } from '../governance/tally.ts'
import { paramsAt } from './parameters.ts'
import { numberKey, type Reader, type Table, table, type View } from './state.ts'
import { VALIDATORS_MAX } from './types/block.ts'
import { PROPOSAL_ITEMS_MAX } from './types/transaction.ts'

/** Proposals that may be open at once. */
export const OPEN_PROPOSALS_MAX = 32
/** Accounts that may deposit on one proposal. */
export const DEPOSITORS_MAX = 64
/** Closed proposals that are remembered. */
export const CLOSED_KEPT = 256
/** Epochs whose shadow counters are remembered, for each proposal. */
export const SHADOW_EPOCHS_KEPT = 8n

export const KIND_CHANGE = 1
export const KIND_ROLLBACK = 2

const Item = container({ key: byteList(64), value: u64 })
const ProposalCodec = container({
  proposer: bytes32,
  kind: u8,
  /** The proposal to roll back; zero for a change. */
  rollback: bytes32,
  title: byteList(128),
  items: list(Item, PROPOSAL_ITEMS_MAX),
  phase: u8,
  /** Why it is in this phase. */
  reason: byteList(64),
  openedHeight: u64,
  /** Height at which voting opened; whose validators vote. */
  votingHeight: u64,
  /** Last height of the present phase; of a closed proposal, the height it closed at. */
  phaseEnds: u64,
  /** Sum of the deposits that are still held. */
  deposit: u128,
  /** As the vote closed; zero before. */
  tally: container({ yes: u64, no: u64, abstain: u64, veto: u64, total: u64 }),
  /** Judgements that would have come out otherwise, in the shadow phase. */
  shadowDiffs: u64,
  /** Height from which its values are in force; 0 until then. */
  appliedHeight: u64,
  /** The version in force before it was applied; for rolling back. */
  versionBefore: u32,
  /** The version it put in force. */
  versionAfter: u32,
})
export type ProposalRecord = Decoded<typeof ProposalCodec>
export const PROPOSALS = table('proposals', ProposalCodec)
/** Proposals that still move, by id. */
export const OPEN_PROPOSALS = table('open-proposals', container({ openedHeight: u64 }))
/** Closed proposals in order of closing, keyed `<height>/<id>`. */
export const CLOSED_PROPOSALS = table('closed-proposals', container({ height: u64 }))
/** Keyed `<id>/<account>`. */
export const PROPOSAL_DEPOSITS = table('proposal-deposits', container({ value: u128 }))

const Voter = container({ id: bytes32, power: u64 })
export const ELECTORATES = table('electorates', container({ voters: list(Voter, VALIDATORS_MAX) }))
/** Keyed `<id>/<account>`; a later vote replaces an earlier one. */
export const PROPOSAL_VOTES = table('proposal-votes', container({ option: u8, power: u64 }))
/** Vetoes while an applied change is watched, keyed `<id>/<account>`. */
export const RECALLS = table('proposal-recalls', container({ height: u64 }))

const CountCodec = container({
  judgement: u8,
  seen: u64,
  differing: u64,
  current: u128,
  proposed: u128,
})
/** What the shadow phase counted in an epoch, keyed `<id>/<epoch>`. */
export const SHADOW_EPOCHS = table(
  'shadow-epochs',
  container({ counts: list(CountCodec, JUDGEMENTS.length) }),
)

export function proposalOf(reader: Reader, id: string): ProposalRecord | undefined {
  return reader.get(PROPOSALS, id)
}

export function proposalsOf(reader: Reader): readonly (readonly [string, ProposalRecord])[] {
  return reader.entries(PROPOSALS)
}

/** Ids of the proposals that still move. */
export function openProposals(reader: Reader): string[] {
  return reader.entries(OPEN_PROPOSALS).map(([id]) => id)
}

/** True while a proposal moves by height: then a block is due each interval. */
export function proposalsOpen(reader: Reader): boolean {
  return reader.entries(OPEN_PROPOSALS).length > 0
}

export function phaseOf({ phase }: ProposalRecord): Phase {
  const name = PHASES[phase]
  assert(name !== undefined, 'a stored phase is one of its names')
  return name
}

export function itemsOf({ items }: Pick<ProposalRecord, 'items'>): ParamChange[] {
  return items.map(({ key, value }) => ({ key: new TextDecoder().decode(key), value }))
}

/** The values that the keys of an applied proposal had before it. */
export function valuesBefore(reader: Reader, target: ProposalRecord): readonly ParamChange[] {
  const before = paramsAt(reader, target.versionBefore)
  return itemsOf(target).flatMap(({ key }) =>
    isParamKey(key) ? [{ key, value: before[key] }] : [],
  )
}

/** Open voting: counted from the votes. Before and after: as the record says. */
export function tallyOf(reader: Reader, id: string, record: ProposalRecord): Tally {
  if (phaseOf(record) !== 'voting') return record.tally
  const votes = votesOf(reader, id)
  const voters = reader.get(ELECTORATES, id)?.voters ?? []
  return tallyVotes(
    votes,
    voters.reduce((sum, { power }) => sum + power, 0n),
  )
}

export interface CastVote {
  readonly voter: string
  readonly option: VoteOption
  readonly power: bigint
}

export function votesOf(reader: Reader, id: string): CastVote[] {
  return reader.entries(PROPOSAL_VOTES, `${id}/`).map(([key, { option, power }]) => {
    const name = OPTIONS[option - 1]
    assert(name !== undefined, 'a stored vote is one of the options')
    return { voter: key.slice(id.length + 1), option: name, power }
  })
}

export function depositedByProposals(reader: Reader): bigint {
  return reader.entries(PROPOSAL_DEPOSITS).reduce((sum, [, { value }]) => sum + value, 0n)
}

/** Notes a proposal as closed and forgets the oldest closed ones. */
export function keepClosed(view: View, id: string, height: bigint): void {
  view.remove(OPEN_PROPOSALS, id)
  view.put(CLOSED_PROPOSALS, `${numberKey(height)}/${id}`, { height })
  const closed = view.entries(CLOSED_PROPOSALS)
  for (const [key] of closed.slice(0, Math.max(0, closed.length - CLOSED_KEPT))) {
    view.remove(CLOSED_PROPOSALS, key)
    forget(view, key.slice(key.indexOf('/') + 1))
  }
}

function forget(view: View, id: string): void {
  view.remove(PROPOSALS, id)
  removeAll(view, PROPOSAL_VOTES, id)
  removeAll(view, RECALLS, id)
  removeAll(view, SHADOW_EPOCHS, id)
}

function removeAll<Value>(view: View, from: Table<Value>, id: string): void {
  for (const [key] of view.entries(from, `${id}/`)) view.remove(from, key)
}
