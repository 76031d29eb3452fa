/**
 * `tb-cli program quantize FOLDER --calibration FILE... -o FOLDER2`: an f32 program becomes one with
 * int8 products, and both are run on the evaluation samples to tell how far apart they are.
 */

import { resolve } from 'node:path'

import { type FabricDevice, openFabricDevice } from '../../compute/io/fabric-device.ts'
import { type Description, describe } from '../../model/description.ts'
import {
  type FloatProgram,
  type QuantisedProgram,
  quantise,
} from '../../model/quantise/quantise.ts'
import { largestOf } from '../../model/quantise/scales.ts'
import { programCost } from '../../program/cost.ts'
import { valueTypes } from '../../program/ir.ts'
import { outputOps } from '../../program/op-table.ts'
import { lastAxis } from '../../program/shape.ts'
import { F32, type Program, type TensorType } from '../../program/types.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { THREADS_MAX, wholeOption } from '../arguments.ts'
import { Comparison, decibels } from '../comparison.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { entryOf } from '../fabrics.ts'
import {
  type ProgramFolder,
  readFolderWeights,
  readProgramFolder,
  writeProgramFolder,
} from '../program-folder.ts'
import { type Row, toPairs, toTable } from '../render.ts'
import { readLabels, readSamples, type Samples, wordsOf } from '../samples.ts'
import { outputFolder } from './program-import.ts'

export const run: Command = async (context, input) => {
  installNativeHash()
  const source = readProgramFolder(resolve(context.cwd, input.args[0] ?? ''))
  const folder = outputFolder(context, input)
  const weights = readFolderWeights(source)
  const samples = readSamples(context, source.description, wordsOf(input, 'calibration'))
  const evaluation = wordsOf(input, 'evaluation')
  const tested =
    evaluation.length === 0 ? samples : readSamples(context, source.description, evaluation)
  const device = await deviceOf(context, input)
  try {
    const largest = await calibrate(device, source.program, weights, samples)
    const made = quantise(floatProgram(source, weights), largest, new Set(wordsOf(input, 'keep')))
    const outputs = await compare(context, input, device, source, weights, made, tested)
    const description = descriptionOf(source, made, samples)
    writeProgramFolder(folder, made.emitted, description)
    const result = {
      ok: true,
      folder,
      program: description.program,
      calibrationRuns: samples.runs.length,
      evaluationRuns: tested.runs.length,
      droppedSamples: samples.dropped + (tested === samples ? 0 : tested.dropped),
      outputs,
      layers: layerRows(made),
      before: sizes(source.program, weights),
      after: sizes(made.emitted.named.program, made.emitted.named.weights),
    }
    report(context, result, () => words(result))
  } finally {
    await device.close()
  }
}

function deviceOf(context: Context, input: Input): Promise<FabricDevice> {
  const { fabric } = input.options
  const threads = wholeOption(input, 'threads', { fallback: 0, least: 0, most: THREADS_MAX })
  const entry = entryOf(context, typeof fabric === 'string' ? fabric : 'cpu')
  return openFabricDevice({ entry, threads })
}

/** The largest magnitude of each value over all runs; those of inputs come from the samples. */
async function calibrate(
  device: FabricDevice,
  program: Program,
  weights: readonly Uint8Array[],
  { runs }: Samples,
): Promise<number[]> {
  const types = valueTypes(program)
  const largest = types.map(() => 0)
  const see = (value: number, bytes: Uint8Array): void => {
    if (types[value]?.dtype === F32) {
      largest[value] = Math.max(largest[value] as number, largestOf(bytes))
    }
  }
  const first = program.inputs.length + program.weights.length
  const ops = program.ops.map((_, op) => op)
  for (const inputs of runs) {
    for (const [value, bytes] of inputs.entries()) see(value, bytes)
    const { outputs } = await device.run(program, [...inputs, ...weights], ops)
    for (const [op, bytes] of outputs.entries()) see(first + op, bytes)
  }
  return largest
}

