/**
 * The parameters the chain is governed by: one table of what may be changed, within which bounds.
 *
 * Documentation, genesis, CLI, proposals and environment knobs all read this table. A value is a
 * whole number, 64 bits, in the unit its line names. The order of the table is the order of the
 * encoding: new parameters are added at the end.
 *
 * Source: protocol.md §3 to §7.
 */

import { assert } from '../base/assert.ts'
import { utf8 } from '../base/bytes.ts'
import { byteList, container, hashTreeRoot, list, u64 } from '../base/codec.ts'
import { type Refusal, refusal } from '../base/refusal.ts'

export type Gate = 'none' | 'receipts' | 'slashing' | 'settlement' | 'compute'

export interface ParamLine {
  readonly key: string
  readonly unit: string
  readonly default: bigint
  readonly min: bigint
  readonly max: bigint
  /** Largest change within an epoch, basis points of the value at its start; 0 for no limit. */
  readonly maxStepBps: bigint
  readonly gate: Gate
  readonly meaning: string
  /** Environment knob that seeds a genesis file with another value. */
  readonly knob: string
}

function line(
  key: string,
  unit: string,
  [fallback, min, max]: readonly [bigint, bigint, bigint],
  meaning: string,
  more: { readonly gate?: Gate; readonly step?: bigint } = {},
): ParamLine {
  return {
    key,
    unit,
    default: fallback,
    min,
    max,
    maxStepBps: more.step ?? 0n,
    gate: more.gate ?? 'none',
    meaning,
    knob: `TB_PARAM_${key.toUpperCase()}`,
  }
}

const GIB = 1n << 30n
const MIB = 1n << 20n
const DAY_BLOCKS = 345_600n
const U64_MAX = (1n << 64n) - 1n

