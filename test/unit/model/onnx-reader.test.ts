/** The reader of ONNX files: bounded, strict where it matters, and never surprised by bytes. */

import { strict as check } from 'node:assert'

import fc from 'fast-check'

import { concatBytes } from '../../../src/base/bytes.ts'
import { attempt, type Refusal } from '../../../src/base/refusal.ts'
import { decodeConstant } from '../../../src/model/onnx/constant.ts'
import { importOnnx } from '../../../src/model/onnx/import.ts'
import { decodeModel, NODES_MAX } from '../../../src/model/onnx/schema.ts'
import {
  bytesField,
  intField,
  modelOf,
  nodeBytes,
  oneNode,
  real,
  tensorBytes,
  textField,
  varint,
  writeModel,
} from './onnx-writer.ts'

const RELU = oneNode('Relu', [{ dims: [2, 3] }])

function refusalOf(bytes: Uint8Array): Refusal | undefined {
  const outcome = attempt(() => importOnnx(bytes))
  return 'refused' in outcome ? outcome.refused : undefined
}

function codeOf(bytes: Uint8Array): string {
  return refusalOf(bytes)?.code ?? 'taken'
}

describe('the ONNX reader', () => {
  it('reads nodes, attributes, weights and shapes', () => {
    const model = decodeModel(
      writeModel({
        opset: 18,
        nodes: [
          {
            op: 'Conv',
            name: 'first',
            inputs: ['x', 'w', ''],
            outputs: ['y'],
            attributes: { group: 2, pads: [1, -1], auto_pad: 'VALID', slope: real(0.5) },
          },
        ],
        inputs: [{ name: 'x', dims: ['N', 3] }],
        outputs: [{ name: 'y' }],
        weights: [{ name: 'w', dtype: 'int64', dims: [2], values: [-1, 7] }],
      }),
    )
    check.deepEqual([...model.opsets], [['', 18n]])
    const [node] = model.graph.nodes
    check.deepEqual(
      [node?.name, node?.opType, node?.inputs, node?.outputs],
      ['first', 'Conv', ['x', 'w', ''], ['y']],
    )
    check.deepEqual(
      [...(node?.attributes ?? [])],
      [
        ['group', { kind: 'int', value: 2n }],
        ['pads', { kind: 'ints', value: [1n, -1n] }],
        ['auto_pad', { kind: 'string', value: 'VALID' }],
        ['slope', { kind: 'float', value: 0.5 }],
      ],
    )
    check.deepEqual(model.graph.inputs, [{ name: 'x', tensor: { dtype: 1, dims: ['N', 3n] } }])
    const [weight] = model.graph.initializers
    const constant = weight === undefined ? undefined : decodeConstant(weight, 'w')
    check.deepEqual([...(constant?.values ?? [])], [-1, 7])
  })

  it('passes over fields that it does not know, and takes lists packed or not', () => {
    const unpacked = concatBytes(intField(1, 2), intField(1, 1), intField(2, 7), intField(7, 5))
    const packed = concatBytes(bytesField(1, concatBytes(varint(1))), intField(2, 7))
    const strange = concatBytes(intField(900, 1), bytesField(901, new Uint8Array(3)))
    const graph = concatBytes(
      bytesField(5, concatBytes(unpacked, strange, intField(7, 6), textField(8, 'a'))),
      bytesField(5, concatBytes(packed, bytesField(7, varint(9)), textField(8, 'b'))),
    )
    const { initializers } = decodeModel(modelOf(graph)).graph
    check.deepEqual(
      initializers.map((tensor) => [...decodeConstant(tensor, tensor.name).values]),
      [[5, 6], [9]],
    )
  })

  it('refuses what is cut off anywhere', () => {
    for (let length = 0; length < RELU.length; length++) {
      const refused = refusalOf(RELU.subarray(0, length))
      check.ok(refused !== undefined, `${length} bytes are no model`)
    }
  })

  it('refuses malformed protobuf by name', () => {
    check.equal(codeOf(Uint8Array.from([0x0b])), 'protobuf_malformed')
    check.equal(codeOf(Uint8Array.from([0x00, 0x00])), 'protobuf_malformed')
    check.equal(codeOf(bytesField(7, intField(1, 5))), 'protobuf_malformed')
    const endless = Uint8Array.from({ length: 12 }, () => 0xff)
    check.equal(codeOf(concatBytes(Uint8Array.from([0x08]), endless)), 'protobuf_malformed')
    const claim = concatBytes(varint(7 * 8 + 2), varint(0xffff_ffff_ffffn))
    check.equal(codeOf(claim), 'protobuf_malformed')
    check.equal(codeOf(modelOf(bytesField(2, Uint8Array.from([0xff])))), 'protobuf_malformed')
    check.equal(codeOf(modelOf(textField(2, 'n'.repeat(5_000)))), 'protobuf_text_long')
    check.equal(codeOf(intField(1, 8)), 'onnx_graph_missing')
  })

  it('refuses a million nodes before it reads them', () => {
    const one = bytesField(1, nodeBytes({ op: 'Relu', inputs: ['x'], outputs: ['y'] }))
    const many = new Uint8Array(one.length * 1_000_000)
    for (let at = 0; at < many.length; at += one.length) many.set(one, at)
    const refused = refusalOf(modelOf(many))
    check.deepEqual(refused, {
      code: 'onnx_graph_too_large',
      facts: { what: 'nodes', most: NODES_MAX },
    })
    const empty = new Uint8Array(3 * 1_200_000).map(
      (_, index) => [0x7a, 0x01, 0x00][index % 3] ?? 0,
    )
    check.equal(codeOf(modelOf(empty)), 'onnx_sparse_tensor')
    const unknown = new Uint8Array(2 * 1_200_000).map((_, index) => (index % 2 === 0 ? 0x48 : 0))
    check.equal(codeOf(modelOf(unknown)), 'protobuf_field_repeated')
  })

  it('names the tensor whose data is elsewhere, missing or of another type', () => {
    const withWeight = (weight: Uint8Array): Refusal | undefined =>
      refusalOf(
        modelOf(
          concatBytes(
            bytesField(1, nodeBytes({ op: 'Identity', inputs: ['w'], outputs: ['y'] })),
            bytesField(5, concatBytes(weight, textField(8, 'w'))),
            bytesField(12, textField(1, 'y')),
          ),
        ),
      )
    const good = tensorBytes({ dtype: 'float', dims: [1], values: [1] })
    check.deepEqual(withWeight(concatBytes(good, intField(14, 1))), {
      code: 'onnx_external_data',
      facts: { tensor: 'w' },
    })
    const short = withWeight(tensorBytes({ dtype: 'float', dims: [3], values: [1] }))
    check.equal(short?.code, 'onnx_tensor_malformed')
    check.equal(short?.facts['tensor'], 'w')
    const words = withWeight(tensorBytes({ dtype: 'string', dims: [1], values: [] }))
    check.deepEqual([words?.code, words?.facts['tensor']], ['onnx_dtype_unsupported', 'w'])
    const vast = concatBytes(...[1, 2, 3].map(() => intField(1, 0x7fff_ffff)), intField(2, 1))
    check.equal(withWeight(vast)?.code, 'shape_overflow')
    check.equal(
      withWeight(concatBytes(intField(1, -1), intField(2, 1)))?.code,
      'onnx_tensor_malformed',
    )
  })

  it('answers any change of a model with a program or a refusal', () => {
    const model = writeModel({
      nodes: [
        { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['h'], attributes: { transB: 1 } },
        { op: 'Relu', inputs: ['h'], outputs: ['r'] },
        { op: 'Shape', inputs: ['r'], outputs: ['s'] },
        { op: 'Reshape', inputs: ['r', 's'], outputs: ['t'] },
        { op: 'Softmax', inputs: ['t'], outputs: ['y'], attributes: { axis: -1 } },
      ],
      inputs: [{ name: 'x', dims: [2, 3] }],
      outputs: [{ name: 'y', dims: [2, 4] }],
      weights: [
        { name: 'w', dtype: 'float', dims: [4, 3], values: Array.from({ length: 12 }, () => 1) },
        { name: 'b', dtype: 'float', dims: [4], values: [1, 2, 3, 4] },
      ],
    })
    const change = fc.record({ at: fc.nat(model.length - 1), to: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const file = model.slice()
        for (const { at, to } of changes) file[at] = to
        attempt(() => importOnnx(file))
      }),
      { numRuns: 3_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        attempt(() => importOnnx(bytes))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the graph of a model', () => {
  const node = (op: string, inputs: string[], outputs: string[]) => ({ op, inputs, outputs })
  const graph = (nodes: readonly ReturnType<typeof node>[], outputs = ['y']) =>
    refusalOf(
      writeModel({
        nodes,
        inputs: [{ name: 'x', dims: [2] }],
        outputs: outputs.map((name) => ({ name })),
      }),
    )

  it('may come in any order, and what leads nowhere is not looked at', () => {
    const unknown = { op: 'NoSuchOp', inputs: ['x'], outputs: ['z'] }
    check.equal(graph([node('Relu', ['h'], ['y']), node('Relu', ['x'], ['h']), unknown]), undefined)
  })

  it('has no cycles, no undefined values and no name twice', () => {
    const cycle = graph([
      node('Add', ['x', 'b'], ['a']),
      node('Relu', ['a'], ['b']),
      node('Relu', ['b'], ['y']),
    ])
    check.equal(cycle?.code, 'onnx_cycle')
    check.ok(['a', 'b'].includes(String(cycle?.facts['node'])))
    check.equal(graph([node('Relu', ['y'], ['y'])])?.code, 'onnx_cycle')
    check.deepEqual(graph([node('Relu', ['missing'], ['y'])]), {
      code: 'onnx_value_undefined',
      facts: { value: 'missing', node: 'y' },
    })
    check.deepEqual(graph([node('Relu', ['x'], ['z'])]), {
      code: 'onnx_value_undefined',
      facts: { value: 'y', node: 'output' },
    })
    check.deepEqual(graph([node('Relu', ['x'], ['y']), node('Relu', ['x'], ['y'])]), {
      code: 'onnx_name_repeated',
      facts: { value: 'y', node: 'y' },
    })
    check.equal(graph([node('Relu', ['x'], ['x'])])?.code, 'onnx_name_repeated')
    check.equal(graph([node('Relu', ['x'], ['y'])], [])?.code, 'onnx_output_missing')
  })

  it('of ten thousand nodes in a row is read without recursion', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) =>
      node('Identity', [index === 0 ? 'x' : `v${index - 1}`], [`v${index}`]),
    )
    check.equal(graph(nodes.reverse(), ['v9999']), undefined)
  })
})
