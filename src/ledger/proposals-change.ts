/**
 * What a proposal would make of the parameters in force at this height, and putting it in force.
 *
 * Steps are measured from the values at the start of the epoch; going back to values that were in
 * force is no new step. A rollback undoes exactly what its target changed, or nothing.
 *
 * Source: protocol.md §7.
 */

import { toHex } from '../base/bytes.ts'
import { refusal } from '../base/refusal.ts'
import {
  type ChangeBase,
  type Changed,
  changedParams,
  type ParamChange,
} from '../governance/change.ts'
import type { ParamKey, Params } from '../governance/params.ts'
import { type Execution, emit } from './execution.ts'
import { activeParams, enactParams, paramsAt, paramsInForceAt } from './parameters.ts'
import {
  itemsOf,
  KIND_ROLLBACK,
  type ProposalRecord,
  phaseOf,
  proposalOf,
  valuesBefore,
} from './proposals-records.ts'
import { epochOf } from './shadow.ts'
import { validatorsAt } from './validators.ts'

/** The parameters that the proposal would put in force now, or why it may not. */
export function proposedParams(execution: Execution, record: ProposalRecord): Changed {
  const { view } = execution
  if (record.kind !== KIND_ROLLBACK) return fitted(execution, itemsOf(record), false)
  const target = proposalOf(view, toHex(record.rollback))
  if (target === undefined) return { refused: refusal('proposal_unknown', {}) }
  const phase = phaseOf(target)
  if (phase !== 'applied' && phase !== 'final') {
    return { refused: refusal('proposal_not_applied', { phase }) }
  }
  return undone(execution, target)
}

/** Going back to values that were in force is no new step, and is not measured as one. */
export function fitted(
  { view, block }: Execution,
  items: readonly ParamChange[],
  isReturn: boolean,
): Changed {
  const { params } = activeParams(view)
  const epochHeight = epochOf(block) * block.params.epoch_blocks
  const base: ChangeBase = {
    params,
    epochStart: isReturn ? undefined : paramsInForceAt(view, epochHeight),
    activeValidators: validatorsAt(view, block.height + 1n).length,
  }
  return changedParams(base, items)
}

/** The parameters without what an applied proposal changed, unless others have changed it since. */
export function undone(execution: Execution, target: ProposalRecord): Changed {
  const { view } = execution
  const { params } = activeParams(view)
  const after = paramsAt(view, target.versionAfter)
  const moved = itemsOf(target).find(
    ({ key }) => params[key as ParamKey] !== after[key as ParamKey],
  )
  if (moved !== undefined) {
    return { refused: refusal('proposal_superseded', { key: moved.key }) }
  }
  return fitted(execution, valuesBefore(view, target), true)
}

export function putInForce(execution: Execution, id: string, params: Params): number {
  const { view, block } = execution
  const { params: before } = activeParams(view)
  const height = block.height + 1n
  const version = enactParams(view, params, height)
  for (const key of Object.keys(params) as ParamKey[]) {
    if (before[key] === params[key]) continue
    const change = { subject: id, count: height, value: params[key], reason: key }
    emit(execution, { kind: 'parameter-changed', ...change })
  }
  return version
}
