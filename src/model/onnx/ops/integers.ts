/**
 * Arithmetic on shapes, done while importing: whole numbers and truth values that are all known.
 *
 * Exporters spell a reshape as ten nodes that take the shape apart and put it together again; with
 * static shapes all of it is constant.
 */

import { refuse } from '../../../base/refusal.ts'
import { elementCount } from '../../../program/shape.ts'
import { f32Tensor } from '../../../program/tensor.ts'
import { decodeConstant, type IntConstant, ints, isFloat, ONNX } from '../constant.ts'
import { axesOf, axisOf, constantNumbers, type NodeReader } from '../node.ts'
import type { OnnxAttribute } from '../schema.ts'
import { atLeastVector, dimsIn, naturalOrder, placed, type Value } from '../value.ts'
import { broadcastDims } from './elementwise.ts'
import { reshapedDims, sliceOf, squeezedAxes, unsqueezedDims } from './movement.ts'

/** Elements of a constant that is made here. */
const ELEMENTS_MAX: number = 1 << 24

export type Fold = (node: NodeReader, operands: readonly IntConstant[]) => Value

/** The folds by the name of the op. */
export const FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Add', pairwise((a, b) => a + b)],
  ['Sub', pairwise((a, b) => a - b)],
  ['Mul', pairwise((a, b) => a * b)],
  ['Div', pairwise((a, b) => Math.trunc(a / b))],
  ['Min', pairwise(Math.min)],
  ['Max', pairwise(Math.max)],
  ['Equal', pairwise((a, b) => Number(a === b), ONNX.bool)],
  ['Greater', pairwise((a, b) => Number(a > b), ONNX.bool)],
  ['Less', pairwise((a, b) => Number(a < b), ONNX.bool)],
  ['And', pairwise((a, b) => a * b, ONNX.bool)],
  ['Or', pairwise((a, b) => Math.max(a, b), ONNX.bool)],
  ['Neg', (_, [a]) => mapped(a as IntConstant, (value) => -value)],
  ['Abs', (_, [a]) => mapped(a as IntConstant, Math.abs)],
  ['Not', (_, [a]) => mapped(a as IntConstant, (value) => 1 - value)],
  ['Where', where],
  ['Cast', cast],
  ['Concat', concat],
  ['Gather', gather],
  ['Slice', slice],
  ['Reshape', (node, [a, b]) => shaped(a, reshapedDims(node, dimsOf(a), [...(b?.values ?? [])]))],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Expand', expand],
  ['Transpose', transpose],
  ['Range', range],
])

/** A value as whole numbers, if it is constant and has some. */
export function asInts(node: NodeReader, value: Value): IntConstant | undefined {
  if (value.kind === 'ints') return value
  if (value.meaning !== 'int' && value.meaning !== 'bool') return undefined
  const numbers = constantNumbers(node.draft, value)
  if (numbers === undefined || value.order.some((axis, place) => axis !== place)) return undefined
  const dtype = value.meaning === 'bool' ? ONNX.bool : ONNX.int64
  return { kind: 'ints', dtype, dims: value.dims, values: Float64Array.from(numbers) }
}

function dimsOf(constant: IntConstant | undefined): readonly number[] {
  return constant?.dims ?? []
}

function shaped(constant: IntConstant | undefined, dims: readonly number[]): IntConstant {
  if (constant === undefined || elementCount(dims) !== constant.values.length) {
    return refuse('shape_mismatch', { rule: 'all elements stay', to: dims.join() })
  }
  return { ...constant, dims }
}

function mapped(constant: IntConstant, apply: (value: number) => number): IntConstant {
  return { ...constant, values: constant.values.map(apply) }
}

/** A constant made element by element, from the coordinates of each. */
function made(
  dtype: number,
  dims: readonly number[],
  element: (at: readonly number[]) => number,
): IntConstant {
  const count = elementCount(dims)
  if (count > ELEMENTS_MAX) refuse('shape_overflow', { dims: dims.join(), most: ELEMENTS_MAX })
  const at = dims.map(() => 0)
  const values = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    values[index] = element(at)
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (at[axis] as number) + 1
      at[axis] = next === dims[axis] ? 0 : next
      if (next !== dims[axis]) break
    }
  }
  return { kind: 'ints', dtype, dims, values }
}

