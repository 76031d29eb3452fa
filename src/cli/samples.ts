/**
 * Samples for a program from files, cut into runs.
 *
 *   FILE or NAME=FILE ...  ->  for each input the samples of its files, one after another
 *                          ->  runs of as many samples as the program takes at once
 *
 * Bytes are pictures: 255 becomes 1. What is left over at the end and fills no run is dropped and
 * counted.
 */

import { resolve } from 'node:path'

import { readArray, type SampleArray } from '../model/arrays.ts'
import type { Description } from '../model/description.ts'
import { describeType, elementCount } from '../program/shape.ts'
import { S32 } from '../program/types.ts'
import type { Context, Input } from './context.ts'
import { EXIT, fail } from './failure.ts'
import { readUnpacked } from './files.ts'

const PIXEL_MAX = 255

export interface Samples {
  /** For each run, the bytes of each input. */
  readonly runs: readonly (readonly Uint8Array[])[]
  /** Samples that fill no run. */
  readonly dropped: number
}

/** The words of an option that takes many. */
export function wordsOf({ options }: Input, name: string): readonly string[] {
  const given = options[name]
  return Array.isArray(given) ? (given as readonly string[]) : []
}

/** @throws CliFailure samples_missing | tensor_unnamed | tensor_file_unreadable | samples_uneven */
export function readSamples(
  { cwd }: Context,
  { inputs }: Description,
  words: readonly string[],
): Samples {
  const byInput = inputs.map(({ name, dtype, dims }) => {
    const files = filesOf(
      name,
      inputs.map((each) => each.name),
      words,
    )
    const arrays = files.map((file) =>
      readArray(readUnpacked(resolve(cwd, file), 'tensor_file_unreadable'), dtype === S32),
    )
    const bytes = arrays.map((array) => bytesFor(array, dtype === S32))
    return { name, type: { dtype, dims }, bytes: new Uint8Array(Buffer.concat(bytes)) }
  })
  const runs = byInput.map(({ name, type, bytes }) => {
    const size = 4 * elementCount(type.dims)
    const whole = Math.floor(bytes.length / size)
    if (whole > 0)
      return { whole, size, bytes, rest: bytes.length % size, batch: type.dims[0] ?? 1 }
    const facts = { input: name, type: describeType(type), bytes: bytes.length }
    return fail(EXIT.usage, 'samples_missing', facts)
  })
  const [first] = runs
  if (first === undefined || runs.some(({ whole }) => whole !== first.whole)) {
    fail(EXIT.usage, 'samples_uneven', { runs: runs.map(({ whole }) => whole).join() })
  }
  return {
    runs: Array.from({ length: first?.whole ?? 0 }, (_, run) =>
      runs.map(({ bytes, size }) => bytes.slice(run * size, (run + 1) * size)),
    ),
    dropped: Math.floor(((first?.rest ?? 0) * (first?.batch ?? 1)) / (first?.size ?? 1)),
  }
}

/** The files of one input; a program with one input needs no names. */
function filesOf(name: string, names: readonly string[], words: readonly string[]): string[] {
  const isNamed = (word: string): boolean => names.some((each) => word.startsWith(`${each}=`))
  const stray = words.find((word) => !isNamed(word))
  if (names.length > 1 && stray !== undefined) fail(EXIT.usage, 'tensor_unnamed', { input: stray })
  return words
    .filter((word) => word.startsWith(`${name}=`) || !isNamed(word))
    .map((word) => (isNamed(word) ? word.slice(name.length + 1) : word))
}

function bytesFor({ kind, values }: SampleArray, isWhole: boolean): Uint8Array {
  if (isWhole) return new Uint8Array(Int32Array.from(values).buffer)
  const scale = kind === 'bytes' ? PIXEL_MAX : 1
  return new Uint8Array(Float32Array.from(values, (value) => value / scale).buffer)
}

/** The classes of samples: whole numbers. @throws CliFailure tensor_file_unreadable */
export function readLabels({ cwd }: Context, path: string): Float64Array {
  return readArray(readUnpacked(resolve(cwd, path), 'tensor_file_unreadable'), true).values
}