// biome-ignore format: one line a parameter
const LINES = {
  min_block_interval_ms: line('min_block_interval_ms', 'ms', [250n, 10n, 60_000n], 'A block is valid only this long after its parent, by header time.', { step: 5_000n }),
  heartbeat_ms: line('heartbeat_ms', 'ms', [10_000n, 1_000n, 600_000n], 'With nothing to do, a block is made after this long.'),
  propose_timeout_ms: line('propose_timeout_ms', 'ms', [3_000n, 100n, 60_000n], 'How long round 0 waits for a proposal.'),
  propose_timeout_step_ms: line('propose_timeout_step_ms', 'ms', [500n, 1n, 10_000n], 'Added for each further round.'),
  vote_timeout_ms: line('vote_timeout_ms', 'ms', [1_000n, 50n, 60_000n], 'How long a round waits once two thirds have voted for anything.'),
  vote_timeout_step_ms: line('vote_timeout_step_ms', 'ms', [500n, 1n, 10_000n], 'Added for each further round.'),
  clock_precision_ms: line('clock_precision_ms', 'ms', [500n, 1n, 60_000n], 'How far honest clocks may be apart.'),
  message_delay_ms: line('message_delay_ms', 'ms', [2_000n, 10n, 60_000n], 'How long a proposal may travel before its time is refused.'),
  base_fee_transaction: line('base_fee_transaction', 'nBLOCK/byte', [100n, 0n, 1_000_000_000n], 'Burned for each byte of a transaction.', { step: 10_000n }),
  base_fee_offer: line('base_fee_offer', 'nBLOCK/byte', [100n, 0n, 1_000_000_000n], 'Burned for each byte of an offer or a cancellation.', { step: 10_000n }),
  max_offer_ttl: line('max_offer_ttl', 'blocks', [14_400n, 10n, 1_000_000n], 'An offer expires at most this long after it is included.'),
  match_per_block: line('match_per_block', 'jobs', [256n, 1n, 4_096n], 'Most jobs matched at the end of one block.', { gate: 'compute' }),
  starvation_blocks: line('starvation_blocks', 'blocks', [240n, 1n, 100_000n], 'An offer waiting this long goes first.', { gate: 'compute' }),
  collateral_bps: line('collateral_bps', 'bps', [20_000n, 0n, 1_000_000n], 'Of the price ceiling, locked from the provider until its attempt is final.', { gate: 'slashing', step: 5_000n }),
  max_attempts: line('max_attempts', 'attempts', [3n, 1n, 16n], 'Tries before a job is refunded.', { gate: 'compute', }),
  verdict_window_blocks: line('verdict_window_blocks', 'blocks', [240n, 8n, 100_000n], 'Validators attest a receipt from its anchoring block to this many after it.', { gate: 'receipts' }),
  challenge_blocks: line('challenge_blocks', 'blocks', [480n, 8n, 100_000n], 'Settlement waits this long after anchoring for a fraud proof.', { gate: 'settlement' }),
  proof_window_blocks: line('proof_window_blocks', 'blocks', [240n, 8n, 100_000n], 'A succinct proof is announced within this long of anchoring.', { gate: 'receipts' }),
  availability_window_blocks: line('availability_window_blocks', 'blocks', [960n, 8n, 100_000n], 'Programs and inputs are attested available within this long.', { gate: 'compute' }),
  deposit_per_byte: line('deposit_per_byte', 'nBLOCK/byte', [10n, 0n, 1_000_000_000n], 'Deposit for weights and inputs that validators hold.', { step: 10_000n }),
  max_weights_bytes: line('max_weights_bytes', 'bytes', [GIB, 1_024n, 64n * GIB], 'Most bytes of all weights of a program.'),
  max_input_bytes: line('max_input_bytes', 'bytes', [64n * MIB, 1_024n, 4n * GIB], 'Most bytes of all inputs of an offer.'),
  proof_verification_budget_ms: line('proof_verification_budget_ms', 'ms', [100n, 1n, 10_000n], 'Latency of a verified receipt above which the SLA is breached.', { gate: 'receipts' }),
  proof_verification_budget_units: line('proof_verification_budget_units', 'units', [100_000n, 1_000n, 100_000_000n], 'Most static verification units of an admitted job (1 unit = 1 us on the reference machine).', { gate: 'compute' }),
  proof_data_budget_bytes: line('proof_data_budget_bytes', 'bytes', [256n * MIB, 1_024n, 16n * GIB], 'Most bytes a verifier reads for one receipt.', { gate: 'compute' }),
  verify_units_in_flight: line('verify_units_in_flight', 'units', [10_000_000n, 1_000n, 100_000_000_000n], 'Cap on verification units over all open attempts.', { gate: 'compute' }),
  verify_bytes_in_flight: line('verify_bytes_in_flight', 'bytes', [4n * GIB, 1_024n, 1_024n * GIB], 'Cap on verification bytes over all open attempts.', { gate: 'compute' }),
  verify_unit_price: line('verify_unit_price', 'nBLOCK/unit', [10n, 0n, 1_000_000_000n], 'Prepaid by the buyer for each verification unit.', { gate: 'settlement', step: 10_000n }),
  proof_latency_gate: line('proof_latency_gate', '0 shadow, 1 apply', [0n, 0n, 1n], 'Whether a breach of the latency budget costs anything.', { gate: 'receipts' }),
  proof_latency_penalty_bps: line('proof_latency_penalty_bps', 'bps', [100n, 0n, 500n], 'Of the payment, returned to the buyer on a latency breach.', { gate: 'receipts' }),
  treasury_bps: line('treasury_bps', 'bps', [200n, 0n, 2_000n], 'Of every settlement and verification fee, for the treasury.', { gate: 'settlement' }),
  settlement_fee_bps: line('settlement_fee_bps', 'bps', [100n, 0n, 2_000n], 'Of every payment, for the validators whose valid verdict was included.', { gate: 'settlement' }),
  reporter_bps: line('reporter_bps', 'bps', [500n, 0n, 500n], 'Of a slash, for who reported; burned until reports are committed before they are revealed.', { gate: 'slashing' }),
  evidence_bond: line('evidence_bond', 'nBLOCK', [1_000_000_000n, 0n, 1_000_000_000_000n], 'Locked by who reports, returned when the evidence is valid.', { gate: 'slashing' }),
  evidence_age: line('evidence_age', 'blocks', [14n * DAY_BLOCKS, 16n, 100_000_000n], 'How long after an offence it may still be punished.', { gate: 'slashing', step: 5_000n }),
  unbonding_blocks: line('unbonding_blocks', 'blocks', [14n * DAY_BLOCKS, 16n, 100_000_000n], 'How long a bond stays locked after it is asked back.', { gate: 'slashing', step: 5_000n }),
  equivocation_slash_ppm: line('equivocation_slash_ppm', 'ppm', [50_000n, 0n, 1_000_000n], 'Of a validator bond, for an isolated consensus fault.', { gate: 'slashing', step: 10_000n }),
  false_verdict_gate: line('false_verdict_gate', '0 shadow, 1 apply', [0n, 0n, 1n], 'Whether a refuted valid verdict costs anything.', { gate: 'slashing' }),
  false_verdict_slash_ppm: line('false_verdict_slash_ppm', 'ppm', [10_000n, 0n, 100_000n], 'Of a validator bond, for a refuted valid verdict.', { gate: 'slashing' }),
  sla_penalty_bps: line('sla_penalty_bps', 'bps', [1_000n, 0n, 10_000n], 'Of the price ceiling, from the collateral, for a broken service level.', { gate: 'slashing' }),
  fraud_penalty_bps: line('fraud_penalty_bps', 'bps', [10_000n, 0n, 10_000n], 'Of the provider bond, for a proven falsification.', { gate: 'slashing' }),
  suspension_blocks: line('suspension_blocks', 'blocks', [2_400n, 1n, 10_000_000n], 'How long asks stay suspended after a fault.', { gate: 'slashing' }),
  provider_min_bond: line('provider_min_bond', 'nBLOCK', [100_000_000_000n, 0n, 1_000_000_000_000_000n], 'Least bond of a provider.', { gate: 'compute' }),
  validator_min_bond: line('validator_min_bond', 'nBLOCK', [1_000_000_000_000n, 1_000_000_000n, 1_000_000_000_000_000_000n], 'Least bond of a validator.', { step: 5_000n }),
  downtime_window: line('downtime_window', 'blocks', [600n, 10n, 600n], 'Blocks over which missed signatures are counted.', { gate: 'slashing' }),
  downtime_min_signed_bps: line('downtime_min_signed_bps', 'bps', [5_000n, 0n, 10_000n], 'A validator that signs less of the window is jailed.', { gate: 'slashing' }),
  downtime_jail_blocks: line('downtime_jail_blocks', 'blocks', [2_400n, 1n, 10_000_000n], 'How long a validator stays jailed for downtime.', { gate: 'slashing' }),
  gov_deposit: line('gov_deposit', 'nBLOCK', [100_000_000_000n, 0n, 1_000_000_000_000_000n], 'Deposit at which a proposal goes to the vote.', { step: 10_000n }),
  gov_deposit_blocks: line('gov_deposit_blocks', 'blocks', [DAY_BLOCKS, 4n, 100_000_000n], 'How long a proposal waits for its deposit.'),
  gov_voting_blocks: line('gov_voting_blocks', 'blocks', [2n * DAY_BLOCKS, 8n, 100_000_000n], 'How long the vote is open.'),
  gov_timelock_blocks: line('gov_timelock_blocks', 'blocks', [DAY_BLOCKS, 2n, 100_000_000n], 'Between the passing of a proposal and its shadow phase.'),
  gov_shadow_blocks: line('gov_shadow_blocks', 'blocks', [DAY_BLOCKS, 2n, 100_000_000n], 'How long the difference is recorded before anything changes.'),
  gov_watch_blocks: line('gov_watch_blocks', 'blocks', [DAY_BLOCKS, 2n, 100_000_000n], 'How long after applying a change is watched before it is final.'),
  gov_quorum_bps: line('gov_quorum_bps', 'bps', [3_340n, 1_000n, 10_000n], 'Of the power, that must vote.', { step: 2_000n }),
  gov_threshold_bps: line('gov_threshold_bps', 'bps', [5_000n, 5_000n, 10_000n], 'Of yes, no and veto, that must be exceeded by yes.', { step: 2_000n }),
  gov_veto_bps: line('gov_veto_bps', 'bps', [3_340n, 1_000n, 10_000n], 'Of the votes, that veto a proposal and burn its deposit.', { step: 2_000n }),
  epoch_blocks: line('epoch_blocks', 'blocks', [120n, 4n, 100_000n], 'Length of an epoch: VRF keys, shadow counters, gates.'),
  kernels_disabled: line('kernels_disabled', 'bit mask', [0n, 0n, U64_MAX], 'Bit i switches off the i-th kernel digest of the chain, in ascending order: nobody registers with it or is matched.', { gate: 'compute' }),
} as const satisfies Readonly<Record<string, ParamLine>>

