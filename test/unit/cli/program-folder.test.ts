/** Program folders on the command line: imported, shown, exported, quantised. */

import { strict as check } from 'node:assert'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { readStoredDigits, slice, unitPixels } from '../../../devnet/mnist-data.ts'
import { loadNetworks } from '../../../devnet/mnist-networks.ts'
import { EXIT } from '../../../src/cli/failure.ts'
import { readProgramFolder } from '../../../src/cli/program-folder.ts'
import { writeModel } from '../model/onnx-writer.ts'
import { type Invocation, invoke } from './invoke.ts'

type Object = Record<string, unknown>

const DIGITS = 128
const BATCH = 32

/** The float network of the devnet as an exporter would write it. */
function mnistModel(): Uint8Array {
  const layers = loadNetworks().float
  const names = ['first', 'second']
  return writeModel({
    nodes: [
      {
        op: 'Gemm',
        inputs: ['x', 'first.w', 'first.b'],
        outputs: ['h'],
        attributes: { transB: 1 },
      },
      { op: 'Relu', inputs: ['h'], outputs: ['r'] },
      {
        op: 'Gemm',
        inputs: ['r', 'second.w', 'second.b'],
        outputs: ['z'],
        attributes: { transB: 1 },
      },
      { op: 'Softmax', inputs: ['z'], outputs: ['p'], attributes: { axis: -1 } },
    ],
    inputs: [{ name: 'x', dims: ['batch', 784] }],
    outputs: [{ name: 'p', dims: ['batch', 10] }],
    weights: layers.flatMap(({ inputs, outputs, weights, bias }, index) => [
      {
        name: `${names[index]}.w`,
        dtype: 'float' as const,
        dims: [outputs, inputs],
        values: [...weights],
      },
      { name: `${names[index]}.b`, dtype: 'float' as const, dims: [outputs], values: [...bias] },
    ]),
  })
}

