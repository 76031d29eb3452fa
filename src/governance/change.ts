/**
 * What a proposal would make of the parameters, and whether it may.
 *
 * Judged when it is submitted, at each block of its shadow phase and when it is applied, because
 * others may have changed what it stands on in between. A refused change changes nothing: the items
 * of a proposal are applied together or not at all.
 *
 * Source: protocol.md §7 (bounds, steps, cross-parameter invariants at submit and at apply).
 */

import { type Refusal, refusal } from '../base/refusal.ts'
import {
  checkBounds,
  checkInvariants,
  isParamKey,
  type ParamKey,
  type Params,
  paramLine,
  withParams,
} from './params.ts'

export interface ParamChange {
  readonly key: string
  readonly value: bigint
}

export interface ChangeBase {
  /** In force now. */
  readonly params: Params
  /** In force when the epoch began: what `maxStepBps` is measured from; undefined for no measure. */
  readonly epochStart: Params | undefined
  readonly activeValidators: number
}

export type Changed = { readonly params: Params } | { readonly refused: Refusal }

/** The parameters after the change, or why it may not be. */
export function changedParams(base: ChangeBase, items: readonly ParamChange[]): Changed {
  const changes: Partial<Record<ParamKey, bigint>> = {}
  for (const { key, value } of items) {
    if (!isParamKey(key)) return { refused: refusal('param_unknown', { key: key.slice(0, 64) }) }
    if (changes[key] !== undefined) return { refused: refusal('param_twice', { key }) }
    const fault = checkStep(base.epochStart, key, value)
    if (fault !== undefined) return { refused: fault }
    changes[key] = value
  }
  const changed = withParams(base.params, changes)
  const fault = checkBounds(changed) ?? checkInvariants(changed, base.activeValidators)
  return fault === undefined ? { params: changed } : { refused: fault }
}

/** Whether `items` leave everything as it is. */
export function changesNothing(params: Params, items: readonly ParamChange[]): boolean {
  return items.every(({ key, value }) => isParamKey(key) && params[key] === value)
}

/** The smallest step that rounding must not forbid: one unit. */
function checkStep(from: Params | undefined, key: ParamKey, value: bigint): Refusal | undefined {
  const { maxStepBps } = paramLine(key)
  if (from === undefined || maxStepBps === 0n) return undefined
  const start = from[key]
  const step = value > start ? value - start : start - value
  const share = (start * maxStepBps) / 10_000n
  const most = share > 1n ? share : 1n
  if (step <= most) return undefined
  return refusal('param_step_too_large', { key, value, start, most })
}
