/**
 * The part of the ONNX schema that inference models use, read from protobuf.
 *
 *     ModelProto -> OnnxModel { opsets, graph { nodes, initializers, inputs, outputs } }
 *
 * The depth of the reader is fixed: a graph inside a node (loops and branches) is noted and never
 * read. Bytes of tensors stay views of the file.
 *
 * Source: onnx.proto of the ONNX specification, IR versions 3 to 13.
 */

import { concatBytes } from '../../base/bytes.ts'
import { refuse } from '../../base/refusal.ts'
import { bytesIn, type Field, fieldsOf, fixedIn, floatIn, intIn, intsIn, textIn } from './wire.ts'

/** The largest file that is read. */
export const MODEL_BYTES_MAX: number = 1024 * 1024 * 1024
export const NODES_MAX = 65_536
const INITIALIZERS_MAX = 65_536
const VALUES_MAX = 65_536
const NODE_VALUES_MAX = 1_024
const ATTRIBUTES_MAX = 64
const NUMBERS_MAX = 65_536
const RANK_MAX = 64
const OPSETS_MAX = 64
/** Integers of one tensor that are not raw bytes. */
const TENSOR_INTS_MAX: number = 1 << 24

export interface OnnxModel {
  readonly producer: string
  /** Version of each operator set by its domain; '' is the standard one. */
  readonly opsets: ReadonlyMap<string, bigint>
  readonly graph: OnnxGraph
}