/** The element at coordinates of a larger shape, which this one is broadcast to. */
function read({ dims, values }: IntConstant, at: readonly number[]): number {
  let index = 0
  dims.forEach((size, axis) => {
    const own = at[axis + at.length - dims.length] as number
    index = index * size + (size === 1 ? 0 : own)
  })
  return values[index] as number
}

function pairwise(apply: (a: number, b: number) => number, dtype?: number): Fold {
  return (_, operands) =>
    operands.reduce((a, b) =>
      made(dtype ?? a.dtype, broadcastDims(a.dims, b.dims), (at) =>
        apply(read(a, at), read(b, at)),
      ),
    )
}

function where(_: NodeReader, operands: readonly IntConstant[]): Value {
  const [condition, yes, no] = operands as readonly [IntConstant, IntConstant, IntConstant]
  const dims = broadcastDims(condition.dims, broadcastDims(yes.dims, no.dims))
  return made(yes.dtype, dims, (at) => read(read(condition, at) !== 0 ? yes : no, at))
}

function cast(node: NodeReader, [value]: readonly IntConstant[]): Value {
  node.ignore('saturate', 'round_mode')
  const to = node.int('to', 0)
  const { dims, values } = value as IntConstant
  if (isFloat(to)) {
    const name = node.node.inputs[0] ?? ''
    if (values.length === 0) refuse('shape_empty', { tensor: name })
    return placed(node.draft.weight(name, f32Tensor(atLeastVector(dims), values)), dims)
  }
  const numbers = to === ONNX.bool ? values.map((number) => Number(number !== 0)) : values
  return { kind: 'ints', dtype: to, dims, values: numbers }
}

function concat(node: NodeReader, operands: readonly IntConstant[]): Value {
  const [first] = operands as readonly [IntConstant]
  const axis = axisOf(node.int('axis', 0), first.dims.length)
  const sizes = operands.map(({ dims }) => dims[axis] ?? 0)
  const whole = first.dims.map((size, own) =>
    own === axis ? sizes.reduce((sum, part) => sum + part, 0) : size,
  )
  const fits = operands.every(({ dims }) => {
    return dims.length === whole.length && dims.every((s, own) => own === axis || s === whole[own])
  })
  if (!fits) refuse('shape_mismatch', { rule: 'all other sizes are equal', axis })
  return made(first.dtype, whole, (at) => {
    let left = at[axis] as number
    const part = sizes.findIndex((size) => {
      if (left < size) return true
      left -= size
      return false
    })
    return read(operands[part] as IntConstant, at.with(axis, left))
  })
}

function gather(node: NodeReader, operands: readonly IntConstant[]): Value {
  const [data, chosen] = operands as readonly [IntConstant, IntConstant]
  const axis = axisOf(node.int('axis', 0), data.dims.length)
  const rows = data.dims[axis] as number
  const more = chosen.dims.length
  const dims = [...data.dims.slice(0, axis), ...chosen.dims, ...data.dims.slice(axis + 1)]
  return made(data.dtype, dims, (at) => {
    const row = axisOf(read(chosen, at.slice(axis, axis + more)), rows)
    return read(data, [...at.slice(0, axis), row, ...at.slice(axis + more)])
  })
}

function slice(node: NodeReader, [data]: readonly IntConstant[]): Value {
  const { starts, sizes, steps } = sliceOf(node, dimsOf(data))
  return made((data as IntConstant).dtype, sizes, (at) =>
    read(
      data as IntConstant,
      at.map((own, axis) => (starts[axis] as number) + own * (steps[axis] as number)),
    ),
  )
}

function squeeze(node: NodeReader, [data]: readonly IntConstant[]): Value {
  const gone = squeezedAxes(dimsOf(data), node.list('axes', 1))
  return shaped(
    data,
    dimsOf(data).filter((_, axis) => !gone.includes(axis)),
  )
}

function unsqueeze(node: NodeReader, [data]: readonly IntConstant[]): Value {
  const given = node.list('axes', 1) ?? []
  const fresh = axesOf(given, dimsOf(data).length + given.length)
  return shaped(data, unsqueezedDims(dimsOf(data), fresh))
}

