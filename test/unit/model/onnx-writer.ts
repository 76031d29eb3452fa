/** Writes ONNX models, so that tests say in a few lines which graph they mean. */

import { concatBytes, utf8 } from '../../../src/base/bytes.ts'

export const DTYPES = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  bfloat16: 16,
} as const
export type DtypeName = keyof typeof DTYPES

export interface TensorSpec {
  readonly name?: string
  readonly dtype: DtypeName
  readonly dims: readonly number[]
  readonly values: readonly number[]
}

export interface ValueSpec {
  readonly name: string
  readonly dtype?: DtypeName
  /** A word is the name of a size that is chosen later; absent when the file says nothing. */
  readonly dims?: readonly (number | string)[]
}

/** Whole numbers are ints; write `real(2)` for a float that is one. */
export type AttributeSpec =
  | number
  | string
  | TensorSpec
  | readonly number[]
  | { readonly real: number | readonly number[] }

export interface NodeSpec {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeSpec>>
  readonly name?: string
  readonly domain?: string
}

export interface ModelSpec {
  readonly opset?: number
  readonly nodes: readonly NodeSpec[]
  readonly inputs: readonly ValueSpec[]
  readonly outputs: readonly ValueSpec[]
  readonly weights?: readonly TensorSpec[]
}

export function real(value: number | readonly number[]): AttributeSpec {
  return { real: value }
}

export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest === 0n ? low : low | 0x80)
  } while (rest !== 0n)
  return Uint8Array.from(bytes)
}

export function intField(number: number, value: number | bigint): Uint8Array {
  return concatBytes(varint(number * 8), varint(value))
}

export function bytesField(number: number, value: Uint8Array): Uint8Array {
  return concatBytes(varint(number * 8 + 2), varint(value.length), value)
}

export function textField(number: number, value: string): Uint8Array {
  return bytesField(number, utf8(value))
}

function floatField(number: number, value: number): Uint8Array {
  return concatBytes(varint(number * 8 + 5), floats([value]))
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

/** Little-endian elements. */
function raw({ dtype, values }: TensorSpec): Uint8Array {
  switch (dtype) {
    case 'float':
      return floats(values)
    case 'double':
      return new Uint8Array(Float64Array.from(values).buffer)
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer)
    case 'float16':
    case 'bfloat16':
      // Given as bit patterns.
      return new Uint8Array(Uint16Array.from(values).buffer)
    case 'string':
      return new Uint8Array(0)
    case 'uint8':
    case 'int8':
    case 'bool':
      return Uint8Array.from(values)
  }
}

export function tensorBytes(spec: TensorSpec): Uint8Array {
  return concatBytes(
    ...spec.dims.map((dim) => intField(1, dim)),
    intField(2, DTYPES[spec.dtype]),
    ...(spec.name === undefined ? [] : [textField(8, spec.name)]),
    bytesField(9, raw(spec)),
  )
}

/** Numbers of the fields and values of `type` of an AttributeProto. */
function attributeBytes(name: string, spec: AttributeSpec): Uint8Array {
  const fields = ((): [number, Uint8Array] => {
    if (typeof spec === 'number') return [2, intField(3, spec)]
    if (typeof spec === 'string') return [3, textField(4, spec)]
    if ('real' in spec) {
      const value = spec.real
      return typeof value === 'number'
        ? [1, floatField(2, value)]
        : [6, bytesField(7, floats(value))]
    }
    if ('dtype' in spec) return [4, bytesField(5, tensorBytes(spec))]
    return [7, bytesField(8, concatBytes(...spec.map(varint)))]
  })()
  return concatBytes(textField(1, name), fields[1], intField(20, fields[0]))
}

export function nodeBytes(spec: NodeSpec): Uint8Array {
  return concatBytes(
    ...spec.inputs.map((input) => textField(1, input)),
    ...spec.outputs.map((output) => textField(2, output)),
    textField(3, spec.name ?? ''),
    textField(4, spec.op),
    ...Object.entries(spec.attributes ?? {}).map(([name, value]) =>
      bytesField(5, attributeBytes(name, value)),
    ),
    ...(spec.domain === undefined ? [] : [textField(7, spec.domain)]),
  )
}

function valueBytes({ name, dtype = 'float', dims }: ValueSpec): Uint8Array {
  const sizes = (dims ?? []).map((dim) =>
    bytesField(1, typeof dim === 'number' ? intField(1, dim) : textField(2, dim)),
  )
  const shape = dims === undefined ? [] : [bytesField(2, concatBytes(...sizes))]
  const tensor = concatBytes(intField(1, DTYPES[dtype]), ...shape)
  return concatBytes(textField(1, name), bytesField(2, bytesField(1, tensor)))
}

/** @param graph the fields of a GraphProto */
export function modelOf(graph: Uint8Array, opset = 17): Uint8Array {
  const version = concatBytes(textField(1, ''), intField(2, opset))
  return concatBytes(
    intField(1, 8),
    textField(2, 'test'),
    bytesField(7, graph),
    bytesField(8, version),
  )
}

export function writeModel({ opset, nodes, inputs, outputs, weights = [] }: ModelSpec): Uint8Array {
  const graph = concatBytes(
    ...nodes.map((spec) => bytesField(1, nodeBytes(spec))),
    textField(2, 'graph'),
    ...weights.map((spec) => bytesField(5, tensorBytes(spec))),
    ...inputs.map((spec) => bytesField(11, valueBytes(spec))),
    ...outputs.map((spec) => bytesField(12, valueBytes(spec))),
  )
  return modelOf(graph, opset)
}

/** A model of one node: operands x0, x1, ...; outputs y0, y1, ... */
export function oneNode(
  op: string,
  inputs: readonly (Omit<ValueSpec, 'name'> | TensorSpec)[],
  options: {
    readonly attributes?: Readonly<Record<string, AttributeSpec>>
    readonly opset?: number
    readonly outputs?: readonly DtypeName[]
  } = {},
): Uint8Array {
  const names = inputs.map((_, index) => `x${index}`)
  const outputs = options.outputs ?? ['float']
  return writeModel({
    ...(options.opset === undefined ? {} : { opset: options.opset }),
    nodes: [
      {
        op,
        inputs: names,
        outputs: outputs.map((_, index) => `y${index}`),
        attributes: options.attributes ?? {},
      },
    ],
    inputs: inputs.flatMap((spec, index) =>
      'values' in spec ? [] : [{ ...spec, name: `x${index}` }],
    ),
    weights: inputs.flatMap((spec, index) =>
      'values' in spec ? [{ ...spec, name: `x${index}` }] : [],
    ),
    outputs: outputs.map((dtype, index) => ({ name: `y${index}`, dtype })),
  })
}
