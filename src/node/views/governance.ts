/** Governance: the values in force, the proposals that would change them, and the gates. */

import { z } from 'zod'

import { toHex } from '../../base/bytes.ts'
import { GATES, gateStates } from '../../governance/gate.ts'
import { PARAMS, type ParamKey, type Params } from '../../governance/params.ts'
import { isOpenPhase } from '../../governance/proposal.ts'
import { JUDGEMENTS } from '../../governance/shadow.ts'
import { paramsHeight } from '../../ledger/parameters.ts'
import {
  itemsOf,
  PHASES,
  type ProposalRecord,
  phaseOf,
  proposalOf,
  proposalsOf,
  tallyOf,
} from '../../ledger/proposals.ts'
import { shadowEpochsOf } from '../../ledger/shadow.ts'
import type { Reader } from '../../ledger/state.ts'
import type { Queries } from '../queries.ts'
import {
  Amount,
  Count,
  Height,
  Id,
  type ListQuery,
  listOf,
  MaybeId,
  newestFirst,
  type Page,
  pageOf,
  textOf,
} from './json.ts'
import { timelineLines } from './timeline.ts'

export const ParamsView = z.object({
  version: Count,
  /** Since when this version is in force. */
  height: Height,
  items: z.array(
    z.object({
      key: z.string(),
      value: Amount,
      unit: z.string(),
      default: Amount,
      min: Amount,
      max: Amount,
      maxStepBps: Count,
      gate: z.string(),
      knob: z.string(),
      meaning: z.string(),
    }),
  ),
})

export function paramsView({ ledger }: Queries): z.infer<typeof ParamsView> {
  return {
    version: ledger.paramsVersion,
    height: Number(paramsHeight(ledger.state, ledger.paramsVersion)),
    items: PARAMS.map((line) => ({
      key: line.key,
      value: String(ledger.params[line.key as ParamKey]),
      unit: line.unit,
      default: String(line.default),
      min: String(line.min),
      max: String(line.max),
      maxStepBps: Number(line.maxStepBps),
      gate: line.gate,
      knob: line.knob,
      meaning: line.meaning,
    })),
  }
}

const ShadowView = z.object({
  epoch: Count,
  judgement: z.enum(JUDGEMENTS),
  seen: Count,
  differing: Count,
  /** Sum of the outcomes under the values in force: nBLOCK, or how many were yes. */
  current: Amount,
  proposed: Amount,
})

export const ProposalView = z.object({
  id: Id,
  title: z.string(),
  kind: z.enum(['change', 'rollback']),
  rollback: MaybeId,
  proposer: Id,
  phase: z.enum(PHASES),
  reason: z.string(),
  items: z.array(z.object({ key: z.string(), value: Amount })),
  deposit: Amount,
  openedHeight: Height,
  votingHeight: Height.nullable(),
  phaseEnds: Height,
  appliedHeight: Height.nullable(),
  shadowDiffs: Count,
  /** What the shadow phase counted, for the last epochs of it. */
  shadow: z.array(ShadowView),
  /** Counted so far while voting is open, then as it closed. */
  tally: z.object({
    yes: z.string(),
    no: z.string(),
    abstain: z.string(),
    veto: z.string(),
    total: z.string(),
  }),
})
type ProposalView = z.infer<typeof ProposalView>
export const ProposalList = listOf(ProposalView)

/** Newest first. */
export function proposalsView(reader: Reader, page: ListQuery): Page<ProposalView> {
  return pageOf(
    proposalsOf(reader),
    ([id, { openedHeight }]) => newestFirst(openedHeight, id),
    ([id, record]) => shown(reader, id, record),
    page,
  )
}

export function proposalView(reader: Reader, id: string): ProposalView | undefined {
  const record = proposalOf(reader, id)
  return record === undefined ? undefined : shown(reader, id, record)
}

const KIND_ROLLBACK = 2

function shown(reader: Reader, id: string, record: ProposalRecord): ProposalView {
  const isRollback = record.kind === KIND_ROLLBACK
  const { votingHeight, appliedHeight } = record
  return {
    id,
    title: textOf(record.title),
    kind: isRollback ? 'rollback' : 'change',
    rollback: isRollback ? toHex(record.rollback) : '',
    proposer: toHex(record.proposer),
    phase: phaseOf(record),
    reason: textOf(record.reason),
    items: itemsOf(record).map(({ key, value }) => ({ key, value: String(value) })),
    deposit: String(record.deposit),
    openedHeight: Number(record.openedHeight),
    votingHeight: votingHeight === 0n ? null : Number(votingHeight),
    phaseEnds: Number(record.phaseEnds),
    appliedHeight: appliedHeight === 0n ? null : Number(appliedHeight),
    shadowDiffs: Number(record.shadowDiffs),
    shadow: shadowOf(reader, id),
    tally: talliedOf(reader, id, record),
  }
}

function talliedOf(reader: Reader, id: string, record: ProposalRecord): ProposalView['tally'] {
  const { yes, no, abstain, veto, total } = tallyOf(reader, id, record)
  return {
    yes: String(yes),
    no: String(no),
    abstain: String(abstain),
    veto: String(veto),
    total: String(total),
  }
}

function shadowOf(reader: Reader, id: string): ProposalView['shadow'] {
  return shadowEpochsOf(reader, id).flatMap(({ epoch, counts }) =>
    counts.map(({ judgement, seen, differing, current, proposed }) => ({
      epoch: Number(epoch),
      judgement,
      seen: Number(seen),
      differing: Number(differing),
      current: String(current),
      proposed: String(proposed),
    })),
  )
}

export const GovernorView = z.object({
  height: Height,
  epoch: Count,
  paramsVersion: Count,
  gates: z.array(
    z.object({
      name: z.string(),
      mode: z.enum(['shadow', 'apply']),
      by: z.string(),
      /** The group of parameters it belongs to. */
      group: z.enum(GATES),
      /** Proposals in shadow that would change a parameter of the group. */
      shadowing: z.array(Id),
    }),
  ),
  proposals: z.array(ProposalView),
  timeline: z.array(z.string()),
})

export function governorView(queries: Queries): z.infer<typeof GovernorView> {
  const { state, head, params, paramsVersion } = queries.ledger
  const open = proposalsOf(state).filter(([, record]) => isOpenPhase(phaseOf(record)))
  return {
    height: Number(head.height),
    epoch: Number(head.height / params.epoch_blocks),
    paramsVersion,
    gates: gatesOf(params, open),
    proposals: open.map(([id, record]) => shown(state, id, record)),
    timeline: timelineLines(queries),
  }
}

/** The judgements that may be watched before they cost anything, and whether they do now. */
function gatesOf(
  params: Params,
  open: readonly (readonly [string, ProposalRecord])[],
): z.infer<typeof GovernorView>['gates'] {
  const shadowing = open
    .filter(([, record]) => phaseOf(record) === 'shadow')
    .map(([id, record]) => ({ id, keys: itemsOf(record).map(({ key }) => key) }))
  return gateStates(params, shadowing).flatMap(({ gate, switches, shadowing: ids }) =>
    switches.map(({ key, state }) => ({
      name: key.replace(/_gate$/, '').replaceAll('_', '-'),
      by: key,
      mode: state,
      group: gate,
      shadowing: [...ids],
    })),
  )
}