describe('program folders', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'blocktorch-folders-'))
    const digits = slice(readStoredDigits(), 0, DIGITS)
    writeFileSync(join(folder, 'mnist.onnx'), mnistModel())
    writeFileSync(join(folder, 'pixels.f32'), unitPixels(digits))
    const labels = Int32Array.from(digits.labels)
    writeFileSync(join(folder, 'labels.s32'), new Uint8Array(labels.buffer))
    writeFileSync(join(folder, 'names.txt'), 'zero\none\ntwo\n')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = (...argv: string[]): Promise<Invocation> =>
    invoke(['program', ...argv], { cwd: folder })
  const json = ({ stdout }: Invocation): Object => JSON.parse(stdout) as Object
  const codeOf = (done: Invocation): unknown => (json(done)['error'] as Object)['code']
  const imported = (...more: string[]): Promise<Invocation> =>
    run('import', 'mnist.onnx', '--dim', `batch=${BATCH}`, '-o', 'mnist', '--json', ...more)

  it('are made of a model, with names, labels and weights by digest', async () => {
    const done = await imported('--labels', 'names.txt')
    check.equal(done.exit, EXIT.ok, done.stdout)
    const { description, program } = readProgramFolder(join(folder, 'mnist'))
    check.equal(description.name, 'mnist')
    check.deepEqual(description.inputs, [{ name: 'x', dtype: 1, dims: [BATCH, 784] }])
    check.deepEqual(description.outputs[0]?.labels, ['zero', 'one', 'two'])
    check.deepEqual(
      description.weights.map(({ name }) => name),
      ['first.w', 'first.b', 'second.w', 'second.b'],
    )
    check.equal(program.ops.length, 6)
    const files = readdirSync(join(folder, 'mnist', 'weights'))
    check.deepEqual(files.sort(), description.weights.map(({ digest }) => digest).sort())
  })

  it('replace an earlier program, and nothing else', async () => {
    check.equal((await imported()).exit, EXIT.ok)
    check.equal((await imported()).exit, EXIT.ok)
    const done = await run('import', 'mnist.onnx', '--dim', 'batch=1', '-o', '.', '--json')
    check.deepEqual([done.exit, codeOf(done)], [EXIT.usage, 'folder_occupied'])
    check.ok(existsSync(join(folder, 'mnist.onnx')))
  })

  it('need sizes, files and weights that fit', async () => {
    const refusals: readonly (readonly [string, readonly string[]])[] = [
      ['onnx_dim_unknown', ['import', 'mnist.onnx', '-o', 'x']],
      ['dim_malformed', ['import', 'mnist.onnx', '-o', 'x', '--dim', 'batch=0']],
      ['dim_malformed', ['import', 'mnist.onnx', '-o', 'x', '--dim', 'batch=1,2']],
      ['dim_malformed', ['import', 'mnist.onnx', '-o', 'x', '--input-shape', 'x=1,two']],
      ['onnx_value_undefined', ['import', 'mnist.onnx', '-o', 'x', '--input-shape', 'z=1']],
      ['shape_mismatch', ['import', 'mnist.onnx', '-o', 'x', '--input-shape', 'x=1,700']],
      ['usage', ['import', 'mnist.onnx']],
      ['model_file_unreadable', ['import', 'missing.onnx', '-o', 'x']],
      ['protobuf_malformed', ['import', 'pixels.f32', '-o', 'x']],
      ['safetensors_oversized', ['import', 'mnist.onnx', '-o', 'x', '--weights', 'mnist.onnx']],
      ['program_file_unreadable', ['show', folder]],
    ]
    for (const [code, argv] of refusals) {
      const done = await run(...argv, '--json')
      check.equal(codeOf(done), code, argv.join(' '))
    }
  })

  it('give their weights as safetensors and take them back', async () => {
    await imported()
    const out = await run('export', 'mnist', 'weights.safetensors', '--json')
    check.equal(json(out)['tensors'], 4, out.stdout)
    const before = readProgramFolder(join(folder, 'mnist')).description.program
    const same = await imported('--weights', 'weights.safetensors')
    check.equal(json(same)['program'], before)
  })

  it('show ops, costs and which verifications apply', async () => {
    await imported()
    const whole = json(await run('show', 'mnist', '--ops', '--json'))
    const ops = whole['ops'] as readonly Object[]
    check.deepEqual(
      ops.map(({ name }) => name),
      ['matmul_f32', 'add_f32', 'relu_f32', 'matmul_f32', 'add_f32', 'softmax_f32'],
    )
    const rows = whole['verifications'] as readonly Object[]
    check.deepEqual(
      rows.map(({ verification, applies }) => [verification, applies]),
      [
        ['fold', true],
        ['replay', true],
        ['succinct', false],
      ],
    )
    const words = await run('show', 'mnist/program.bt')
    check.match(words.stdout, /matmul_f32 +2 /)
    check.match(words.stdout, /succinct +false .*verification_unavailable/)
  })

  it('become int8 and tell what that costs', async function () {
    this.timeout(60_000)
    await imported()
    const argv = ['quantize', 'mnist', '-o', 'mnist8', '--calibration', 'pixels.f32']
    const done = await run(...argv, '--labels', 'labels.s32', '--json')
    check.equal(done.exit, EXIT.ok, done.stdout)
    const { outputs, layers, before, after, droppedSamples } = json(done)
    const [output] = outputs as readonly Object[]
    check.equal(droppedSamples, 0)
    check.equal(output?.['rows'], DIGITS)
    check.ok(Number(output?.['accuracyF32']) > 0.95, JSON.stringify(output))
    check.ok(Number(output?.['accuracyInt8']) > 0.95, JSON.stringify(output))
    check.ok(Number(output?.['agreement']) > 0.97, JSON.stringify(output))
    check.ok(Number(output?.['sqnrDb']) > 20, JSON.stringify(output))
    check.equal((layers as readonly Object[]).length, 2)
    const bytes = [before, after].map((sizes) => Number((sizes as Object)['weightBytes']))
    check.ok((bytes[0] as number) > 3.8 * (bytes[1] as number), bytes.join(' '))
    const shown = json(await run('show', 'mnist8', '--ops', '--json'))
    check.deepEqual(
      (shown['ops'] as readonly Object[]).map(({ name }) => name),
      [
        'quantise_f32',
        'matmul_s8',
        'add_s32',
        'requantise',
        'relu_s8',
        'matmul_s8',
        'add_s32',
        'dequantise_s32',
        'softmax_f32',
      ],
    )
    const kept = await run(...argv, '--keep', 'first.w', '--json')
    check.equal((json(kept)['layers'] as readonly Object[]).length, 1)
    const none = await run(...argv, '--keep', 'first.w', 'second.w', '--json')
    check.equal(codeOf(none), 'quantise_nothing')
  })
})
