/**
 * From a draft to a program: live values only, in order, and no more weights than a program has.
 *
 * A program names at most 64 weights, and models have more: biases mostly. The smallest ones of one
 * element type are laid end to end in one weight, `packed`, and cut out again by slices.
 */

import { concatBytes } from '../base/bytes.ts'
import { type Handle, type NamedProgram, ProgramBuilder, type Step } from '../program/builder.ts'
import { WEIGHTS_MAX } from '../program/ir.ts'
import { elementCount, tensorBytes } from '../program/shape.ts'
import type { Tensor } from '../program/types.ts'
import { axes, suffix } from './attributes.ts'

export interface Source {
  tensorOf(handle: Handle): Tensor | undefined
  stepOf(handle: Handle): Step | undefined
}

/** A tensor of the model inside a weight that holds several. */
export interface Part {
  readonly name: string
  readonly dims: readonly number[]
  /** Number of its first element. */
  readonly start: number
}

export interface EmittedProgram {
  readonly named: NamedProgram
  /** For each weight what lies in it, if it is a pack. */
  readonly parts: readonly (readonly Part[] | undefined)[]
}

interface Output {
  readonly name: string
  readonly value: Handle
}

/** @throws RefusalError every code of `checkProgram` */
export function emit(outputs: readonly Output[], source: Source): EmittedProgram {
  const live = liveValues(
    outputs.map(({ value }) => value),
    source,
  )
  const builder = new ProgramBuilder()
  const made = new Map<Handle, Handle>()
  for (const input of live.inputs) made.set(input, builder.input(input.name, input.type))
  const parts = emitWeights(builder, live.weights, source, made)
  for (const value of live.computed) {
    const { definition, args, attrs } = source.stepOf(value) as Step
    const operands = args.map((arg) => made.get(arg) as Handle)
    made.set(value, builder.op(definition.name, operands, attrs))
  }
  for (const { name, value } of outputs) builder.output(name, made.get(value) as Handle)
  return { named: builder.build(), parts }
}

interface Live {
  readonly inputs: readonly Handle[]
  readonly weights: readonly Handle[]
  readonly computed: readonly Handle[]
}

/** In order of their numbers; for weights, in order of their first use. */
function liveValues(outputs: readonly Handle[], source: Source): Live {
  const found = new Set<Handle>()
  const stack = [...outputs]
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (found.has(value)) continue
    found.add(value)
    stack.push(...(source.stepOf(value)?.args ?? []))
  }
  const ofKind = (kind: Handle['kind']): Handle[] =>
    [...found].filter((value) => value.kind === kind).sort((a, b) => a.index - b.index)
  const computed = ofKind('op')
  const used = new Set(computed.flatMap((value) => (source.stepOf(value) as Step).args))
  const weights = [...used].filter(({ kind }) => kind === 'weight')
  return { inputs: ofKind('input'), weights, computed }
}

function emitWeights(
  builder: ProgramBuilder,
  weights: readonly Handle[],
  source: Source,
  made: Map<Handle, Handle>,
): (readonly Part[] | undefined)[] {
  const packs = packsOf(weights)
  const packed = new Set(packs.flat())
  const single = weights.filter((weight) => !packed.has(weight))
  for (const weight of single) {
    made.set(weight, builder.weight(weight.name, source.tensorOf(weight) as Tensor))
  }
  return [
    ...single.map(() => undefined),
    ...packs.map((pack) => emitPack(builder, pack, source, made)),
  ]
}

/** The smallest weights, as few as bring the number down to the limit. */
function packsOf(weights: readonly Handle[]): Handle[][] {
  const bySize = [...weights].sort((a, b) => tensorBytes(a.type) - tensorBytes(b.type))
  const packs = new Map<number, Handle[]>()
  for (const weight of bySize) {
    const packed = [...packs.values()].flat().length
    if (weights.length - packed + packs.size <= WEIGHTS_MAX) break
    const { dtype } = weight.type
    packs.set(dtype, [...(packs.get(dtype) ?? []), weight])
  }
  return [...packs.values()]
}

function emitPack(
  builder: ProgramBuilder,
  pack: readonly Handle[],
  source: Source,
  made: Map<Handle, Handle>,
): Part[] {
  const dtype = pack[0]?.type.dtype as number
  const kind = suffix({ dtype })
  const bytes = concatBytes(...pack.map((weight) => (source.tensorOf(weight) as Tensor).bytes))
  const elements = pack.reduce((sum, { type }) => sum + elementCount(type.dims), 0)
  const whole = builder.weight(`packed.${kind}`, { type: { dtype, dims: [elements] }, bytes })
  let start = 0
  return pack.map((weight) => {
    const { name, type } = weight
    const { dims } = type
    const size = elementCount(dims)
    const slice = builder.op(`slice_${kind}`, [whole], [...axes([start]), ...axes([size])])
    const isVector = dims.length === 1
    made.set(weight, isVector ? slice : builder.op(`reshape_${kind}`, [slice], axes(dims)))
    start += size
    return { name, dims, start: start - size }
  })
}