export type ParamKey = keyof typeof LINES
/** Values in force. */
export type Params = Readonly<Record<ParamKey, bigint>>

export const PARAM_KEYS: readonly ParamKey[] = Object.keys(LINES) as ParamKey[]
export const PARAMS: readonly ParamLine[] = PARAM_KEYS.map((key) => LINES[key])

export function paramLine(key: ParamKey): ParamLine {
  return LINES[key]
}

export function isParamKey(key: string): key is ParamKey {
  return Object.hasOwn(LINES, key)
}

export function defaultParams(): Params {
  return fromLines((param) => param.default)
}

/** `base` with some values replaced. Check bounds and invariants of the result. */
export function withParams(base: Params, changes: Partial<Record<ParamKey, bigint>>): Params {
  return { ...base, ...changes }
}

/** Values in table order, for the encoding. */
export function paramValues(params: Params): bigint[] {
  return PARAM_KEYS.map((key) => params[key])
}

export function paramsFromValues(values: readonly bigint[]): Params {
  assert(values.length === PARAM_KEYS.length, 'a parameter set has a value for each line')
  return fromLines((_, index) => values[index] as bigint)
}

export const ParamsCodec = container({
  values: list(u64, 256),
  keys: byteList(16_384),
})

/** Root over names and values: what header field `paramsHash` commits to. */
export function paramsHash(params: Params): Uint8Array {
  return hashTreeRoot(ParamsCodec, {
    values: paramValues(params),
    keys: utf8(PARAM_KEYS.join('\n')),
  })
}