export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxTensor[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

export interface OnnxNode {
  /** May be empty; then the first output names the node. */
  readonly name: string
  readonly opType: string
  readonly domain: string
  /** Value names; '' is an operand left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

export type OnnxAttribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** Graphs, sparse tensors, types and references to function parameters. */
  | { readonly kind: 'other' }

/** The number of an element type in the ONNX schema. */
export type OnnxDtype = number

export interface OnnxTensor {
  readonly name: string
  readonly dtype: OnnxDtype
  readonly dims: readonly bigint[]
  /** At most one of these has content, and raw holds little-endian elements. */
  readonly raw: Uint8Array
  readonly floats: Uint8Array
  readonly doubles: Uint8Array
  readonly ints: readonly bigint[]
  readonly isExternal: boolean
}

export interface OnnxValue {
  readonly name: string
  /** undefined when the value is no tensor: a sequence, a map or an optional. */
  readonly tensor: { readonly dtype: OnnxDtype; readonly dims: readonly OnnxDim[] } | undefined
}

/** A size, or the name of one that is chosen later ('' when it has none). */
export type OnnxDim = bigint | string

const EMPTY = new Uint8Array(0)

/** What is done with a field, by its number; others are passed over. */
type Readers = Readonly<Record<number, (field: Field) => void>>

function read(message: string, bytes: Uint8Array, readers: Readers): void {
  for (const field of fieldsOf(message, bytes)) readers[field.number]?.(field)
}

function atMost(most: number, message: string, ...lists: readonly { readonly length: number }[]) {
  if (lists.some(({ length }) => length > most))
    refuse('protobuf_field_repeated', { message, most })
}

/** The standard domain has two spellings. */
function domainOf(field: Field): string {
  const domain = textIn(field)
  return domain === 'ai.onnx' ? '' : domain
}

/** @throws RefusalError model_oversized, protobuf_* | onnx_* */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  if (bytes.length > MODEL_BYTES_MAX) {
    refuse('model_oversized', { bytes: bytes.length, bytesMax: MODEL_BYTES_MAX })
  }
  let producer = ''
  let graph: Uint8Array | undefined
  const opsets = new Map<string, bigint>()
  read('ModelProto', bytes, {
    2: (field) => {
      producer = textIn(field)
    },
    7: (field) => {
      graph = bytesIn(field)
    },
    8: (field) => addOpset(opsets, bytesIn(field)),
  })
  if (graph === undefined) return refuse('onnx_graph_missing', { bytes: bytes.length })
  return { producer, opsets, graph: decodeGraph(graph) }
}

function addOpset(opsets: Map<string, bigint>, bytes: Uint8Array): void {
  let domain = ''
  let version = 0n
  read('OperatorSetIdProto', bytes, {
    1: (field) => {
      domain = domainOf(field)
    },
    2: (field) => {
      version = intIn(field)
    },
  })
  opsets.set(domain, version)
  if (opsets.size > OPSETS_MAX) {
    refuse('protobuf_field_repeated', { message: 'ModelProto', most: OPSETS_MAX })
  }
}

function decodeGraph(bytes: Uint8Array): OnnxGraph {
  let name = ''
  const [nodes, initializers, inputs, outputs]: Uint8Array[][] = [[], [], [], []]
  // Counted before anything is decoded, so that a file of a million nodes is refused at once.
  const collect = (into: Uint8Array[] | undefined, most: number, what: string) => {
    return (field: Field): void => {
      into?.push(bytesIn(field))
      if ((into?.length ?? 0) > most) refuse('onnx_graph_too_large', { what, most })
    }
  }
  read('GraphProto', bytes, {
    1: collect(nodes, NODES_MAX, 'nodes'),
    2: (field) => {
      name = textIn(field)
    },
    5: collect(initializers, INITIALIZERS_MAX, 'initializers'),
    11: collect(inputs, VALUES_MAX, 'inputs'),
    12: collect(outputs, VALUES_MAX, 'outputs'),
    15: () => refuse('onnx_sparse_tensor', { graph: name }),
  })
  return {
    name,
    nodes: (nodes ?? []).map(decodeNode),
    initializers: (initializers ?? []).map(decodeTensor),
    inputs: (inputs ?? []).map(decodeValue),
    outputs: (outputs ?? []).map(decodeValue),
  }
}

function decodeNode(bytes: Uint8Array): OnnxNode {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, OnnxAttribute>()
  const words = { name: '', opType: '', domain: '' }
  read('NodeProto', bytes, {
    1: (field) => inputs.push(textIn(field)),
    2: (field) => outputs.push(textIn(field)),
    3: (field) => {
      words.name = textIn(field)
    },
    4: (field) => {
      words.opType = textIn(field)
    },
    5: (field) => addAttribute(attributes, bytesIn(field)),
    7: (field) => {
      words.domain = domainOf(field)
    },
  })
  atMost(NODE_VALUES_MAX, 'NodeProto', inputs, outputs)
  return { ...words, inputs, outputs, attributes }
}

function addAttribute(attributes: Map<string, OnnxAttribute>, bytes: Uint8Array): void {
  const { name, value } = decodeAttribute(bytes)
  if (attributes.has(name)) refuse('onnx_attribute_repeated', { attribute: name })
  attributes.set(name, value)
  if (attributes.size > ATTRIBUTES_MAX) {
    refuse('protobuf_field_repeated', { message: 'NodeProto', most: ATTRIBUTES_MAX })
  }
}

/** Values of `AttributeProto.type` that are read. */
const TYPE = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const

/** The type says which of the fields is meant. */
function decodeAttribute(bytes: Uint8Array): {
  readonly name: string
  readonly value: OnnxAttribute
} {
  const ints: bigint[] = []
  const strings: string[] = []
  const floats: Uint8Array[] = []
  const found = { name: '', type: 0, float: 0, int: 0n, string: '', isReference: false }
  let tensor: Uint8Array = EMPTY
  read('AttributeProto', bytes, {
    1: (field) => {
      found.name = textIn(field)
    },
    2: (field) => {
      found.float = floatIn(field)
    },
    3: (field) => {
      found.int = intIn(field)
    },
    4: (field) => {
      found.string = textIn(field)
    },
    5: (field) => {
      tensor = bytesIn(field)
    },
    7: (field) => floats.push(fixedIn(field, 4)),
    8: (field) => intsIn(field, ints, NUMBERS_MAX),
    9: (field) => strings.push(textIn(field)),
    20: (field) => {
      found.type = Number(intIn(field))
    },
    21: () => {
      found.isReference = true
    },
  })
  const values: Readonly<Record<number, () => OnnxAttribute>> = {
    [TYPE.float]: () => ({ kind: 'float', value: found.float }),
    [TYPE.int]: () => ({ kind: 'int', value: found.int }),
    [TYPE.string]: () => ({ kind: 'string', value: found.string }),
    [TYPE.tensor]: () => ({ kind: 'tensor', value: decodeTensor(tensor) }),
    [TYPE.floats]: () => ({ kind: 'floats', value: singles(floats) }),
    [TYPE.ints]: () => ({ kind: 'ints', value: ints }),
    [TYPE.strings]: () => ({ kind: 'strings', value: strings }),
  }
  const value = found.isReference ? undefined : values[found.type]?.()
  return { name: found.name, value: value ?? { kind: 'other' } }
}

function singles(parts: readonly Uint8Array[]): number[] {
  const bytes = concatBytes(...parts)
  atMost(4 * NUMBERS_MAX, 'AttributeProto', bytes)
  return [...new Float32Array(bytes.buffer, 0, bytes.length / 4)]
}

function decodeTensor(bytes: Uint8Array): OnnxTensor {
  const dims: bigint[] = []
  const ints: bigint[] = []
  const floats: Uint8Array[] = []
  const doubles: Uint8Array[] = []
  const found = { name: '', dtype: 0, isExternal: false }
  let raw: Uint8Array = EMPTY
  const readInts = (field: Field): void => intsIn(field, ints, TENSOR_INTS_MAX)
  read('TensorProto', bytes, {
    1: (field) => intsIn(field, dims, RANK_MAX),
    2: (field) => {
      found.dtype = Number(intIn(field))
    },
    4: (field) => floats.push(fixedIn(field, 4)),
    5: readInts,
    7: readInts,
    8: (field) => {
      found.name = textIn(field)
    },
    9: (field) => {
      raw = bytesIn(field)
    },
    10: (field) => doubles.push(fixedIn(field, 8)),
    11: readInts,
    13: () => {
      found.isExternal = true
    },
    14: (field) => {
      found.isExternal ||= intIn(field) === 1n
    },
  })
  const packed = { floats: concatBytes(...floats), doubles: concatBytes(...doubles) }
  return { ...found, dims, raw, ints, ...packed }
}

function decodeValue(bytes: Uint8Array): OnnxValue {
  let name = ''
  let tensor: OnnxValue['tensor']
  const readType = (field: Field): void => {
    tensor = decodeTensorType(bytesIn(field))
  }
  read('ValueInfoProto', bytes, {
    1: (field) => {
      name = textIn(field)
    },
    2: (type) => read('TypeProto', bytesIn(type), { 1: readType }),
  })
  return { name, tensor }
}

function decodeTensorType(bytes: Uint8Array): OnnxValue['tensor'] {
  let dtype = 0
  const dims: OnnxDim[] = []
  const addDim = (field: Field): void => {
    dims.push(decodeDim(bytesIn(field)))
    atMost(RANK_MAX, 'TensorShapeProto', dims)
  }
  read('TypeProto.Tensor', bytes, {
    1: (field) => {
      dtype = Number(intIn(field))
    },
    2: (shape) => read('TensorShapeProto', bytesIn(shape), { 1: addDim }),
  })
  return { dtype, dims }
}

function decodeDim(bytes: Uint8Array): OnnxDim {
  let dim: OnnxDim = ''
  read('TensorShapeProto.Dimension', bytes, {
    1: (field) => {
      dim = intIn(field)
    },
    2: (field) => {
      dim = textIn(field)
    },
  })
  return dim
}
