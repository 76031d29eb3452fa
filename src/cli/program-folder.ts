/**
 * A program folder on disk: what an import writes, and what registering, buying and showing read.
 *
 *   program.bt · program.json · weights/DIGEST
 *
 * The description is only names; what it says of the program is compared with the program's bytes
 * when it is read.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { z } from 'zod'

import { equalBytes, toHex } from '../base/bytes.ts'
import { blake3 } from '../base/hash.ts'
import { DESCRIPTION_FORMAT, type Description } from '../model/description.ts'
import type { EmittedProgram } from '../model/emit.ts'
import { decodeProgram, PROGRAM_BYTES_MAX, programDigest } from '../program/ir.ts'
import { tensorBytes } from '../program/shape.ts'
import type { Program } from '../program/types.ts'
import { EXIT, fail } from './failure.ts'
import { readBytes, readText } from './files.ts'

const PROGRAM_FILE = 'program.bt'
const DESCRIPTION_FILE = 'program.json'
const WEIGHTS_FOLDER = 'weights'
const DESCRIPTION_BYTES_MAX: number = 16 * 1024 * 1024
const TEXT_MAX = 4_096
const LIST_MAX = 65_536

const text = z.string().max(TEXT_MAX)
const hex = z.string().regex(/^[0-9a-f]{64}$/)
const whole = z.number().int().nonnegative()
const dims = z.array(whole).max(8)
const tensor = { name: text, dtype: whole, dims }
const fact = z.union([text, z.number()])

const DescriptionSchema = z.strictObject({
  format: z.literal(DESCRIPTION_FORMAT),
  name: text,
  program: hex,
  origin: z.strictObject({
    format: text,
    file: text,
    digest: hex,
    producer: text.optional(),
    opset: whole.optional(),
  }),
  inputs: z.array(z.strictObject(tensor)).max(LIST_MAX),
  outputs: z
    .array(z.strictObject({ ...tensor, labels: z.array(text).max(LIST_MAX).optional() }))
    .max(LIST_MAX),
  weights: z
    .array(
      z.strictObject({
        ...tensor,
        digest: hex,
        parts: z
          .array(z.strictObject({ name: text, dims, start: whole }))
          .max(LIST_MAX)
          .optional(),
      }),
    )
    .max(LIST_MAX),
  notes: z.array(z.strictObject({ code: text, facts: z.record(text, fact) })).max(LIST_MAX),
})

export interface ProgramFolder {
  readonly folder: string
  /** The canonical representation. */
  readonly bytes: Uint8Array
  readonly program: Program
  readonly description: Description
}

export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory()
}

/** @throws CliFailure program_file_unreadable | program_folder_malformed */
export function readProgramFolder(folder: string): ProgramFolder {
  const bytes = readBytes(join(folder, PROGRAM_FILE), 'program_file_unreadable', PROGRAM_BYTES_MAX)
  const program = decodeProgram(bytes)
  const path = join(folder, DESCRIPTION_FILE)
  const description = parseDescription(path)
  const agrees =
    description.program === toHex(programDigest(bytes)) &&
    description.inputs.length === program.inputs.length &&
    description.outputs.length === program.outputs.length &&
    description.weights.length === program.weights.length
  if (!agrees) fail(EXIT.usage, 'program_folder_malformed', { path, reason: 'another program' })
  return { folder, bytes, program, description }
}

function parseDescription(path: string): Description {
  const written = readText(path, 'program_file_unreadable', DESCRIPTION_BYTES_MAX)
  const parsed = DescriptionSchema.safeParse(parsedJson(path, written))
  if (parsed.success) return parsed.data as Description
  const issue = parsed.error.issues[0]
  const reason = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, TEXT_MAX)
  return fail(EXIT.usage, 'program_folder_malformed', { path, reason })
}

function parsedJson(path: string, written: string): unknown {
  try {
    return JSON.parse(written)
  } catch {
    return fail(EXIT.usage, 'program_folder_malformed', { path, reason: 'not JSON' })
  }
}

/** The weights of a folder, in order. @throws CliFailure program_file_unreadable | weights_differ */
export function readFolderWeights({ folder, program }: ProgramFolder): Uint8Array[] {
  return program.weights.map(({ type, digest }) => {
    const path = join(folder, WEIGHTS_FOLDER, toHex(digest))
    const bytes = readBytes(path, 'program_file_unreadable', tensorBytes(type))
    if (equalBytes(blake3(bytes), digest)) return bytes
    return fail(EXIT.usage, 'weights_differ', { path, wanted: toHex(digest) })
  })
}

/**
 * Writes a folder whole: beside its place first, then under its name.
 * @throws CliFailure folder_occupied | output_unwritable
 */
export function writeProgramFolder(
  folder: string,
  { named }: EmittedProgram,
  description: Description,
): void {
  if (existsSync(folder) && !isOurs(folder)) fail(EXIT.usage, 'folder_occupied', { folder })
  const fresh = `${folder}.new`
  try {
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(join(fresh, WEIGHTS_FOLDER), { recursive: true })
    for (const bytes of named.weights) {
      writeFileSync(join(fresh, WEIGHTS_FOLDER, toHex(blake3(bytes))), bytes)
    }
    writeFileSync(join(fresh, PROGRAM_FILE), named.bytes)
    writeFileSync(join(fresh, DESCRIPTION_FILE), `${JSON.stringify(description, undefined, 2)}\n`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code
    if (reason === undefined) throw error
    fail(EXIT.failed, 'output_unwritable', { folder, reason })
  }
}

/** Only an empty folder or an earlier program may be replaced. */
function isOurs(folder: string): boolean {
  if (!statSync(folder).isDirectory()) return false
  const known = [PROGRAM_FILE, DESCRIPTION_FILE, WEIGHTS_FOLDER]
  return readdirSync(folder).every((name) => known.includes(name))
}