/** The first value outside the bounds of its line, if any. */
export function checkBounds(params: Params): Refusal | undefined {
  for (const { key, min, max } of PARAMS) {
    const value = params[key as ParamKey]
    if (value < min || value > max) return refusal('param_out_of_bounds', { key, value, min, max })
  }
  return undefined
}

/** Windows that close by themselves: each validator must get its turn to propose within one. */
export const WINDOW_KEYS: readonly ParamKey[] = [
  'verdict_window_blocks',
  'challenge_blocks',
  'proof_window_blocks',
  'availability_window_blocks',
  'gov_voting_blocks',
  'evidence_age',
]
/** A window holds at least this many blocks more than there are active validators. */
export const WINDOW_SLACK_BLOCKS = 4n

/** Relations between parameters that no change may break (protocol.md §7). */
export function checkInvariants(params: Params, activeValidators: number): Refusal | undefined {
  const blocksMin = BigInt(activeValidators) + WINDOW_SLACK_BLOCKS
  for (const key of WINDOW_KEYS) {
    if (params[key] < blocksMin) {
      return refusal('param_window_too_short', { key, value: params[key], blocksMin })
    }
  }
  const broken = RELATIONS.find(({ holds }) => !holds(params))
  return broken === undefined
    ? undefined
    : refusal('param_invariant_broken', { invariant: broken.name })
}

const RELATIONS: readonly { readonly name: string; readonly holds: (params: Params) => boolean }[] =
  [
    {
      name: 'evidence_age = unbonding_blocks',
      holds: (params) => params.evidence_age === params.unbonding_blocks,
    },
    {
      name: 'evidence_age > challenge_blocks',
      holds: (params) => params.evidence_age > params.challenge_blocks,
    },
    {
      name: 'challenge_blocks >= verdict_window_blocks',
      holds: (params) => params.challenge_blocks >= params.verdict_window_blocks,
    },
    {
      name: 'heartbeat_ms >= min_block_interval_ms',
      holds: (params) => params.heartbeat_ms >= params.min_block_interval_ms,
    },
    {
      name: 'treasury_bps + settlement_fee_bps < 10000',
      holds: (params) => params.treasury_bps + params.settlement_fee_bps < 10_000n,
    },
    {
      name: 'proof_verification_budget_units <= verify_units_in_flight',
      holds: (params) => params.proof_verification_budget_units <= params.verify_units_in_flight,
    },
  ]

function fromLines(pick: (param: ParamLine, index: number) => bigint): Params {
  const entries = PARAM_KEYS.map((key, index) => [key, pick(LINES[key], index)] as const)
  return Object.fromEntries(entries) as Record<ParamKey, bigint>
}
