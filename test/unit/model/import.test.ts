/** What becomes of nodes: which ops, in which order of axes, and what is refused by which name. */

import { strict as check } from 'node:assert'

import { attempt, type Refusal } from '../../../src/base/refusal.ts'
import type { EmittedProgram } from '../../../src/model/emit.ts'
import { type ImportedModel, importOnnx } from '../../../src/model/onnx/import.ts'
import { LOWERINGS } from '../../../src/model/onnx/ops.ts'
import { evaluate } from '../../../src/program/evaluate.ts'
import { definitionOf, producerOf, WEIGHTS_MAX } from '../../../src/program/ir.ts'
import { f32Elements, f32Tensor } from '../../../src/program/tensor.ts'
import { SeededRng } from '../../../src/runtime/seeded-rng.ts'
import { directionModel } from '../../vectors/models/direction.ts'
import {
  type ModelSpec,
  type NodeSpec,
  oneNode,
  type TensorSpec,
  writeModel,
} from './onnx-writer.ts'

function weight(name: string, dims: readonly number[], scale = 1): TensorSpec {
  const count = dims.reduce((product, size) => product * size, 1)
  const rng = new SeededRng(name.length + count)
  const values = Array.from({ length: count }, () =>
    Math.fround((rng.u32() / 0x8000_0000 - 1) * scale),
  )
  return { name, dtype: 'float', dims, values }
}

function ints(name: string, values: readonly number[]): TensorSpec {
  return { name, dtype: 'int64', dims: [values.length], values }
}

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({ op, inputs, outputs: [output], attributes })

function modelOf(
  nodes: readonly NodeSpec[],
  dims: readonly number[],
  weights: readonly TensorSpec[] = [],
  more: Partial<ModelSpec> = {},
): ImportedModel {
  return importOnnx(
    writeModel({
      nodes,
      inputs: [{ name: 'x', dims }],
      outputs: [{ name: 'y' }],
      weights,
      ...more,
    }),
  )
}

function opsOf({ emitted }: ImportedModel): string[] {
  return emitted.named.program.ops.map((op) => definitionOf(op).name)
}

/** The first output on an input of waves. */
function run({ named }: EmittedProgram): Float32Array {
  const { program, weights } = named
  const inputs = program.inputs.map(({ dims }) => {
    const count = dims.reduce((product, size) => product * size, 1)
    return f32Tensor(
      dims,
      Array.from({ length: count }, (_, index) => ((index * 37) % 64) / 32 - 1),
    ).bytes
  })
  const values = evaluate(program, inputs, weights)
  const op = producerOf(program, program.outputs[0] as number)
  const bytes = values[op] as Uint8Array
  return f32Elements({ type: { dtype: 1, dims: [bytes.length / 4] }, bytes })
}

function refusalOf(make: () => unknown): Refusal {
  const outcome = attempt(make)
  return 'refused' in outcome ? outcome.refused : { code: 'taken', facts: {} }
}

describe('the order of axes', () => {
  const conv = { pads: [1, 1, 1, 1] }

  it('is changed once before a row of convolutions and once after it', () => {
    const model = modelOf(
      [
        node('Conv', ['x', 'a', 'ab'], 'h', conv),
        node('Relu', ['h'], 'r'),
        node('Conv', ['r', 'b'], 's', conv),
        node('Add', ['r', 's'], 't'),
        node('MaxPool', ['t'], 'y', { kernel_shape: [2, 2] }),
      ],
      [1, 3, 6, 6],
      [weight('a', [4, 3, 3, 3]), weight('ab', [4]), weight('b', [4, 4, 3, 3])],
    )
    check.deepEqual(opsOf(model), [
      'permute_f32',
      'conv2d_f32',
      'add_f32',
      'relu_f32',
      'conv2d_f32',
      'add_f32',
      'maxpool2d_f32',
      'permute_f32',
    ])
  })

  it('costs nothing where transposes undo each other or move axes of size 1', () => {
    const back = modelOf(
      [
        node('Transpose', ['x'], 'a', { perm: [0, 2, 3, 1] }),
        node('Relu', ['a'], 'b'),
        node('Transpose', ['b'], 'y', { perm: [0, 3, 1, 2] }),
      ],
      [2, 3, 4, 5],
    )
    check.deepEqual(opsOf(back), ['relu_f32'])
    const pooled = modelOf(
      [node('GlobalAveragePool', ['x'], 'a'), node('Flatten', ['a'], 'y')],
      [1, 3, 4, 5],
    )
    check.deepEqual(opsOf(pooled), ['reshape_f32', 'mean_last_f32', 'reshape_f32'])
  })

  it('of attention is that of the products', () => {
    const model = modelOf(
      [
        node('Transpose', ['x'], 'k', { perm: [0, 2, 1] }),
        node('MatMul', ['x', 'k'], 's'),
        node('Softmax', ['s'], 'p'),
        node('MatMul', ['p', 'x'], 'y'),
      ],
      [2, 4, 8],
    )
    check.deepEqual(opsOf(model), ['bmm_f32', 'softmax_f32', 'permute_f32', 'bmm_f32'])
  })
})

