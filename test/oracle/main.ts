/**
 * Imported models on our kernels against ONNX Runtime: `npm run test:oracle`.
 *
 *   model --importOnnx--> program --CPU fabric--> numbers  |
 *   model --ONNX Runtime, one thread, nothing optimised--> |-> largest difference, table
 *
 * Runs every op of the table (docs/reference/models.md), three networks, and the text-direction
 * classifier. ONNX Runtime is a package of this folder only; its download step is skipped, since the
 * package holds what a processor needs. Prints `N passed, N failed` last.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fabricEntry } from '../../src/compute/io/fabric-catalogue.ts'
import { type FabricDevice, openFabricDevice } from '../../src/compute/io/fabric-device.ts'
import { importOnnx } from '../../src/model/onnx/import.ts'
import { LOWERINGS } from '../../src/model/onnx/ops.ts'
import { valueTypes } from '../../src/program/ir.ts'
import { outputOps } from '../../src/program/op-table.ts'
import { F32, S8, type TensorType } from '../../src/program/types.ts'
import { REPOSITORY_ROOT } from '../../src/runtime/io/native-addon.ts'
import { installNativeHash } from '../../src/runtime/io/native-hash.ts'
import type { Operand, OracleCase, Tolerance } from './case.ts'
import { networkCases } from './network-cases.ts'
import { opCases } from './op-cases.ts'
import { realCases } from './real-model.ts'

const HERE = join(REPOSITORY_ROOT, 'test/oracle')
/** Ops that give constants or names only: they are seen inside the networks. */
const SEEN_IN_NETWORKS: readonly string[] = ['Constant', 'ConstantOfShape', 'Shape', 'Size']

interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: ArrayLike<number | bigint>
}

interface Ort {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      readonly outputNames: readonly string[]
      run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>
    }>
  }
}

function install(): void {
  if (existsSync(join(HERE, 'node_modules/onnxruntime-node/package.json'))) return
  const npm = process.env['npm_execpath']
  const command = npm === undefined ? ['npm'] : [process.execPath, npm]
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync(command[0] as string, [...command.slice(1), ...words], {
    cwd: HERE,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  })
}

const OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'disabled',
  logSeverityLevel: 3,
}

interface Numbers {
  readonly dims: readonly number[]
  readonly values: readonly number[]
}

async function runTheirs(ort: Ort, { model, operands }: OracleCase): Promise<Numbers[]> {
  const loaded = await ort.InferenceSession.create(model, OPTIONS)
  const feeds = operands.map((operand) => [operand.name, theirTensor(ort, operand)] as const)
  const results = await loaded.run(Object.fromEntries(feeds))
  return loaded.outputNames.map((name) => {
    const { dims, data } = results[name] as OrtTensor
    return { dims, values: Array.from(data, Number) }
  })
}

function theirTensor({ Tensor }: Ort, { dtype, dims, values }: Operand): OrtTensor {
  switch (dtype) {
    case 'float':
      return new Tensor('float32', Float32Array.from(values), dims)
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(values.map(BigInt)), dims)
    case 'int32':
      return new Tensor('int32', Int32Array.from(values), dims)
    case 'int8':
      return new Tensor('int8', Int8Array.from(values), dims)
    case 'bool':
      return new Tensor('bool', Uint8Array.from(values), dims)
    case 'uint8':
    case 'float16':
    case 'bfloat16':
    case 'double':
    case 'string':
      throw new Error(`no operand is ${dtype}`)
  }
}

async function runOurs(
  device: FabricDevice,
  { model, operands, shapes }: OracleCase & { readonly shapes?: ReadonlyMap<string, number[]> },
): Promise<Numbers[]> {
  const { named } = importOnnx(model, shapes === undefined ? {} : { shapes }).emitted
  const { program, inputNames, weights } = named
  const types = valueTypes(program)
  const inputs = inputNames.map((name, index) => {
    const operand = operands.find((each) => each.name === name)
    if (operand === undefined) throw new Error(`no operand ${name}`)
    return bytesOf(operand, types[index] as TensorType)
  })
  const { outputs } = await device.run(program, [...inputs, ...weights], outputOps(program))
  return program.outputs.map((value, index) => {
    const type = types[value] as TensorType
    return { dims: type.dims, values: numbersOf(outputs[index] as Uint8Array, type) }
  })
}

