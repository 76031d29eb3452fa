/** Conversions: between element types, and to and from eight bits with one scale for a tensor. */

import { refuse } from '../../../base/refusal.ts'
import { f32Attribute, intAttribute } from '../../../program/builder.ts'
import { elementCount } from '../../../program/shape.ts'
import { f32Tensor } from '../../../program/tensor.ts'
import { dtypeName, type IntConstant, isFloat, ONNX } from '../constant.ts'
import { axisOf, type NodeReader, UINT8_OFFSET } from '../node.ts'
import { atLeastVector, type Placed, placed, type Value } from '../value.ts'

const INTEGERS: readonly number[] = [ONNX.int32, ONNX.int64]

/** Between floats nothing changes, because all of them are f32 here. */
export function cast(node: NodeReader): Placed {
  node.ignore('saturate', 'round_mode')
  const to = node.int('to', 0)
  const value = node.placed(0)
  if (isFloat(to)) {
    if (to !== ONNX.float) {
      node.shared.note('computed_in_f32', { node: node.name, dtype: dtypeName(to) })
    }
    return asFloat(node, value)
  }
  if (INTEGERS.includes(to)) return asInteger(node, value)
  if (to === ONNX.bool && value.meaning === 'bool') return value
  return refuse('onnx_dtype_unsupported', { from: value.meaning, to: dtypeName(to) })
}

function asFloat(node: NodeReader, value: Placed): Placed {
  if (value.meaning === 'float' || value.meaning === 'bool') return { ...value, meaning: 'float' }
  return dequantized(node, value, 1, 0)
}

/** Rounded towards zero. */
function asInteger({ draft }: NodeReader, value: Placed): Placed {
  if (value.meaning === 'int') return value
  if (value.meaning === 'float' || value.meaning === 'bool') {
    return { ...value, handle: draft.op('truncate_f32', [value.handle]), meaning: 'int' }
  }
  return refuse('onnx_dtype_unsupported', { from: value.meaning, to: 'int32' })
}

interface Scale {
  readonly scale: number
  readonly zero: number
  readonly dtype: number
}

/** The scale and zero point of operands 1 and 2, one for the whole tensor. */
function scaleOf(node: NodeReader): Scale {
  const scales = node.numbers(1)
  const [scale] = scales
  if (scales.length !== 1 || scale === undefined) {
    return refuse('onnx_operand_unsupported', { operand: 1, scales: scales.length })
  }
  const point = node.maybe(2)
  if (point === undefined) return { scale, zero: 0, dtype: ONNX.uint8 }
  if (point.kind !== 'ints') return refuse('onnx_operand_not_constant', { operand: 2 })
  return { scale, zero: point.values[0] ?? 0, dtype: point.dtype }
}

export function quantizeLinear(node: NodeReader): Placed {
  node.ignore('saturate', 'axis')
  node.only('block_size', 0)
  node.only('output_dtype', 0)
  const value = node.float(0)
  const { scale, zero, dtype } = scaleOf(node)
  if (dtype !== ONNX.int8 && dtype !== ONNX.uint8) {
    refuse('onnx_dtype_unsupported', { operand: 2, dtype: dtypeName(dtype) })
  }
  const isSigned = dtype === ONNX.int8
  const attrs = [f32Attribute(scale), intAttribute(isSigned ? zero : zero - UINT8_OFFSET)]
  const handle = node.draft.op('quantise_f32', [value.handle], attrs)
  return { ...value, handle, meaning: isSigned ? 'int8' : 'uint8' }
}

export function dequantizeLinear(node: NodeReader): Placed {
  node.only('block_size', 0)
  const value = node.operand(0)
  if (value.kind === 'ints') return dequantizedConstant(node, value)
  node.ignore('axis')
  const { scale, zero } = scaleOf(node)
  return dequantized(node, value, scale, zero)
}

function dequantized(node: NodeReader, value: Placed, scale: number, zero: number): Placed {
  const factor = f32Attribute(scale)
  switch (value.meaning) {
    case 'int8':
    case 'uint8': {
      const point = value.meaning === 'int8' ? zero : zero - UINT8_OFFSET
      const handle = node.draft.op('dequantise_s8', [value.handle], [factor, intAttribute(point)])
      return { ...value, handle, meaning: 'float' }
    }
    case 'int': {
      if (zero !== 0) refuse('onnx_operand_unsupported', { operand: 2, zero })
      const handle = node.draft.op('dequantise_s32', [value.handle], [factor])
      return { ...value, handle, meaning: 'float' }
    }
    case 'float':
    case 'bool':
      return refuse('onnx_dtype_unsupported', { operand: 0, dtype: value.meaning })
  }
}

/** Weights: one scale, or one for each slice of an axis; (q - zero) * scale rounded once. */
function dequantizedConstant(node: NodeReader, value: IntConstant): Placed {
  const { dims, values } = value
  const scales = node.numbers(1)
  const zeros = node.maybeNumbers(2) ?? [0]
  const given = node.int('axis', 1)
  const axis = scales.length === 1 ? 0 : axisOf(given, dims.length)
  const slices = scales.length === 1 ? 1 : (dims[axis] as number)
  if (scales.length !== slices || (zeros.length !== slices && zeros.length !== 1)) {
    refuse('shape_mismatch', { rule: 'one scale for each slice of the axis', axis, slices })
  }
  const inner = elementCount(dims.slice(axis + 1))
  const elements = Array.from(values, (element, index) => {
    const at = slices === 1 ? 0 : Math.floor(index / inner) % slices
    return (element - (zeros[zeros.length === 1 ? 0 : at] as number)) * (scales[at] as number)
  })
  const name = node.node.inputs[0] ?? ''
  return placed(node.draft.weight(name, f32Tensor(atLeastVector(dims), elements)), dims)
}

/** Values that pass through unchanged. */
export function identity(node: NodeReader): Value {
  return node.operand(0)
}