describe('constants', () => {
  it('of shapes are folded, however they are spelt', () => {
    const model = modelOf(
      [
        node('Shape', ['x'], 's'),
        node('Gather', ['s', 'zero'], 'n'),
        node('Unsqueeze', ['n', 'axis'], 'n1'),
        node('Mul', ['four', 'two'], 'eight'),
        node('Concat', ['n1', 'eight'], 't', { axis: 0 }),
        node('Cast', ['t'], 'c', { to: 7 }),
        node('ConstantOfShape', ['len'], 'ones', {
          value: { dtype: 'int64', dims: [1], values: [1] },
        }),
        node('Equal', ['c', 'ones'], 'e'),
        node('Where', ['e', 'ones', 'c'], 'w'),
        node('Reshape', ['x', 'w'], 'y'),
      ],
      [2, 2, 4],
      [
        { name: 'zero', dtype: 'int64', dims: [], values: [0] },
        ints('axis', [0]),
        ints('four', [4]),
        ints('two', [2]),
        ints('len', [2]),
      ],
    )
    check.deepEqual(opsOf(model), ['reshape_f32'])
    check.deepEqual(model.emitted.named.program.weights, [])
  })

  it('of floats are folded by the loops of the specification', () => {
    const model = modelOf(
      [node('Exp', ['w'], 'e'), node('Transpose', ['e'], 't'), node('MatMul', ['x', 't'], 'y')],
      [2, 3],
      [weight('w', [4, 3])],
    )
    check.deepEqual(opsOf(model), ['matmul_f32'])
    check.deepEqual(
      model.emitted.named.program.weights.map(({ type }) => type.dims),
      [[4, 3]],
    )
  })

  it('that are equal stand once, and equal nodes are computed once', () => {
    const model = modelOf(
      [node('Add', ['x', 'a'], 'p'), node('Add', ['x', 'b'], 'q'), node('Mul', ['p', 'q'], 'y')],
      [2, 3],
      [
        { name: 'a', dtype: 'float', dims: [3], values: [1, 2, 3] },
        { name: 'b', dtype: 'float', dims: [3], values: [1, 2, 3] },
      ],
    )
    check.deepEqual(opsOf(model), ['add_f32', 'mul_f32'])
    check.equal(model.emitted.named.program.weights.length, 1)
  })

  it('beyond the number that a program names lie in one weight, and nothing else changes', () => {
    const count = WEIGHTS_MAX + 20
    const weights = Array.from({ length: count }, (_, index) =>
      weight(`w${index}`, [1 + (index % 3), 4]),
    )
    const shaped = weights.map((spec, index) => {
      return { ...spec, values: spec.values.map((value) => value + index) }
    })
    const nodes = shaped.flatMap(({ name = '', dims }, index) => {
      const before = index === 0 ? 'x' : `s${index - 1}`
      const after = index === count - 1 ? 'y' : `s${index}`
      return [
        node('Slice', [name, 'from', 'to'], `r${index}`),
        node('Add', [before, dims[0] === 1 ? name : `r${index}`], after),
      ]
    })
    const model = modelOf(nodes, [2, 4], [...shaped, ints('from', [0]), ints('to', [1])])
    const { named, parts } = model.emitted
    check.equal(named.program.weights.length, WEIGHTS_MAX)
    const packed = parts.flatMap((part) => part ?? [])
    check.equal(packed.length, count - WEIGHTS_MAX + 1)
    const sums = [0, 1, 2, 3].map((column) =>
      shaped.reduce((sum, { values }) => sum + (values[column] as number), 0),
    )
    run(model.emitted).forEach((value, index) => {
      const x = ((index * 37) % 64) / 32 - 1
      check.ok(Math.abs(value - x - (sums[index % 4] as number)) < 1e-2)
    })
  })

  it('of narrower and wider floats are converted and said so', () => {
    const half: TensorSpec = { name: 'w', dtype: 'float16', dims: [2], values: [0x3c00, 0xc000] }
    const model = modelOf([node('Mul', ['x', 'w'], 'y')], [3, 2], [half])
    check.deepEqual(model.notes, [
      { code: 'weights_converted', facts: { tensor: 'w', from: 'float16' } },
    ])
    check.deepEqual(
      [...new Float32Array(model.emitted.named.weights[0]?.slice().buffer ?? [])],
      [1, -2],
    )
  })
})

