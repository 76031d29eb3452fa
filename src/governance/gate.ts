/**
 * Gates: groups of parameters by what they open, and the switches that are shadow or apply.
 *
 * A rule that costs somebody money starts in shadow: it is computed, counted and shown, and moves
 * nothing until a proposal sets its switch. What `governor status` prints is made here.
 *
 * Source: protocol.md §5 (The 100 ms budget), §6 (V1), §7.
 */

import { type Gate, PARAMS, type ParamKey, type Params } from './params.ts'

export type GateName = Exclude<Gate, 'none'>

export const GATES: readonly GateName[] = ['receipts', 'slashing', 'settlement', 'compute']

/** Parameters that are switches: 0 shadow, 1 apply. */
export const SWITCHES: readonly ParamKey[] = ['proof_latency_gate', 'false_verdict_gate']

export interface SwitchState {
  readonly key: ParamKey
  readonly state: 'shadow' | 'apply'
  readonly meaning: string
}

export interface GateState {
  readonly gate: GateName
  /** Its parameters, switches included. */
  readonly keys: readonly ParamKey[]
  readonly switches: readonly SwitchState[]
  /** Ids of proposals in shadow that would change one of its parameters. */
  readonly shadowing: readonly string[]
}

/** Every gate as it stands under `params`. */
export function gateStates(
  params: Params,
  shadowing: readonly { readonly id: string; readonly keys: readonly string[] }[],
): GateState[] {
  return GATES.map((gate) => {
    const lines = PARAMS.filter((line) => line.gate === gate)
    const keys = lines.map(({ key }) => key as ParamKey)
    return {
      gate,
      keys,
      switches: lines
        .filter(({ key }) => SWITCHES.includes(key as ParamKey))
        .map(({ key, meaning }) => ({
          key: key as ParamKey,
          state: params[key as ParamKey] === 1n ? 'apply' : 'shadow',
          meaning,
        })),
      shadowing: shadowing
        .filter((proposal) => proposal.keys.some((key) => keys.includes(key as ParamKey)))
        .map(({ id }) => id),
    }
  })
}
