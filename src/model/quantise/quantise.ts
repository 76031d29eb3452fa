/**
 * An f32 program to one whose products are int8.
 *
 *     x --quantise--> s8 -- matmul_s8, conv2d_s8 --> s32 --add_s32 bias--requantise--relu_s8--> s8 ...
 *
 * One scale for a tensor, symmetric around 0. Activations get the scale of the largest magnitude
 * that calibration has seen, weights that of their own. Ops without an integer form (softmax, gelu,
 * norms, sums of two branches) run in f32 between two conversions.
 */

import { assert } from '../../base/assert.ts'
import { refuse } from '../../base/refusal.ts'
import type { Handle } from '../../program/builder.ts'
import { definitionOf, producerOf } from '../../program/ir.ts'
import {
  elementBytes,
  elementCount,
  lastAxis,
  MATMUL_S8_DEPTH_MAX,
  sameDims,
} from '../../program/shape.ts'
import type { OpNode, Program, Tensor } from '../../program/types.ts'
import { Draft } from '../draft.ts'
import type { EmittedProgram, Part } from '../emit.ts'
import { Forms } from './forms.ts'
import { quantiseBias, quantiseWeights, scaleOf } from './scales.ts'

export interface FloatProgram {
  /** Checked. */
  readonly program: Program
  readonly weights: readonly Uint8Array[]
  readonly inputNames: readonly string[]
  readonly weightNames: readonly string[]
  readonly outputNames: readonly string[]
  /** For each weight what lies in it end to end, if it is a pack. */
  readonly parts: EmittedProgram['parts']
}

/** One product that has become int8. */
export interface QuantisedLayer {
  readonly op: string
  /** Index of the op in the f32 program. */
  readonly index: number
  readonly weights: string
  readonly inputScale: number
  readonly weightScale: number
  /** Sums of squares: of the weights, and of what rounding takes from them. */
  readonly signal: number
  readonly noise: number
}

export interface QuantisedProgram {
  readonly emitted: EmittedProgram
  readonly layers: readonly QuantisedLayer[]
}

/**
 * @param largest for each value of the program, the largest magnitude that calibration has seen
 * @param keep names of weights whose products stay f32
 * @throws RefusalError quantise_nothing when no product can become int8
 */
export function quantise(
  source: FloatProgram,
  largest: readonly number[],
  keep: ReadonlySet<string> = new Set(),
): QuantisedProgram {
  const work = new Quantising(source, largest, keep)
  for (const [index, node] of source.program.ops.entries()) work.take(node, index)
  if (work.layers.length === 0) refuse('quantise_nothing', { ops: source.program.ops.length })
  return { emitted: work.finish(), layers: work.layers }
}

const PRODUCTS: ReadonlyMap<string, string> = new Map([
  ['matmul_f32', 'matmul_s8'],
  ['conv2d_f32', 'conv2d_s8'],
])

/** Ops that move elements, by the name without the type. */
const MOVES: readonly string[] = ['reshape', 'permute', 'slice']

class Quantising {
  readonly #draft = new Draft()
  readonly #values: Forms[] = []
  readonly #source: FloatProgram
  readonly #largest: readonly number[]
  readonly #keep: ReadonlySet<string>
  readonly #users: ReadonlyMap<number, readonly number[]>
  readonly layers: QuantisedLayer[] = []

  constructor(source: FloatProgram, largest: readonly number[], keep: ReadonlySet<string>) {
    this.#source = source
    this.#largest = largest
    this.#keep = keep
    const { program, weights, inputNames, weightNames } = source
    this.#users = usersOf(program)
    program.inputs.forEach((type, index) => {
      this.#add(this.#draft.input(inputNames[index] ?? '', type))
    })
    program.weights.forEach(({ type }, index) => {
      const tensor = { type, bytes: weights[index] as Uint8Array }
      this.#nameParts(tensor, source.parts[index] ?? [])
      this.#add(this.#draft.weight(weightNames[index] ?? '', tensor))
    })
  }

  take(node: OpNode, index: number): void {
    const args = node.args.map((value) => this.#values[value] as Forms)
    const { name } = definitionOf(node)
    const value = this.#values.length
    const integer =
      this.#product(name, node, args, index) ??
      this.#bias(name, args) ??
      this.#rectifier(name, node, args, value) ??
      this.#moved(name, node, args) ??
      this.#largestIndex(name, args)
    const f32 = (): Handle =>
      this.#draft.op(
        name,
        args.map((arg) => arg.f32()),
        node.attrs,
      )
    this.#values.push(integer ?? new Forms(this.#draft, { f32: f32() }))
  }

  finish(): EmittedProgram {
    const { program, outputNames } = this.#source
    return this.#draft.finish(
      program.outputs.map((value, index) => ({
        name: outputNames[index] ?? '',
        value: (this.#values[value] as Forms).f32(),
      })),
    )
  }