describe('batch normalisation', () => {
  const norm = node('BatchNormalization', ['c', 'g', 'b', 'm', 'v'], 'y')
  const statistics = [
    weight('g', [4]),
    weight('b', [4]),
    weight('m', [4]),
    { ...weight('v', [4]), values: [0.5, 1, 2, 3] },
  ]
  const conv = node('Conv', ['x', 'w', 'wb'], 'c')

  it('goes into the convolution before it', () => {
    const kernels = [weight('w', [4, 3, 3, 3], 0.3), weight('wb', [4]), ...statistics]
    const folded = modelOf([conv, norm], [1, 3, 5, 5], kernels)
    check.deepEqual(opsOf(folded), ['permute_f32', 'conv2d_f32', 'add_f32', 'permute_f32'])
    // Seen by somebody else, the convolution stays as it is.
    const open = modelOf([conv, norm, node('Relu', ['c'], 'z')], [1, 3, 5, 5], kernels, {
      outputs: [{ name: 'y' }, { name: 'z' }],
    })
    check.deepEqual(opsOf(open).filter((name) => name === 'mul_f32').length, 1)
    const apart = run(open.emitted)
    run(folded.emitted).forEach((value, index) => {
      check.ok(Math.abs(value - (apart[index] as number)) < 1e-5)
    })
  })

  it('without a product before it is a factor and an addend', () => {
    const model = modelOf([node('Relu', ['x'], 'c'), norm], [1, 4, 2, 2], statistics)
    check.deepEqual(
      opsOf(model).filter((name) => !name.startsWith('permute')),
      ['relu_f32', 'mul_f32', 'add_f32'],
    )
  })
})

