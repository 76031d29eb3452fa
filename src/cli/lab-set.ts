/**
 * A lab set: programs that a lab log is made of, with files for their tensors.
 *
 *   { "programs": [{ "name": "mnist", "program": "mnist.bt", "inputs": ["x.s8.gz"],
 *                    "weights": [{ "file": "network.bin.gz", "from": 0, "bytes": 100352 }] }] }
 *
 * `program` may be a program folder, which has its weights. Files are looked for beside the set; what ends in `.gz` is unpacked; `from` and `bytes` cut a part
 * out of it. Tensors are raw, as for `fabric run`.
 */

import { dirname, resolve } from 'node:path'

import { z } from 'zod'

import { equalBytes } from '../base/bytes.ts'
import { type LabSubject, programSubject } from '../compute/io/lab-run.ts'
import { NAME_BYTES_MAX } from '../compute/lab-entry.ts'
import { tensorDigest } from '../program/digest.ts'
import { decodeProgram, INPUTS_MAX, PROGRAM_BYTES_MAX, WEIGHTS_MAX } from '../program/ir.ts'
import { describeType, tensorBytes } from '../program/shape.ts'
import type { Program, TensorType } from '../program/types.ts'
import { EXIT, fail } from './failure.ts'
import { readBytes, readText, readUnpacked } from './files.ts'
import { isFolder, readFolderWeights, readProgramFolder } from './program-folder.ts'

const SET_BYTES_MAX = 1024 * 1024
const PROGRAMS_MAX = 256

const path = z.string().min(1).max(512)
const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const TensorFile = z.union([path, z.strictObject({ file: path, from: whole, bytes: whole })])
type TensorFile = z.infer<typeof TensorFile>
const SetFile = z.strictObject({
  programs: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[\w./-]+$/)
          .max(NAME_BYTES_MAX),
        program: path,
        inputs: z.array(TensorFile).max(INPUTS_MAX),
        weights: z.array(TensorFile).max(WEIGHTS_MAX).default([]),
      }),
    )
    .max(PROGRAMS_MAX),
})
type SetProgram = z.infer<typeof SetFile>['programs'][number]

/**
 * @throws CliFailure lab_set_unreadable | lab_set_malformed | tensor_size | weights_differ
 * @throws RefusalError of `decodeProgram`
 */
export function readLabSet(file: string): LabSubject[] {
  const parsed = SetFile.safeParse(jsonOf(file))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const facts = { file, field: issue?.path.join('.') ?? '', reason: issue?.message ?? '' }
    return fail(EXIT.usage, 'lab_set_malformed', facts)
  }
  return parsed.data.programs.map((one) => subjectOf(dirname(file), one))
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readText(file, 'lab_set_unreadable', SET_BYTES_MAX))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return fail(EXIT.usage, 'lab_set_malformed', { file, reason: 'not JSON' })
  }
}

function subjectOf(
  folder: string,
  { name, program: file, inputs, weights }: SetProgram,
): LabSubject {
  const path = resolve(folder, file)
  const own = isFolder(path) ? readProgramFolder(path) : undefined
  const program = own?.program ?? readProgram(path)
  const length = own === undefined ? program.weights.length : 0
  if (inputs.length !== program.inputs.length || weights.length !== length) {
    const reason = `it takes ${program.inputs.length} inputs and ${length} weights`
    fail(EXIT.usage, 'lab_set_malformed', { name, reason })
  }
  const given = program.inputs.map((type, at) =>
    tensorOf(folder, `${name} input${at}`, inputs[at] as TensorFile, type),
  )
  if (own !== undefined) return programSubject(name, program, given, readFolderWeights(own))
  const known = program.weights.map(({ type, digest }, at) => {
    const tensor = tensorOf(folder, `${name} weight${at}`, weights[at] as TensorFile, type)
    if (equalBytes(tensorDigest(tensor), digest)) return tensor
    return fail(EXIT.usage, 'weights_differ', { name: `${name} weight${at}` })
  })
  return programSubject(name, program, given, known)
}

function readProgram(path: string): Program {
  return decodeProgram(readBytes(path, 'lab_set_unreadable', PROGRAM_BYTES_MAX))
}

function tensorOf(folder: string, name: string, file: TensorFile, type: TensorType): Uint8Array {
  const {
    file: place,
    from,
    bytes: length,
  } = typeof file === 'string' ? { file, from: 0, bytes: undefined } : file
  const all = readUnpacked(resolve(folder, place), 'lab_set_unreadable')
  const bytes = length === undefined ? all : all.slice(from, from + length)
  const expectedBytes = tensorBytes(type)
  if (bytes.length === expectedBytes) return bytes
  const facts = { name, path: place, bytes: bytes.length, expectedBytes, type: describeType(type) }
  return fail(EXIT.usage, 'tensor_size', facts)
}
