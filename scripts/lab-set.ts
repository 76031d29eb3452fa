/**
 * Writes examples/lab: the jobs of the devnet as program files, with the tensors they run on.
 *
 *   devnet/programs.ts --> <name>.bt, <name>-<input>.gz where no file has it yet, set.json
 *
 * Weights are cut out of the stored networks. Usage: node dist/scripts/lab-set.js
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { loadNetworks, parametersOf } from '../devnet/mnist-networks.ts'
import { classifyJob, type DevnetJob, floatJob, trainingJob } from '../devnet/programs.ts'
import { REPOSITORY_ROOT } from '../src/runtime/io/native-addon.ts'

const FOLDER = join(REPOSITORY_ROOT, 'examples/lab')
const NETWORKS = '../../devnet/mnist'

type TensorFile = string | { readonly file: string; readonly from: number; readonly bytes: number }

/** Parts of a file of joined tensors. */
function parts(file: string, tensors: readonly Uint8Array[]): TensorFile[] {
  let from = 0
  return tensors.map(({ length }) => {
    from += length
    return { file, from: from - length, bytes: length }
  })
}

function packed(name: string, bytes: Uint8Array): string {
  writeFileSync(join(FOLDER, name), gzipSync(bytes, { level: 9 }))
  return name
}

function program({ name, program: { bytes } }: DevnetJob): string {
  writeFileSync(join(FOLDER, `${name}.bt`), bytes)
  return `${name}.bt`
}

mkdirSync(FOLDER, { recursive: true })
const parameters = parametersOf(loadNetworks().float)
const [classify, forward, step] = [classifyJob(), floatJob(), trainingJob(parameters)]
const floats = `${NETWORKS}/float-network.bin.gz`
const digits = packed('digits-64.f32.gz', forward.inputs[0] as Uint8Array)
const labels = packed('labels-64.f32.gz', step.inputs[1] as Uint8Array)
const programs = [
  {
    name: classify.name,
    program: program(classify),
    inputs: ['../digits-512.s8.gz'],
    weights: parts(`${NETWORKS}/int8-network.bin.gz`, classify.program.weights),
  },
  {
    name: forward.name,
    program: program(forward),
    inputs: [digits],
    weights: parts(floats, forward.program.weights),
  },
  {
    name: step.name,
    program: program(step),
    inputs: [digits, labels, ...parts(floats, parameters)],
    weights: [],
  },
]
writeFileSync(join(FOLDER, 'set.json'), `${JSON.stringify({ programs }, undefined, 2)}\n`)
