/**
 * The life of a proposal, as a pure step: where it stands and what has come in, to where it goes.
 *
 *   deposit -> voting -> timelock -> shadow -> applied -> final
 *      |          |                     |         '-> rolled-back
 *      |          '-> rejected          '-> rejected
 *      '-> expired
 *
 *   deposit -> voting       gov_deposit is reached, in the block that reaches it
 *   deposit -> expired      not reached within gov_deposit_blocks, or displaced by a higher deposit
 *   voting -> timelock      passed, at the close or once everyone with power has voted
 *   voting -> rejected      quorum_missed | vetoed | threshold_missed
 *   shadow -> rejected      it no longer fits what has become of the parameters
 *   shadow -> applied       in force from the next height; a rollback is final at once
 *   applied -> rolled-back  gov_veto_bps of the power recall it, or a later proposal rolls it back
 *
 * Invariants
 *   - A phase is entered at one height and ends at one height, the same on every node.
 *   - `final`, `rejected`, `expired` and `rolled-back` are left only by a rollback of `final`.
 *
 * Source: protocol.md §7.
 */

import { unreachable } from '../base/assert.ts'
import type { ParamKey, Params } from './params.ts'
import { isComplete, judgeTally, type Tally } from './tally.ts'

export const PHASES = [
  'deposit',
  'voting',
  'timelock',
  'shadow',
  'applied',
  'final',
  'rejected',
  'expired',
  'rolled-back',
] as const
export type Phase = (typeof PHASES)[number]
export type OpenPhase = 'deposit' | 'voting' | 'timelock' | 'shadow' | 'applied'

/** The parameter that says how long a phase lasts, blocks. */
export const PHASE_LENGTH: Readonly<Record<OpenPhase, ParamKey>> = {
  deposit: 'gov_deposit_blocks',
  voting: 'gov_voting_blocks',
  timelock: 'gov_timelock_blocks',
  shadow: 'gov_shadow_blocks',
  applied: 'gov_watch_blocks',
}

/** Of gov_deposit, what whoever proposes must bring: a place among the open ones is not free. */
export const INITIAL_DEPOSIT_DIVISOR = 10n

export function isOpenPhase(phase: Phase): phase is OpenPhase {
  return phase in PHASE_LENGTH
}

/** What the step looks at; only what its phase needs is read. */
export interface Standing {
  readonly phase: OpenPhase
  /** The last height of the phase is reached. */
  readonly isOver: boolean
  readonly isRollback: boolean
  readonly tally: () => Tally
  /** Why the change no longer fits, if so: the code of the refusal. */
  readonly fault: () => string | undefined
  /** Power of today's validators that recalled it, and of all of them. */
  readonly recall: () => { readonly power: bigint; readonly total: bigint }
}

export interface Edge {
  readonly to: Exclude<Phase, 'deposit'>
  readonly reason: string
}

/** The edge that is due, if any. */
export function nextEdge(standing: Standing, params: Params): Edge | undefined {
  const { phase, isOver } = standing
  switch (phase) {
    case 'deposit':
      return isOver ? { to: 'expired', reason: 'deposit_missed' } : undefined
    case 'voting':
      return votingEdge(standing, params)
    case 'timelock':
      return isOver ? { to: 'shadow', reason: 'timelock_over' } : undefined
    case 'shadow': {
      const fault = standing.fault()
      if (fault !== undefined) return { to: 'rejected', reason: fault }
      if (!isOver) return undefined
      return { to: standing.isRollback ? 'final' : 'applied', reason: 'shadow_over' }
    }
    case 'applied': {
      if (isRecalled(standing.recall(), params)) return { to: 'rolled-back', reason: 'recalled' }
      return isOver ? { to: 'final', reason: 'watch_over' } : undefined
    }
    default:
      return unreachable(phase)
  }
}

function votingEdge({ isOver, tally }: Standing, params: Params): Edge | undefined {
  const votes = tally()
  if (!isOver && !isComplete(votes)) return undefined
  const outcome = judgeTally(votes, params)
  return outcome.kind === 'passed'
    ? { to: 'timelock', reason: 'vote_passed' }
    : { to: 'rejected', reason: outcome.reason }
}

function isRecalled(
  { power, total }: { readonly power: bigint; readonly total: bigint },
  { gov_veto_bps: vetoBps }: Params,
): boolean {
  return power > 0n && 10_000n * power >= vetoBps * total
}
