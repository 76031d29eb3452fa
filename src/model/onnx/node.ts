/**
 * One node as its lowering sees it: operands, attributes with their defaults, and the draft.
 *
 * An attribute that nobody has asked for when the lowering is done is refused: it may change what
 * the node means.
 */

import { refuse } from '../../base/refusal.ts'
import type { Handle } from '../../program/builder.ts'
import { elementCount } from '../../program/shape.ts'
import {
  f32Elements,
  f32Tensor,
  s8Elements,
  s8Tensor,
  s32Elements,
  s32Tensor,
} from '../../program/tensor.ts'
import { F32, S8 } from '../../program/types.ts'
import type { Draft } from '../draft.ts'
import { dtypeName, type IntConstant, ONNX } from './constant.ts'
import { nodeName } from './graph.ts'
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './schema.ts'
import { atLeastVector, type Placed, placed, type Value } from './value.ts'

const S32_MIN = -0x8000_0000
const S32_MAX = 0x7fff_ffff
/** u8 lies in s8, less by this. */
export const UINT8_OFFSET = 128

/** A convolution or product with constant weights, to which a factor may still be added. */
export interface Linear {
  readonly op: string
  readonly x: Handle
  readonly weights: Handle
  /** Axis 0 of the weights is the last axis of the output. */
  readonly bias: Handle | undefined
  readonly attrs: readonly bigint[]
}

/** What the whole import shares. */
export interface Importing {
  readonly draft: Draft
  /** Version of the standard operator set. */
  readonly opset: number
  readonly values: Map<string, Value>
  /** How often a value is used. */
  readonly uses: ReadonlyMap<string, number>
  readonly linears: Map<Handle, Linear>
  readonly note: (code: string, facts: Readonly<Record<string, string | number>>) => void
}

export class NodeReader {
  readonly node: OnnxNode
  readonly shared: Importing
  readonly draft: Draft
  readonly opset: number
  readonly #read = new Set<string>()

  constructor(node: OnnxNode, shared: Importing) {
    this.node = node
    this.shared = shared
    this.draft = shared.draft
    this.opset = shared.opset
  }

  get name(): string {
    return nodeName(this.node)
  }

  /** @throws RefusalError onnx_operand_missing */
  operand(index: number): Value {
    return this.maybe(index) ?? refuse('onnx_operand_missing', { operand: index })
  }

  /** undefined when the operand is left out. */
  maybe(index: number): Value | undefined {
    const name = this.node.inputs[index] ?? ''
    return name === '' ? undefined : this.shared.values.get(name)
  }

  operands(): Value[] {
    return this.node.inputs.map((_, index) => this.operand(index))
  }

  /** An operand as a value of the program: whole numbers become weights. */
  placed(index: number): Placed {
    return this.place(this.operand(index), this.node.inputs[index] ?? '')
  }

  /** An f32 operand. @throws RefusalError onnx_dtype_unsupported */
  float(index: number): Placed {
    const value = this.placed(index)
    if (value.meaning === 'float' || value.meaning === 'bool') return value
    return refuse('onnx_dtype_unsupported', { operand: index, dtype: value.meaning })
  }

  place(value: Value, name: string): Placed {
    return value.kind === 'placed' ? value : placeInts(this.draft, value, name)
  }

  /** A constant operand as numbers. @throws RefusalError onnx_operand_not_constant */
  numbers(index: number): readonly number[] {
    const value = this.operand(index)
    const numbers = constantNumbers(this.draft, value)
    return numbers ?? refuse('onnx_operand_not_constant', { operand: index })
  }

  /** As `numbers`, but undefined when the operand is left out. */
  maybeNumbers(index: number): readonly number[] | undefined {
    return this.maybe(index) === undefined ? undefined : this.numbers(index)
  }

  /** A list that older operator sets give as an attribute and newer ones as an operand. */
  list(name: string, index: number): readonly number[] | undefined {
    const attribute = this.maybeInts(name)
    return attribute ?? this.maybeNumbers(index)
  }

  int(name: string, fallback: number): number {
    const attribute = this.#attribute(name)
    if (attribute === undefined) return fallback
    if (attribute.kind !== 'int') return this.#wrong(name)
    return Number(attribute.value)
  }

  real(name: string, fallback: number): number {
    return this.maybeReal(name) ?? fallback
  }

  maybeReal(name: string): number | undefined {
    const attribute = this.#attribute(name)
    if (attribute === undefined) return undefined
    return attribute.kind === 'float' ? attribute.value : this.#wrong(name)
  }