describe('refusals of the importer', () => {
  it('name the node and its op', () => {
    const unknown = refusalOf(() => importOnnx(oneNode('NoSuchOp', [{ dims: [2] }])))
    check.deepEqual(unknown, { code: 'onnx_op_unknown', facts: { node: 'y0', op: 'NoSuchOp' } })
    const foreign = refusalOf(() =>
      modelOf([{ ...node('Relu', ['x'], 'y'), domain: 'com.example', name: 'mine' }], [2]),
    )
    check.deepEqual(foreign, {
      code: 'onnx_op_unknown',
      facts: { node: 'mine', op: 'com.example.Relu' },
    })
  })

  const x = { dims: [1, 2, 4, 4] }
  const refused: readonly (readonly [string, string, () => unknown])[] = [
    [
      'an attribute nobody reads',
      'onnx_attribute_unsupported',
      () => importOnnx(oneNode('Relu', [x], { attributes: { slope: 1 } })),
    ],
    [
      'an attribute of another kind',
      'onnx_attribute_unsupported',
      () => importOnnx(oneNode('Softmax', [x], { attributes: { axis: 'last' } })),
    ],
    [
      'dilated pools',
      'onnx_attribute_unsupported',
      () =>
        importOnnx(
          oneNode('MaxPool', [x], { attributes: { kernel_shape: [2, 2], dilations: [2, 2] } }),
        ),
    ],
    ['pools without a kernel', 'onnx_attribute_missing', () => importOnnx(oneNode('MaxPool', [x]))],
    [
      'indices of a pool',
      'onnx_output_unsupported',
      () =>
        importOnnx(
          oneNode('MaxPool', [x], {
            attributes: { kernel_shape: [2, 2] },
            outputs: ['float', 'int64'],
          }),
        ),
    ],
    [
      'training',
      'onnx_attribute_unsupported',
      () =>
        importOnnx(
          oneNode(
            'BatchNormalization',
            [x, weight('', [2]), weight('', [2]), weight('', [2]), weight('', [2])],
            {
              attributes: { training_mode: 1 },
            },
          ),
        ),
    ],
    [
      'steps in a slice',
      'onnx_operand_unsupported',
      () =>
        importOnnx(
          oneNode('Slice', [x, ints('', [0]), ints('', [4]), ints('', [3]), ints('', [2])]),
        ),
    ],
    [
      'padding by another number',
      'onnx_attribute_unsupported',
      () =>
        importOnnx(
          oneNode('Pad', [
            { dims: [2] },
            ints('', [1, 1]),
            { dtype: 'float', dims: [], values: [1] },
          ]),
        ),
    ],
    [
      'exponents that vary',
      'onnx_operand_not_constant',
      () => importOnnx(oneNode('Pow', [x, { dims: [1] }])),
    ],
    [
      'exponents between',
      'onnx_operand_unsupported',
      () => importOnnx(oneNode('Pow', [x, { dtype: 'float', dims: [], values: [1.5] }])),
    ],
    [
      'shapes that vary',
      'onnx_operand_not_constant',
      () => importOnnx(oneNode('Reshape', [x, { dims: [2], dtype: 'int64' }])),
    ],
    [
      'sizes that do not meet',
      'shape_mismatch',
      () => importOnnx(oneNode('Add', [{ dims: [2, 3] }, { dims: [4] }])),
    ],
    [
      'an axis beyond the rank',
      'onnx_axis_out_of_range',
      () => importOnnx(oneNode('Softmax', [x], { attributes: { axis: 4 } })),
    ],
    ['missing operands', 'onnx_operand_missing', () => importOnnx(oneNode('Add', [x]))],
    [
      'three spatial axes',
      'onnx_rank_unsupported',
      () => importOnnx(oneNode('Conv', [{ dims: [1, 2, 3, 3, 3] }, weight('', [2, 2, 1, 1, 1])])),
    ],
    [
      'tensors of rank nine',
      'shape_rank',
      () => importOnnx(oneNode('Relu', [{ dims: [1, 1, 1, 1, 1, 1, 1, 1, 2] }])),
    ],
    [
      'strings',
      'onnx_dtype_unsupported',
      () => importOnnx(oneNode('Relu', [{ dims: [2], dtype: 'string' }])),
    ],
    [
      'integers beyond 32 bits',
      'onnx_integer_too_large',
      () =>
        importOnnx(
          oneNode('Add', [{ dims: [1], dtype: 'int32' }, ints('', [2 ** 40])], {
            outputs: ['int32'],
          }),
        ),
    ],
    [
      'outputs that are constant',
      'onnx_output_constant',
      () => importOnnx(oneNode('Relu', [weight('', [2])])),
    ],
    [
      'old operator sets',
      'onnx_opset_unsupported',
      () => importOnnx(oneNode('Relu', [x], { opset: 6 })),
    ],
    [
      'newer operator sets',
      'onnx_opset_unsupported',
      () => importOnnx(oneNode('Relu', [x], { opset: 99 })),
    ],
    [
      'sizes that are not known',
      'onnx_dim_unknown',
      () => importOnnx(oneNode('Relu', [{ dims: ['N'] as unknown as number[] }])),
    ],
    [
      'two bytes per scale',
      'onnx_dtype_unsupported',
      () =>
        importOnnx(
          oneNode('QuantizeLinear', [
            x,
            { dtype: 'float', dims: [], values: [1] },
            { dtype: 'int32', dims: [], values: [0] },
          ]),
        ),
    ],
  ]
  for (const [what, code, make] of refused) {
    it(`say ${code} for ${what}`, () => {
      const { code: found, facts } = refusalOf(make)
      check.equal(found, code, JSON.stringify(facts))
    })
  }

  it('leave out inputs that lead nowhere, and say so', () => {
    const model = modelOf([node('Relu', ['x'], 'y')], [2], [], {
      inputs: [
        { name: 'x', dims: [2] },
        { name: 'spare', dims: ['N'] },
      ],
    })
    check.deepEqual(model.emitted.named.inputNames, ['x'])
    check.deepEqual(model.notes, [{ code: 'input_unused', facts: { input: 'spare' } }])
  })
})

describe('the text-direction classifier', () => {
  it('imports, with its normalisations folded and one change of axes', () => {
    const model = importOnnx(directionModel(), { shapes: new Map([['x', [1, 3, 48, 192]]]) })
    const ops = opsOf(model)
    const count = (name: string): number => ops.filter((each) => each === name).length
    check.equal(count('conv2d_f32'), 53)
    check.equal(count('matmul_f32'), 1)
    check.equal(count('softmax_f32'), 1)
    check.equal(model.emitted.named.program.weights.length, WEIGHTS_MAX)
    check.deepEqual(model.emitted.named.outputNames, ['softmax_0.tmp_0'])
    check.equal(model.opset, 9)
  })

  it('says which sizes it leaves open', () => {
    const { code, facts } = refusalOf(() => importOnnx(directionModel()))
    check.equal(code, 'onnx_dim_unknown')
    check.deepEqual([facts['input'], facts['axis']], ['x', 0])
  })
})

describe('the table of ops', () => {
  it('is in order of names', () => {
    const names = [...LOWERINGS.keys()]
    check.deepEqual(names, [...names].sort())
  })
})