function expand(_: NodeReader, operands: readonly IntConstant[]): Value {
  const [data, shape] = operands as readonly [IntConstant, IntConstant]
  return made(data.dtype, broadcastDims(data.dims, [...shape.values]), (at) => read(data, at))
}

function transpose(node: NodeReader, [data]: readonly IntConstant[]): Value {
  const rank = dimsOf(data).length
  const perm = axesOf(node.maybeInts('perm') ?? naturalOrder(rank).reverse(), rank)
  return made((data as IntConstant).dtype, dimsIn(dimsOf(data), perm), (at) => {
    return read(
      data as IntConstant,
      naturalOrder(rank).map((axis) => at[perm.indexOf(axis)] as number),
    )
  })
}

function range(_: NodeReader, operands: readonly IntConstant[]): Value {
  const [start, limit, step] = operands.map(({ values }) => values[0] ?? 0) as [
    number,
    number,
    number,
  ]
  if (step === 0) refuse('onnx_operand_unsupported', { operand: 2, step })
  const count = Math.max(0, Math.ceil((limit - start) / step))
  const dtype = operands[0]?.dtype ?? ONNX.int64
  return made(dtype, [count], ([index]) => start + (index as number) * step)
}

/** The sizes of a value, from `start` to `end`. */
export function shapeOf(node: NodeReader): Value {
  const { dims } = node.operand(0)
  const rank = dims.length
  const bound = (name: string, fallback: number): number => {
    const given = node.int(name, fallback)
    return Math.min(Math.max(given < 0 ? given + rank : given, 0), rank)
  }
  const sizes = dims.slice(bound('start', 0), bound('end', rank))
  return ints(sizes, [sizes.length])
}

export function sizeOf(node: NodeReader): Value {
  return ints([elementCount(node.operand(0).dims)], [])
}

export function constant(node: NodeReader): Value {
  const tensor = node.tensor('value')
  if (tensor !== undefined) return fromTensor(node, tensor)
  const number = node.attribute('value_int') ?? node.attribute('value_ints')
  if (number !== undefined) return fromInts(number)
  const real = node.attribute('value_float') ?? node.attribute('value_floats')
  if (real?.kind === 'float') return weight(node, [real.value], [])
  if (real?.kind === 'floats') return weight(node, real.value, [real.value.length])
  return refuse('onnx_attribute_missing', { attribute: 'value' })
}

function fromInts(attribute: OnnxAttribute): Value {
  if (attribute.kind === 'int') return ints([Number(attribute.value)], [])
  if (attribute.kind !== 'ints') return refuse('onnx_attribute_missing', { attribute: 'value' })
  return ints(attribute.value.map(Number), [attribute.value.length])
}

function fromTensor(node: NodeReader, tensor: Parameters<typeof decodeConstant>[0]): Value {
  const decoded = decodeConstant(tensor, node.name)
  if (decoded.kind === 'ints') return decoded
  const { from } = decoded
  if (from !== undefined) node.shared.note('weights_converted', { tensor: node.name, from })
  return weight(node, decoded.values, decoded.dims)
}

function weight(node: NodeReader, values: Iterable<number>, dims: readonly number[]): Value {
  if (elementCount(dims) === 0) return ints([], dims)
  const name = node.node.outputs[0] ?? node.name
  return placed(node.draft.weight(name, f32Tensor(atLeastVector(dims), values)), dims)
}

/** One number everywhere: a weight if it is small, expanded at run time if not. */
export function constantOfShape(node: NodeReader): Value {
  const dims = [...node.numbers(0)]
  if (dims.some((size) => !(size >= 0))) refuse('shape_mismatch', { to: `[${dims.join()}]` })
  const tensor = node.tensor('value')
  const filling = tensor === undefined ? undefined : decodeConstant(tensor, node.name)
  if (filling?.kind === 'ints') return made(filling.dtype, dims, () => filling.values[0] ?? 0)
  const value = filling?.values[0] ?? 0
  const count = elementCount(dims)
  if (count > ELEMENTS_MAX) refuse('shape_overflow', { dims: dims.join(), most: ELEMENTS_MAX })
  return weight(node, new Float32Array(count).fill(value), dims)
}