  text(name: string, fallback: string): string {
    const attribute = this.#attribute(name)
    if (attribute === undefined) return fallback
    return attribute.kind === 'string' ? attribute.value : this.#wrong(name)
  }

  maybeInts(name: string): readonly number[] | undefined {
    const attribute = this.#attribute(name)
    if (attribute === undefined) return undefined
    return attribute.kind === 'ints' ? attribute.value.map(Number) : this.#wrong(name)
  }

  tensor(name: string): OnnxTensor | undefined {
    const attribute = this.#attribute(name)
    if (attribute === undefined) return undefined
    return attribute.kind === 'tensor' ? attribute.value : this.#wrong(name)
  }

  /** An attribute of any kind, for the few that may have several. */
  attribute(name: string): OnnxAttribute | undefined {
    return this.#attribute(name)
  }

  /** Attributes that change nothing in inference. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name)
  }

  /** An attribute that is taken in one form only. @throws RefusalError onnx_attribute_unsupported */
  only(name: string, value: number): void {
    const found = this.int(name, value)
    if (found !== value) refuse('onnx_attribute_unsupported', { attribute: name, value: found })
  }

  /** Outputs beyond the first `count` are not made. @throws RefusalError onnx_output_unsupported */
  outputsAtMost(count: number): void {
    const extra = this.node.outputs.slice(count).find((name) => this.shared.uses.has(name))
    if (extra !== undefined && extra !== '') refuse('onnx_output_unsupported', { value: extra })
  }

  /** @throws RefusalError onnx_attribute_unsupported */
  done(): void {
    for (const name of this.node.attributes.keys()) {
      if (!this.#read.has(name)) refuse('onnx_attribute_unsupported', { attribute: name })
    }
  }

  #attribute(name: string): OnnxAttribute | undefined {
    this.#read.add(name)
    return this.node.attributes.get(name)
  }

  #wrong(attribute: string): never {
    const kind = this.node.attributes.get(attribute)?.kind ?? 'other'
    return refuse('onnx_attribute_unsupported', { attribute, kind })
  }
}

/** An axis counted from the front. @throws RefusalError onnx_axis_out_of_range */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || counted < 0 || counted >= rank) {
    refuse('onnx_axis_out_of_range', { axis, rank })
  }
  return counted
}

/** Axes counted from the front, each once. @throws RefusalError onnx_axis_out_of_range */
export function axesOf(axes: readonly number[], rank: number): number[] {
  const counted = axes.map((axis) => axisOf(axis, rank))
  if (new Set(counted).size !== counted.length) {
    refuse('onnx_axis_out_of_range', { axes: axes.join(), rank })
  }
  return counted
}

function placeInts(draft: Draft, constant: IntConstant, name: string): Placed {
  const { dtype, values, dims } = constant
  if (elementCount(dims) === 0) refuse('shape_empty', { tensor: name })
  const sizes = atLeastVector(dims)
  switch (dtype) {
    case ONNX.bool:
      return placed(draft.weight(name, f32Tensor(sizes, values)), dims, 'bool')
    case ONNX.int8:
      return placed(draft.weight(name, s8Tensor(sizes, values)), dims, 'int8')
    case ONNX.uint8: {
      const shifted = values.map((value) => value - UINT8_OFFSET)
      return placed(draft.weight(name, s8Tensor(sizes, shifted)), dims, 'uint8')
    }
    default: {
      const wide = values.find((value) => value < S32_MIN || value > S32_MAX)
      if (wide !== undefined) {
        refuse('onnx_integer_too_large', { tensor: name, value: wide, dtype: dtypeName(dtype) })
      }
      return placed(draft.weight(name, s32Tensor(sizes, values)), dims, 'int')
    }
  }
}

/** The numbers of a constant; undefined for what is only known at run time. */
export function constantNumbers(draft: Draft, value: Value): readonly number[] | undefined {
  if (value.kind === 'ints') return [...value.values]
  const tensor = draft.tensorOf(value.handle)
  if (tensor === undefined) return undefined
  if (tensor.type.dtype === F32) return [...f32Elements(tensor)]
  return tensor.type.dtype === S8 ? [...s8Elements(tensor)] : [...s32Elements(tensor)]
}

/** The number of a constant with one element; undefined for everything else. */
export function constantNumber(draft: Draft, value: Value): number | undefined {
  if (elementCount(value.dims) !== 1) return undefined
  return constantNumbers(draft, value)?.[0]
}