function bytesOf({ values }: Operand, { dtype }: TensorType): Uint8Array {
  if (dtype === F32) return new Uint8Array(Float32Array.from(values).buffer)
  if (dtype === S8) return new Uint8Array(Int8Array.from(values).buffer)
  return new Uint8Array(Int32Array.from(values).buffer)
}

function numbersOf(bytes: Uint8Array, { dtype }: TensorType): number[] {
  const { buffer } = new Uint8Array(bytes)
  if (dtype === F32) return [...new Float32Array(buffer)]
  return dtype === S8 ? [...new Int8Array(buffer)] : [...new Int32Array(buffer)]
}

interface Outcome {
  readonly name: string
  readonly elements: number
  readonly largest: number
  readonly allowed: Tolerance
  readonly fault: string
}

async function judge(ort: Ort, device: FabricDevice, each: OracleCase): Promise<Outcome> {
  const { name, tolerance: allowed } = each
  try {
    const [ours, theirs] = [await runOurs(device, each), await runTheirs(ort, each)]
    const fault = difference(ours, theirs, allowed)
    const largest = Math.max(
      ...ours.flatMap(({ values }, index) =>
        values.map((value, at) => distance(value, theirs[index]?.values[at])),
      ),
    )
    const elements = ours.reduce((sum, { values }) => sum + values.length, 0)
    return { name, elements, largest, allowed, fault }
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error)
    return { name, elements: 0, largest: 0, allowed, fault }
  }
}

function distance(value: number, other: number | undefined): number {
  return Object.is(value, other) || value === other ? 0 : Math.abs(value - (other ?? Number.NaN))
}

/** The first element that is too far away, in words; nothing if there is none. */
function difference(
  ours: readonly Numbers[],
  theirs: readonly Numbers[],
  { absolute, relative }: Tolerance,
): string {
  if (ours.length !== theirs.length) return `${ours.length} outputs instead of ${theirs.length}`
  for (const [index, { dims, values }] of ours.entries()) {
    const other = theirs[index] as Numbers
    // No tensor of a program has rank 0.
    const wanted = other.dims.length === 0 ? [1] : other.dims
    if (dims.join() !== wanted.join()) return `[${dims.join()}] instead of [${wanted.join()}]`
    const at = values.findIndex((value, element) => {
      const right = other.values[element] as number
      return !(distance(value, right) <= absolute + relative * Math.abs(right))
    })
    if (at >= 0) return `element ${at} is ${values[at]} instead of ${other.values[at]}`
  }
  return ''
}

function lineOf({ name, elements, largest, allowed, fault }: Outcome): string {
  const bound = `${allowed.absolute} + ${allowed.relative} |y|`
  const verdict = fault === '' ? 'ok' : `FAIL ${fault}`
  return [
    name.padEnd(34),
    String(elements).padStart(7),
    largest.toExponential(1).padStart(9),
    bound.padEnd(20),
    verdict,
  ].join('  ')
}

async function main(): Promise<number> {
  install()
  installNativeHash()
  const ort = createRequire(join(HERE, 'package.json'))('onnxruntime-node') as Ort
  const { version } = JSON.parse(
    readFileSync(join(HERE, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
  ) as { version: string }
  const cases = [...opCases(), ...networkCases(), ...realCases(HERE)]
  const missing = [...LOWERINGS.keys()].filter(
    (op) => !SEEN_IN_NETWORKS.includes(op) && !cases.some((each) => each.op === op),
  )
  const entry = fabricEntry('cpu')
  if (entry === undefined) throw new Error('the CPU fabric is in the catalogue')
  const device = await openFabricDevice({ entry, threads: 1 })
  const outcomes: Outcome[] = []
  try {
    process.stderr.write(
      `onnxruntime-node ${version}; ${device.facts.fabric} ${device.facts.isa}\n`,
    )
    for (const each of cases) {
      const outcome = await judge(ort, device, each)
      outcomes.push(outcome)
      process.stderr.write(`${lineOf(outcome)}\n`)
    }
  } finally {
    await device.close()
  }
  for (const op of missing) process.stderr.write(`FAIL no model is about ${op}\n`)
  const failed = outcomes.filter(({ fault }) => fault !== '').length + missing.length
  process.stdout.write(`${outcomes.length - failed + missing.length} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

process.exit(await main())
