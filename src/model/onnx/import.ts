/**
 * From an ONNX file to a program.
 *
 *     bytes -> schema -> sorted graph -> node by node, by the table -> draft -> program
 *
 * Runs at the buyer, never in validation: what validators see is the program. Everything that
 * cannot be taken over exactly is refused, with the node or tensor that stands in the way.
 */

import { RefusalError, refuse } from '../../base/refusal.ts'
import { f32Tensor } from '../../program/tensor.ts'
import { type Dtype, F32, S8, S32 } from '../../program/types.ts'
import type { Note } from '../description.ts'
import { Draft } from '../draft.ts'
import type { EmittedProgram } from '../emit.ts'
import { floatsOf, type NamedTensor } from '../safetensors.ts'
import { decodeConstant, dtypeName, type IntConstant, isFloat, ONNX } from './constant.ts'
import { nodeName, type SortedGraph, sortGraph } from './graph.ts'
import { type Importing, NodeReader } from './node.ts'
import { asInts, FOLDS } from './ops/integers.ts'
import { LOWERINGS } from './ops.ts'
import {
  decodeModel,
  type OnnxDim,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './schema.ts'
import {
  atLeastVector,
  inNaturalOrder,
  type Meaning,
  type Placed,
  placed,
  type Value,
} from './value.ts'

/** Versions of the standard operator set whose ops mean what the table says. */
const OPSET_MIN = 9
const OPSET_MAX = 20

export interface ImportOptions {
  /** Sizes for names of dimensions. */
  readonly dims?: ReadonlyMap<string, number>
  /** Whole shapes for inputs, which win over the file's. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>
  /** Values for initializers by name, in place of the file's. */
  readonly weights?: readonly NamedTensor[]
}

export interface ImportedModel {
  readonly emitted: EmittedProgram
  readonly producer: string
  readonly opset: number
  /** What the buyer should know: conversions, inputs that lead nowhere. */
  readonly notes: readonly Note[]
}

/** @throws RefusalError protobuf_* | onnx_* | shape_*, with the node or tensor in its facts */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  const model = decodeModel(bytes)
  const opset = opsetOf(model.opsets)
  const graph = sortGraph(model.graph)
  const notes: Note[] = []
  const shared: Importing = {
    draft: new Draft(),
    opset,
    values: new Map(),
    uses: graph.uses,
    linears: new Map(),
    note: (code, facts) => {
      notes.push({ code, facts })
    },
  }
  addInputs(shared, graph, options)
  addInitializers(shared, graph, options.weights ?? [])
  for (const node of graph.nodes) lowerNode(shared, node)
  return { emitted: finish(shared, graph), producer: model.producer, opset, notes }
}

function opsetOf(opsets: ReadonlyMap<string, bigint>): number {
  const version = Number(opsets.get('') ?? 0n)
  if (version >= OPSET_MIN && version <= OPSET_MAX) return version
  return refuse('onnx_opset_unsupported', { version, from: OPSET_MIN, to: OPSET_MAX })
}

function addInputs(
  { draft, values, uses, note }: Importing,
  graph: SortedGraph,
  options: ImportOptions,
): void {
  const unknown = [...(options.shapes?.keys() ?? [])].find(
    (name) => !graph.inputs.some((input) => input.name === name),
  )
  if (unknown !== undefined) refuse('onnx_value_undefined', { value: unknown, node: 'input' })
  for (const input of graph.inputs) {
    if (!uses.has(input.name)) {
      note('input_unused', { input: input.name })
      continue
    }
    const { dtype, meaning } = elementsOf(input)
    const dims = shapeOf(input, options)
    const handle = draft.input(input.name, { dtype, dims: atLeastVector(dims) })
    if (meaning === 'int') note('integers_are_s32', { input: input.name })
    values.set(input.name, placed(handle, dims, meaning))
  }
}

function elementsOf({ name, tensor }: OnnxValue): { dtype: Dtype; meaning: Meaning } {
  const dtype = tensor?.dtype ?? 0
  if (isFloat(dtype)) return { dtype: F32, meaning: 'float' }
  if (dtype === ONNX.bool) return { dtype: F32, meaning: 'bool' }
  if (dtype === ONNX.int32 || dtype === ONNX.int64) return { dtype: S32, meaning: 'int' }
  if (dtype === ONNX.int8) return { dtype: S8, meaning: 'int8' }
  return refuse('onnx_dtype_unsupported', { tensor: name, dtype: dtypeName(dtype) })
}

function shapeOf({ name, tensor }: OnnxValue, { shapes, dims }: ImportOptions): number[] {
  const given = shapes?.get(name)
  if (given !== undefined) return [...given]
  return (tensor?.dims ?? []).map((dim, axis) => sizeOf(dim, dims) ?? unknownSize(name, dim, axis))
}

function sizeOf(dim: OnnxDim, dims: ImportOptions['dims']): number | undefined {
  if (typeof dim === 'string') return dims?.get(dim)
  return dim > 0n ? Number(dim) : undefined
}

function unknownSize(input: string, dim: OnnxDim, axis: number): never {
  return refuse('onnx_dim_unknown', { input, axis, dim: String(dim) })
}

