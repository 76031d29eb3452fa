/**
 * `tb-cli fabric run PROGRAM`: any program on raw files, here and now, and the digests of what came
 * out: so that anyone can compare with a reference of their own.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { toHex } from '../../base/bytes.ts'
import { type Computed, openFabricDevice } from '../../compute/io/fabric-device.ts'
import { outputDigestOf, tensorDigest } from '../../program/digest.ts'
import { evaluate } from '../../program/evaluate.ts'
import {
  decodeProgram,
  definitionOf,
  outputValue,
  PROGRAM_BYTES_MAX,
  programDigest,
  valueTypes,
} from '../../program/ir.ts'
import { outputOps } from '../../program/op-table.ts'
import { describeType } from '../../program/shape.ts'
import type { Program, TensorType } from '../../program/types.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { THREADS_MAX, wholeOption } from '../arguments.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { entryOf, isaOption } from '../fabrics.ts'
import { EXIT, fail } from '../failure.ts'
import { readBytes } from '../files.ts'
import { isFolder, readFolderWeights, readProgramFolder } from '../program-folder.ts'
import { type Row, toPairs, toTable } from '../render.ts'
import { type NamedTensor, readInputs, readWeights } from '../tensor-files.ts'

/** The loops of the specification in TypeScript, in this process: slow, and the judge of others. */
const REFERENCE = 'reference'

/** What ran, and what it says of itself. */
interface Ran extends Computed {
  readonly fabric: Row
}

export const run: Command = async (context, input) => {
  installNativeHash()
  const source = sourceOf(context, input)
  const { bytes, program, inputs } = source
  const given = [...inputs.map((tensor) => tensor.bytes), ...source.weights]
  const ran = await runOn(context, input, program, given)
  const files = writeOutputs(context, input, ran.outputs)
  const result = {
    ok: true,
    program: toHex(programDigest(bytes)),
    ...ran.fabric,
    micros: ran.micros,
    inputs: inputs.map(told),
    outputs: outputRows(source, ran, files),
    outputDigest: toHex(ran.outputDigest),
    ...(input.options['trace'] === true ? { ops: opRows(program, ran) } : {}),
  }
  report(context, result, () => wordsOf(result))
}

/** The program with all that it runs on. */
interface Source {
  readonly bytes: Uint8Array
  readonly program: Program
  readonly inputs: readonly NamedTensor[]
  readonly weights: readonly Uint8Array[]
  /** Of the outputs, as far as there are any. */
  readonly names: readonly string[]
}

/** A program folder has names and weights of its own; a program file has neither. */
function sourceOf(context: Context, input: Input): Source {
  const path = resolve(context.cwd, input.args[0] ?? '')
  if (isFolder(path)) {
    const folder = readProgramFolder(path)
    const { bytes, program, description } = folder
    const [inputs, names] = [description.inputs, description.outputs].map((tensors) =>
      tensors.map(({ name }) => name),
    )
    const given = readInputs(context, input, program, inputs)
    return { bytes, program, inputs: given, weights: readFolderWeights(folder), names: names ?? [] }
  }
  const bytes = readBytes(path, 'program_file_unreadable', PROGRAM_BYTES_MAX)
  const program = decodeProgram(bytes)
  const inputs = readInputs(context, input, program)
  const weights = readWeights(context, input, program).map((tensor) => tensor.bytes)
  return { bytes, program, inputs, weights, names: [] }
}

async function runOn(
  context: Context,
  input: Input,
  program: Program,
  given: readonly Uint8Array[],
): Promise<Ran> {
  const name = typeof input.options['fabric'] === 'string' ? input.options['fabric'] : 'cpu'
  const isa = isaOption(input)
  if (name === REFERENCE) {
    if (isa !== undefined) fail(EXIT.usage, 'isa_unknown', { isa, known: 'none' })
    return runReference(program, given)
  }
  const threads = wholeOption(input, 'threads', { fallback: 0, least: 0, most: THREADS_MAX })
  const device = await openFabricDevice({ entry: entryOf(context, name), isa, threads })
  try {
    const { facts } = device
    const computed = await device.run(program, given, outputOps(program))
    const kernelDigest = toHex(facts.kernelDigest)
    const fabric = { fabric: facts.fabric, isa: facts.isa, device: facts.device, kernelDigest }
    return { ...computed, fabric }
  } finally {
    await device.close()
  }
}

function runReference(program: Program, given: readonly Uint8Array[]): Ran {
  const startMs = performance.now()
  const [inputs, weights] = [
    given.slice(0, program.inputs.length),
    given.slice(program.inputs.length),
  ]
  const made = evaluate(program, inputs, weights)
  const opDigests = made.map(tensorDigest)
  return {
    fabric: { fabric: REFERENCE, isa: 'none', device: `Node ${process.version}`, kernelDigest: '' },
    opDigests,
    outputDigest: outputDigestOf(program, opDigests),
    outputs: outputOps(program).map((op) => made[op] as Uint8Array),
    micros: Math.round(1000 * (performance.now() - startMs)),
    profile: [],
  }
}

/** @returns paths, in order of the outputs; none without `--out` */
function writeOutputs(
  { cwd }: Context,
  { options }: Input,
  outputs: readonly Uint8Array[],
): readonly string[] {
  if (typeof options['out'] !== 'string') return []
  const folder = resolve(cwd, options['out'])
  try {
    mkdirSync(folder, { recursive: true })
    return outputs.map((bytes, index) => {
      const path = join(folder, `output-${index}.bin`)
      writeFileSync(path, bytes)
      return path
    })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return fail(EXIT.failed, 'output_unwritable', { folder, reason })
  }
}

function told({ name, type, bytes }: NamedTensor): Row {
  return { name, type: describeType(type), digest: toHex(tensorDigest(bytes)) }
}

function outputRows(
  { program, names }: Source,
  { opDigests }: Ran,
  files: readonly string[],
): Row[] {
  const types = valueTypes(program)
  return outputOps(program).map((op, index) => ({
    name: names[index] ?? `output${index}`,
    type: describeType(types[program.outputs[index] as number] as TensorType),
    digest: toHex(opDigests[op] as Uint8Array),
    ...(files[index] === undefined ? {} : { file: files[index] }),
  }))
}

function opRows(program: Program, { opDigests }: Ran): Row[] {
  const types = valueTypes(program)
  return program.ops.map((node, op) => ({
    op,
    name: definitionOf(node).name,
    type: describeType(types[outputValue(program, op)] as TensorType),
    digest: toHex(opDigests[op] as Uint8Array),
  }))
}

function wordsOf(result: Row): string {
  const { outputs, ops, ...single } = result as Row & { outputs: Row[]; ops?: Row[] }
  const pairs = ['program', 'fabric', 'isa', 'device', 'micros', 'outputDigest']
  const columns = [
    'name',
    'type',
    'digest',
    ...(outputs[0]?.['file'] === undefined ? [] : ['file']),
  ]
  return [
    toPairs(pairs.map((name) => [name, single[name]])),
    toTable(columns, outputs),
    ...(ops === undefined ? [] : [toTable(['op', 'name', 'type', 'digest'], ops)]),
  ].join('\n\n')
}