function floatProgram(
  { program, description }: ProgramFolder,
  weights: readonly Uint8Array[],
): FloatProgram {
  const names = (list: readonly { readonly name: string }[]): string[] =>
    list.map(({ name }) => name)
  return {
    program,
    weights,
    inputNames: names(description.inputs),
    weightNames: names(description.weights),
    outputNames: names(description.outputs),
    parts: description.weights.map(({ parts }) => parts),
  }
}

/** Both programs on the same samples. */
async function compare(
  context: Context,
  input: Input,
  device: FabricDevice,
  source: ProgramFolder,
  weights: readonly Uint8Array[],
  { emitted }: QuantisedProgram,
  { runs }: Samples,
): Promise<Row[]> {
  const { program, description } = source
  const { named } = emitted
  const { labels } = input.options
  const classes = typeof labels === 'string' ? readLabels(context, labels) : undefined
  const types = valueTypes(program)
  const floats = program.outputs.flatMap((value, index) => {
    const type = types[value] as TensorType
    return type.dtype === F32 ? [{ index, width: lastAxis(type) }] : []
  })
  const sums = floats.map(() => new Comparison(classes))
  for (const inputs of runs) {
    const [before, after] = [
      await device.run(program, [...inputs, ...weights], outputOps(program)),
      await device.run(named.program, [...inputs, ...named.weights], outputOps(named.program)),
    ]
    floats.forEach(({ index, width }, at) => {
      sums[at]?.add(floatsOf(before.outputs[index]), floatsOf(after.outputs[index]), width)
    })
  }
  return floats.map(({ index }, at) => ({
    output: description.outputs[index]?.name ?? '',
    ...sums[at]?.report(),
  }))
}

function floatsOf(bytes: Uint8Array | undefined): Float32Array {
  return new Float32Array(new Uint8Array(bytes ?? []).buffer)
}

function descriptionOf(
  { description }: ProgramFolder,
  { emitted, layers }: QuantisedProgram,
  { runs }: Samples,
): Description {
  const { name, origin, notes, outputs } = description
  const labels = outputs[0]?.labels
  return describe(emitted, {
    name: `${name}-int8`,
    origin,
    notes: [...notes, { code: 'quantised', facts: { layers: layers.length, runs: runs.length } }],
    ...(labels === undefined ? {} : { labels }),
  })
}

function layerRows({ layers }: QuantisedProgram): Row[] {
  return layers.map(({ op, index, weights, inputScale, weightScale, signal, noise }) => ({
    op,
    index,
    weights,
    inputScale,
    weightScale,
    weightSqnrDb: decibels(signal, noise),
  }))
}

function sizes(program: Program, weights: readonly Uint8Array[]): Row {
  const { units, verify } = programCost(program)
  return {
    ops: program.ops.length,
    weightBytes: weights.reduce((sum, { length }) => sum + length, 0),
    units,
    foldUnits: verify.fold.units,
  }
}

interface Result {
  readonly folder: string
  readonly program: string
  readonly outputs: readonly Row[]
  readonly layers: readonly Row[]
  readonly before: Row
  readonly after: Row
  readonly calibrationRuns: number
  readonly evaluationRuns: number
  readonly droppedSamples: number
}

function words(result: Result): string {
  const { outputs, layers, before, after } = result
  const rounded = (rows: readonly Row[]): Row[] => rows.map(roundedRow)
  const change = (name: string): readonly [string, string] => [
    name,
    `${String(before[name])} -> ${String(after[name])}`,
  ]
  return [
    toPairs([
      ['program', result.program],
      ['folder', result.folder],
      ['runs', `${result.calibrationRuns} of calibration, ${result.evaluationRuns} of evaluation`],
      ['dropped', `${result.droppedSamples} samples`],
      ...['ops', 'weightBytes', 'units', 'foldUnits'].map(change),
    ]),
    '',
    toTable(Object.keys(layers[0] ?? {}), rounded(layers)),
    '',
    toTable(Object.keys(outputs[0] ?? {}), rounded(outputs)),
  ].join('\n')
}

/** Six digits are enough for people. */
function roundedRow(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const isFraction = typeof value === 'number' && !Number.isInteger(value)
      return [name, isFraction ? Number(value.toPrecision(6)) : value]
    }),
  )
}