/** Only those that are used; a large file may hold weights of other tasks. */
function addInitializers(
  { draft, values, uses, note }: Importing,
  graph: SortedGraph,
  replacements: readonly NamedTensor[],
): void {
  const byName = new Map(replacements.map((tensor) => [tensor.name, tensor]))
  const unmatched = replacements.filter(({ name }) => !graph.initializers.has(name))
  if (replacements.length > 0 && unmatched.length === replacements.length) {
    refuse('weights_unmatched', { tensors: replacements.length, first: unmatched[0]?.name ?? '' })
  }
  for (const { name } of unmatched) note('weights_not_in_model', { tensor: name })
  for (const [name, tensor] of graph.initializers) {
    if (!uses.has(name)) continue
    const replacement = byName.get(name)
    const constant =
      replacement === undefined ? decoded(tensor, note) : replaced(tensor, replacement, note)
    if ('kind' in constant) {
      values.set(name, constant)
    } else if (constant.values.length === 0) {
      values.set(name, emptyConstant(constant.dims))
    } else {
      const { dims } = constant
      const weight = draft.weight(name, f32Tensor(atLeastVector(dims), constant.values))
      values.set(name, placed(weight, dims))
    }
  }
}

interface Floats {
  readonly dims: readonly number[]
  readonly values: Float32Array
}

/** Nothing: an operand such as the region of a resize that nobody reads. */
function emptyConstant(dims: readonly number[]): IntConstant {
  return { kind: 'ints', dtype: ONNX.float, dims, values: new Float64Array(0) }
}

function decoded(tensor: OnnxTensor, note: Importing['note']): Floats | IntConstant {
  const constant = decodeConstant(tensor, tensor.name)
  if (constant.kind === 'ints') return constant
  const { dims, values, from } = constant
  if (from !== undefined) note('weights_converted', { tensor: tensor.name, from })
  return { dims, values }
}

function replaced(tensor: OnnxTensor, replacement: NamedTensor, note: Importing['note']): Floats {
  const { name, dims, dtype } = replacement
  const wanted = tensor.dims.map(Number)
  const values = floatsOf(replacement)
  if (values === undefined || !isFloat(tensor.dtype)) {
    return refuse('onnx_dtype_unsupported', { tensor: name, dtype: dtypeName(tensor.dtype) })
  }
  if (dtype !== 'F32') note('weights_converted', { tensor: name, from: dtype })
  if (wanted.join() !== dims.join()) {
    refuse('shape_mismatch', {
      tensor: name,
      model: `[${wanted.join()}]`,
      file: `[${dims.join()}]`,
    })
  }
  return { dims, values }
}

function lowerNode(shared: Importing, node: OnnxNode): void {
  const name = nodeName(node)
  const op = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`
  try {
    const results = resultsOf(new NodeReader(node, shared))
    node.outputs.forEach((output, index) => {
      const value = results[index]
      if (value !== undefined && output !== '') shared.values.set(output, value)
    })
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    const { code, facts } = error.refusal
    throw new RefusalError({ code, facts: { node: name, op, ...facts } }, { cause: error })
  }
}

function resultsOf(reader: NodeReader): readonly Value[] {
  const { node } = reader
  const lowering = node.domain === '' ? LOWERINGS.get(node.opType) : undefined
  const fold = node.domain === '' ? FOLDS.get(node.opType) : undefined
  const constants = fold === undefined ? [] : knownOperands(reader)
  const isFolded = fold !== undefined && constants !== undefined && constants.length > 0
  if (lowering === undefined && !isFolded) {
    return refuse(fold === undefined ? 'onnx_op_unknown' : 'onnx_operand_not_constant')
  }
  const result = isFolded ? fold(reader, constants) : lowering?.lower(reader)
  reader.done()
  return isList(result) ? result : [result as Value]
}

function isList(result: Value | readonly Value[] | undefined): result is readonly Value[] {
  return Array.isArray(result)
}

/** All operands as whole numbers, or undefined if one of them is anything else. */
function knownOperands(reader: NodeReader): IntConstant[] | undefined {
  const present = reader.node.inputs.map((_, index) => reader.maybe(index))
  const known = present.map((value) => (value === undefined ? undefined : asInts(reader, value)))
  const isKnown = present.every((value, index) => value === undefined || known[index] !== undefined)
  return isKnown ? known.filter((value) => value !== undefined) : undefined
}

function finish({ draft, values }: Importing, graph: SortedGraph): EmittedProgram {
  const outputs = graph.outputs.map(({ name }) => {
    const value = values.get(name)
    if (value === undefined) return refuse('onnx_value_undefined', { value: name, node: 'output' })
    if (value.kind === 'ints') return refuse('onnx_output_constant', { output: name })
    return { name, value: outputHandle(draft, name, value) }
  })
  return draft.finish(outputs)
}

/** In the order of its axes; an output is always computed, so what is not is copied. */
function outputHandle(draft: Draft, name: string, value: Placed) {
  if (value.meaning === 'uint8') {
    refuse('onnx_dtype_unsupported', { output: name, dtype: 'uint8' })
  }
  const dims = atLeastVector(value.dims)
  const handle = draft.reshape(inNaturalOrder(draft, value), dims)
  if (handle.kind === 'weight') return refuse('onnx_output_constant', { output: name })
  return handle.kind === 'op' ? handle : draft.copy(handle)
}
