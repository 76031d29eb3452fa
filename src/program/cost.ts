/**
 * What a program costs, from its shapes alone: the market prices it and the verification budget
 * admits it before anybody runs anything.
 *
 * One unit is one microsecond on the reference machine (one core). The rates below are those of the
 * plain kernels, hashing included; they are part of the protocol and change only with a version.
 */

import { type Refusal, refusal } from '../base/refusal.ts'
import { definitionOf, siteOf, valueTypes } from './ir.ts'
import { FRAUD_PROOF_BYTES_MAX, openingBytes } from './openings.ts'
import { elementCount, tensorBytes } from './shape.ts'
import { type OpDefinition, type OpNode, type OpSite, type Program, S8 } from './types.ts'

export type Verification = 'fold' | 'succinct' | 'replay'

/** Multiply-accumulates in one unit. */
const F32_MACS_PER_UNIT = 2_000
const S8_MACS_PER_UNIT = 8_000
/** Elementary steps of other ops in one unit. */
const STEPS_PER_UNIT = 400
/** Elements of the three matrices that a Freivalds check passes over in one unit. */
const FIELD_STEPS_PER_UNIT = 400
/** Bytes hashed in one unit. */
const HASH_BYTES_PER_UNIT = 1_000
/** Dispatch of one op, units. */
const OP_UNITS = 1
const TRACE_DIGEST_BYTES = 32

export interface OpCost {
  readonly macs: number
  readonly outputBytes: number
  readonly runUnits: number
  readonly foldUnits: number
  /** Most bytes a fraud proof for one element of this op can take. */
  readonly openingBytes: number
}

export interface ProgramCost {
  readonly macs: number
  /** Bytes of inputs, weights and all op outputs. */
  readonly bytes: number
  /** Execution by the provider, outputs hashed. */
  readonly units: number
  /** `opening_too_large` names the op with this index. */
  readonly openingBytesMax: number
  readonly openingOpMax: number
  readonly verify: Readonly<Record<Verification, VerifyCost>>
}

export interface VerifyCost {
  readonly units: number
  /** Bytes a validator fetches: inputs and the trace; it holds the weights already. */
  readonly bytes: number
}

/** The price of one op where it stands. */
function opCost(definition: OpDefinition, site: OpSite): OpCost {
  const { macs, steps } = definition.work(site)
  const outputBytes = tensorBytes(site.out)
  const macRate = site.args[0]?.dtype === S8 ? S8_MACS_PER_UNIT : F32_MACS_PER_UNIT
  const work = Math.ceil(macs / macRate) + Math.ceil(steps / STEPS_PER_UNIT)
  return {
    macs,
    outputBytes,
    runUnits: OP_UNITS + work + hashUnits(outputBytes),
    foldUnits: OP_UNITS + foldWork(definition, site, work) + hashUnits(outputBytes),
    openingBytes: openingBytes(definition, site),
  }
}

function hashUnits(bytes: number): number {
  return Math.ceil(bytes / HASH_BYTES_PER_UNIT)
}

function foldWork(definition: OpDefinition, { args, out }: OpSite, recompute: number): number {
  if (definition.provable === 'recompute') return recompute
  const elements = [...args, out].reduce((sum, type) => sum + elementCount(type.dims), 0)
  return Math.ceil(elements / FIELD_STEPS_PER_UNIT)
}

/** @param program checked */
export function opCosts(program: Program): OpCost[] {
  const types = valueTypes(program)
  return program.ops.map((node, opIndex) =>
    opCost(definitionOf(node), siteOf(program, types, opIndex)),
  )
}

/** @param program checked */
export function programCost(program: Program): ProgramCost {
  const costs = opCosts(program)
  const inputBytes = program.inputs.reduce((sum, type) => sum + tensorBytes(type), 0)
  const weightBytes = program.weights.reduce((sum, { type }) => sum + tensorBytes(type), 0)
  const traceBytes = costs.reduce((sum, cost) => sum + cost.outputBytes, 0)
  const runUnits = costs.reduce((sum, cost) => sum + cost.runUnits, 0)
  const foldUnits = costs.reduce((sum, cost) => sum + cost.foldUnits, 0)
  const openingBytesMax = Math.max(...costs.map((cost) => cost.openingBytes))
  const fetched = inputBytes + traceBytes + TRACE_DIGEST_BYTES * program.ops.length
  return {
    macs: costs.reduce((sum, cost) => sum + cost.macs, 0),
    bytes: inputBytes + weightBytes + traceBytes,
    units: runUnits + hashUnits(inputBytes),
    openingBytesMax,
    openingOpMax: costs.findIndex((cost) => cost.openingBytes === openingBytesMax),
    verify: {
      fold: { units: foldUnits + hashUnits(inputBytes), bytes: fetched },
      replay: { units: runUnits + hashUnits(inputBytes), bytes: fetched },
      succinct: { units: 0, bytes: 0 },
    },
  }
}

/** Why a program is not taken for a verification, or null when it is. */
export function admits(program: Program, verification: Verification): Refusal | null {
  if (verification === 'succinct') return refusal('verification_unavailable', { verification })
  const { openingBytesMax, openingOpMax } = programCost(program)
  if (openingBytesMax <= FRAUD_PROOF_BYTES_MAX) return null
  return refusal('opening_too_large', {
    opIndex: openingOpMax,
    op: definitionOf(program.ops[openingOpMax] as OpNode).name,
    bytes: openingBytesMax,
    bytesMax: FRAUD_PROOF_BYTES_MAX,
  })
}
