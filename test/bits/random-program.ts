/**
 * Random programs over every op, with random bytes for their inputs.
 *
 * A program grows op by op; an operand is a value that fits if there is one, most of the time, else
 * a new input. What nobody reads becomes an output, so every op counts.
 */

import { assert } from '../../src/base/assert.ts'
import { attempt } from '../../src/base/refusal.ts'
import { checkProgram, INPUTS_MAX, OUTPUTS_MAX } from '../../src/program/ir.ts'
import { OPS } from '../../src/program/ops.ts'
import { checkType, elementCount, sameDims, tensorBytes } from '../../src/program/shape.ts'
import { F32, type OpDefinition, type Program, type TensorType } from '../../src/program/types.ts'
import { outputType } from '../../src/program/typing.ts'
import type { Rng } from '../../src/runtime/ports.ts'
import { SPECIAL_F32 } from '../vectors/program/stream.ts'
import { RECIPES, type Recipe } from './recipes.ts'

const OPS_PER_PROGRAM = 6
const ELEMENTS_MAX = 100_000

export interface RandomCase {
  readonly program: Program
  /** Bytes of the inputs, in order. */
  readonly inputs: readonly Uint8Array[]
}

export function recipeOf(op: OpDefinition): Recipe {
  const recipe = RECIPES[op.name]
  assert(recipe !== undefined, `there is a recipe for ${op.name}`)
  return recipe
}

interface Growing {
  readonly inputs: TensorType[]
  readonly steps: { op: OpDefinition; args: Place[]; attrs: readonly bigint[]; type: TensorType }[]
}

/** An input, or the output of a step. */
interface Place {
  readonly kind: 'input' | 'step'
  readonly index: number
}

function sameType(left: TensorType, right: TensorType): boolean {
  return left.dtype === right.dtype && sameDims(left, right)
}

function placesOf({ inputs, steps }: Growing): { place: Place; type: TensorType }[] {
  return [
    ...inputs.map((type, index) => ({ place: { kind: 'input' as const, index }, type })),
    ...steps.map(({ type }, index) => ({ place: { kind: 'step' as const, index }, type })),
  ]
}

/** A value of this type, or a new input. */
function operand(dice: Rng, growing: Growing, type: TensorType): Place {
  const fitting = placesOf(growing).filter((value) => sameType(value.type, type))
  if (fitting.length > 0 && dice.chance(3, 4)) {
    return (fitting[dice.below(fitting.length)] as { place: Place }).place
  }
  growing.inputs.push(type)
  return { kind: 'input', index: growing.inputs.length - 1 }
}

/** Adds one step of `op` if the dice find operands for it. */
function grow(dice: Rng, growing: Growing, op: OpDefinition): void {
  const recipe = recipeOf(op)
  const fresh = recipe.first(dice)
  const known = placesOf(growing).filter(({ type }) => type.dtype === fresh.dtype)
  const chained = known[dice.below(known.length + 1)]
  for (const first of chained === undefined ? [fresh] : [chained.type, fresh]) {
    const drawn = recipe.rest(dice, first)
    if (drawn === undefined) continue
    const types = [first, ...drawn.others]
    if (growing.inputs.length + types.length > INPUTS_MAX) return
    if (types.some((type) => elementCount(type.dims) > ELEMENTS_MAX)) continue
    const shaped = attempt(() => outputType(op, types, drawn.attrs))
    if (!('value' in shaped) || elementCount(shaped.value.dims) > ELEMENTS_MAX) continue
    const args = types.map((type) => operand(dice, growing, type))
    growing.steps.push({ op, args, attrs: drawn.attrs, type: shaped.value })
    return
  }
}

function finish({ inputs, steps }: Growing): Program {
  const number = ({ kind, index }: Place) => (kind === 'input' ? index : inputs.length + index)
  const read = new Set(steps.flatMap(({ args }) => args.map(number)))
  return {
    version: 1,
    inputs,
    weights: [],
    ops: steps.map(({ op, args, attrs }) => ({
      op: op.id,
      version: op.version,
      args: args.map(number),
      attrs,
    })),
    outputs: steps.map((_, index) => inputs.length + index).filter((value) => !read.has(value)),
  }
}

/** Bits of one f32: tame so that order would show, special, or anything. */
function f32Bits(dice: Rng, wildness: number): number {
  const word = dice.u32()
  if (dice.below(8) >= wildness) return ((word & 0x807fffff) | ((121 + dice.below(9)) << 23)) >>> 0
  return dice.chance(1, 2) ? word : (SPECIAL_F32[word % SPECIAL_F32.length] as number)
}

function randomBytes(dice: Rng, type: TensorType): Uint8Array {
  if (type.dtype !== F32) {
    const small = dice.chance(1, 2) && type.dtype !== F32
    return dice.bytes(tensorBytes(type)).map((byte, at) => (small && at % 4 > 0 ? 0 : byte))
  }
  const wildness = [0, 0, 1, 4, 8][dice.below(5)] as number
  const words = Uint32Array.from({ length: elementCount(type.dims) }, () => f32Bits(dice, wildness))
  return new Uint8Array(words.buffer)
}

/** @param ops to draw from; at least one. */
export function randomCase(dice: Rng, ops: readonly OpDefinition[] = OPS): RandomCase {
  const growing: Growing = { inputs: [], steps: [] }
  const wanted = 1 + dice.below(OPS_PER_PROGRAM)
  while (growing.steps.length < wanted || growing.steps.length === 0) {
    const before = growing.inputs.length
    grow(dice, growing, ops[dice.below(ops.length)] as OpDefinition)
    if (before + 4 > INPUTS_MAX) break
  }
  const program = finish(growing)
  assert(program.outputs.length <= OUTPUTS_MAX, 'there are fewer sinks than outputs allowed')
  program.inputs.forEach(checkType)
  checkProgram(program)
  return { program, inputs: program.inputs.map((type) => randomBytes(dice, type)) }
}
