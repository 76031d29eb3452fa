/**
 * What a proposal would make of the parameters, and whether it may.
 *
 * Judged twice: when it is submitted and again when it is applied, because others may have changed
 * what it stands on in between.
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

/** The parameters after the change, or why it may not be. */
export function changedParams(
  params: Params,
  items: readonly ParamChange[],
  activeValidators: number,
): { readonly params: Params } | { readonly refused: Refusal } {
  const changes: Partial<Record<ParamKey, bigint>> = {}
  for (const { key, value } of items) {
    if (!isParamKey(key)) return { refused: refusal('param_unknown', { key }) }
    if (changes[key] !== undefined) return { refused: refusal('param_twice', { key }) }
    const fault = checkStep(params, key, value)
    if (fault !== undefined) return { refused: fault }
    changes[key] = value
  }
  const changed = withParams(params, changes)
  const fault = checkBounds(changed) ?? checkInvariants(changed, activeValidators)
  return fault === undefined ? { params: changed } : { refused: fault }
}

function checkStep(params: Params, key: ParamKey, value: bigint): Refusal | undefined {
  const { maxStepBps } = paramLine(key)
  const now = params[key]
  if (maxStepBps === 0n) return undefined
  const step = value > now ? value - now : now - value
  if (step * 10_000n <= now * maxStepBps) return undefined
  return refusal('param_step_too_large', { key, value, now, maxStepBps })
}
