/** `tb-cli program import MODEL -o FOLDER`: an ONNX model becomes a program folder. */

import { basename, resolve } from 'node:path'

import { toHex } from '../../base/bytes.ts'
import { blake3 } from '../../base/hash.ts'
import { type Description, describe, type Note } from '../../model/description.ts'
import type { ImportOptions } from '../../model/onnx/import.ts'
import { importOnnx } from '../../model/onnx/import.ts'
import { MODEL_BYTES_MAX } from '../../model/onnx/schema.ts'
import { readSafetensors, SAFETENSORS_BYTES_MAX } from '../../model/safetensors.ts'
import { admits, programCost } from '../../program/cost.ts'
import { describeType } from '../../program/shape.ts'
import type { Program } from '../../program/types.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, type Context, type Input, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { readBytes, readText } from '../files.ts'
import { writeProgramFolder } from '../program-folder.ts'
import { toPairs } from '../render.ts'

const RANK_MAX = 8
const SIZE_MAX = 0x7fff_ffff
const LABELS_BYTES_MAX: number = 4 * 1024 * 1024
const LABELS_MAX = 65_536
/** Notes shown to people; JSON has all of them. */
const NOTES_SHOWN = 12

export const run: Command = (context, input) => {
  installNativeHash()
  const path = resolve(context.cwd, input.args[0] ?? '')
  const folder = outputFolder(context, input)
  const file = readBytes(path, 'model_file_unreadable', MODEL_BYTES_MAX)
  const { emitted, producer, opset, notes } = importOnnx(file, optionsOf(context, input))
  const { name } = input.options
  const description = describe(emitted, {
    name: typeof name === 'string' ? name : basename(path).replace(/\.onnx$/, ''),
    origin: {
      format: 'onnx',
      file: basename(path),
      digest: toHex(blake3(file)),
      producer,
      opset,
    },
    notes,
    ...labelsOf(context, input),
  })
  writeProgramFolder(folder, emitted, description)
  const { program } = emitted.named
  const cost = programCost(program)
  const result = {
    ok: true,
    folder,
    ...description,
    ops: program.ops.length,
    programBytes: emitted.named.bytes.length,
    weightBytes: emitted.named.weights.reduce((sum, { length }) => sum + length, 0),
    cost,
    verifications: {
      fold: admits(program, 'fold') ?? 'applies',
      replay: admits(program, 'replay') ?? 'applies',
    },
  }
  report(context, result, () => words(folder, description, program, result.weightBytes))
  return Promise.resolve()
}

/** `-o FOLDER`. @throws CliFailure usage */
export function outputFolder({ cwd }: Context, { options }: Input): string {
  const { output } = options
  if (typeof output === 'string') return resolve(cwd, output)
  return fail(EXIT.usage, 'usage', { missing: '--output' })
}

/** @throws CliFailure dim_malformed | model_file_unreadable, RefusalError safetensors_* */
function optionsOf({ cwd }: Context, { options }: Input): ImportOptions {
  const { weights } = options
  const file =
    typeof weights === 'string'
      ? readBytes(resolve(cwd, weights), 'model_file_unreadable', SAFETENSORS_BYTES_MAX)
      : undefined
  return {
    dims: new Map(pairsOf(options['dim']).map(([name, sizes]) => [name, single(name, sizes)])),
    shapes: new Map(pairsOf(options['inputShape'])),
    ...(file === undefined ? {} : { weights: readSafetensors(file) }),
  }
}

/** NAME=SIZE or NAME=SIZE,SIZE,... */
function pairsOf(option: Input['options'][string]): [string, number[]][] {
  const words = Array.isArray(option) ? (option as readonly string[]) : []
  return words.map((word) => {
    const at = word.lastIndexOf('=')
    const sizes = word
      .slice(at + 1)
      .split(',')
      .map((size) => (/^[1-9]\d{0,9}$/.test(size) ? Number(size) : 0))
    const isGood = at > 0 && sizes.length <= RANK_MAX && sizes.every((s) => s > 0 && s <= SIZE_MAX)
    return isGood ? [word.slice(0, at), sizes] : fail(EXIT.usage, 'dim_malformed', { word })
  })
}

function single(name: string, sizes: readonly number[]): number {
  const [size] = sizes
  return sizes.length === 1 && size !== undefined
    ? size
    : fail(EXIT.usage, 'dim_malformed', { word: `${name}=${sizes.join()}` })
}

/** One label a line. @throws CliFailure model_file_unreadable */
function labelsOf({ cwd }: Context, { options }: Input): { readonly labels?: readonly string[] } {
  const { labels } = options
  if (typeof labels !== 'string') return {}
  const text = readText(resolve(cwd, labels), 'model_file_unreadable', LABELS_BYTES_MAX)
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
  if (lines.length > LABELS_MAX) {
    fail(EXIT.usage, 'model_file_unreadable', { path: labels, labels: lines.length })
  }
  return { labels: lines }
}

function words(
  folder: string,
  description: Description,
  program: Program,
  weightBytes: number,
): string {
  const { name, inputs, outputs, notes, weights } = description
  const refused = admits(program, 'replay')
  return [
    toPairs([
      ['program', description.program],
      ['name', name],
      ['folder', folder],
      ...inputs.map((value) => [`input ${value.name}`, describeType(value)] as const),
      ...outputs.map((value) => [`output ${value.name}`, describeType(value)] as const),
      ['ops', program.ops.length],
      ['weights', `${weights.length}, ${weightBytes} bytes`],
      ['verified by', refused === null ? 'fold, replay' : `nothing: ${refused.code}`],
    ]),
    ...noteLines(notes),
  ].join('\n')
}

export function noteLines(notes: readonly Note[]): string[] {
  const lines = notes.slice(0, NOTES_SHOWN).map(({ code, facts }) => {
    const told = Object.entries(facts).map(([key, value]) => `${key}=${value}`)
    return `note: ${[code, ...told].join(' ')}`
  })
  const more = notes.length - lines.length
  return more > 0 ? [...lines, `note: and ${more} more, all of them in program.json`] : lines
}