  /** What is cut out of a pack is known under its own name, whether it is a row or has a shape. */
  #nameParts({ type, bytes }: Tensor, parts: readonly Part[]): void {
    const width = elementBytes(type.dtype)
    for (const { name, dims, start } of parts) {
      const count = elementCount(dims)
      const own = bytes.slice(start * width, (start + count) * width)
      for (const shape of [[count], dims]) {
        this.#draft.weight(name, { type: { dtype: type.dtype, dims: shape }, bytes: own })
      }
    }
  }

  #add(handle: Handle): void {
    this.#values.push(new Forms(this.#draft, { f32: handle }))
  }

  #scale(value: number): number {
    return scaleOf(this.#largest[this.#rangeOf(value)] ?? 0)
  }

  /** What is only rectified has no need of room for what the rectifier cuts off. */
  #rangeOf(value: number): number {
    const { program } = this.#source
    const users = this.#users.get(value) ?? []
    const [only] = users
    const isOutput = program.outputs.includes(value)
    if (users.length !== 1 || only === undefined || isOutput) return value
    const node = program.ops[producerOf(program, only)] as OpNode
    return isRectifier(node) ? only : value
  }

  #product(name: string, node: OpNode, args: readonly Forms[], index: number): Forms | undefined {
    const op = PRODUCTS.get(name)
    const [x, w] = args
    const handle = w?.ownF32
    const tensor = handle === undefined ? undefined : this.#draft.tensorOf(handle)
    if (op === undefined || x === undefined || handle === undefined || tensor === undefined) {
      return undefined
    }
    const depth = elementCount(handle.type.dims) / (handle.type.dims[0] as number)
    if (depth > MATMUL_S8_DEPTH_MAX || this.#keep.has(handle.name)) return undefined
    const weights = quantiseWeights(tensor)
    const given = x.s8(this.#scale(node.args[0] as number))
    const w8 = this.#draft.weight(handle.name, weights.tensor)
    this.layers.push({
      op,
      index,
      weights: handle.name,
      inputScale: given.scale,
      weightScale: weights.scale,
      signal: weights.signal,
      noise: weights.noise,
    })
    const sums = this.#draft.op(op, [given.handle, w8], node.attrs)
    return new Forms(this.#draft, { s32: { handle: sums, scale: given.scale * weights.scale } })
  }

  /** A constant row or number that is added to sums. */
  #bias(name: string, [a, b]: readonly Forms[]): Forms | undefined {
    const sums = a?.sums
    const handle = b?.ownF32
    const tensor = handle === undefined ? undefined : this.#draft.tensorOf(handle)
    if (name !== 'add_f32' || sums === undefined || tensor === undefined) return undefined
    const { dims } = tensor.type
    const isRow = dims.length === 1 && [1, lastAxis(sums.handle.type)].includes(dims[0] as number)
    if (!isRow && !sameDims(tensor.type, sums.handle.type)) return undefined
    const bias = this.#draft.weight(handle?.name ?? '', quantiseBias(tensor, sums.scale))
    const sum = this.#draft.op('add_s32', [sums.handle, bias])
    return new Forms(this.#draft, { s32: { handle: sum, scale: sums.scale } })
  }

  /** Saturation of s8 is the upper bound, so a clip from 0 is a rectifier too. */
  #rectifier(name: string, node: OpNode, [a]: readonly Forms[], value: number): Forms | undefined {
    const isInteger = a?.sums !== undefined || a?.small !== undefined
    if (a === undefined || !isInteger || !isRectifier(node)) return undefined
    const high = name === 'clip_f32' ? clipEnd(node) : Number.POSITIVE_INFINITY
    const scale = scaleOf(Math.min(this.#largest[value] ?? 0, high))
    const given = a.narrowed(scale)
    const handle = this.#draft.op('relu_s8', [given.handle])
    return new Forms(this.#draft, { s8: { handle, scale } })
  }

  #moved(name: string, node: OpNode, [a]: readonly Forms[]): Forms | undefined {
    const form = a?.sums ?? a?.small
    const move = MOVES.find((each) => name === `${each}_f32`)
    if (form === undefined || move === undefined) return undefined
    const isSum = a?.sums !== undefined
    const handle = this.#draft.op(`${move}_${isSum ? 's32' : 's8'}`, [form.handle], node.attrs)
    const moved = { handle, scale: form.scale }
    return new Forms(this.#draft, isSum ? { s32: moved } : { s8: moved })
  }

  /** The order of integers is that of what they stand for. */
  #largestIndex(name: string, [a]: readonly Forms[]): Forms | undefined {
    const form = a?.sums ?? a?.small
    if (name !== 'argmax_f32' || form === undefined) return undefined
    const op = a?.sums === undefined ? 'argmax_s8' : 'argmax_s32'
    return new Forms(this.#draft, { f32: this.#draft.op(op, [form.handle]) })
  }
}

function isRectifier(node: OpNode): boolean {
  const { name } = definitionOf(node)
  return name === 'relu_f32' || (name === 'clip_f32' && node.attrs[0] === 0n && clipEnd(node) > 0)
}

/** The upper bound of a clip. */
function clipEnd({ attrs }: OpNode): number {
  const bits = attrs[1]
  assert(bits !== undefined, 'a clip has two bounds')
  return new Float32Array(Uint32Array.of(Number(bits)).buffer)[0] as number
}

/** For each value, the values that are computed from it. */
function usersOf(program: Program): Map<number, number[]> {
  const first = program.inputs.length + program.weights.length
  const users = new Map<number, number[]>()
  program.ops.forEach((node, index) => {
    for (const value of node.args) users.set(value, [...(users.get(value) ?? []), first + index])
  })
  return users
}
