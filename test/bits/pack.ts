/** Writes packs: programs, the bytes they are given, and the digests of what they must make. */

import { concatBytes, u32Bytes, utf8 } from '../../src/base/bytes.ts'
import { blake3 } from '../../src/base/hash.ts'
import { readGoldenSuites } from '../../src/compute/io/golden-vectors.ts'
import { evaluate } from '../../src/program/evaluate.ts'
import { encodeOpTable } from '../../src/program/op-table.ts'
import type { Program } from '../../src/program/types.ts'
import { SeededRng } from '../../src/runtime/seeded-rng.ts'
import { randomCase } from './random-program.ts'

export interface PackCase {
  readonly name: string
  readonly program: Program
  readonly given: readonly Uint8Array[]
  /** BLAKE3 of each op output. */
  readonly digests: readonly Uint8Array[]
}

const MAGIC = 0x4b50_5442
const VERSION = 1

/** The file of native/test/pack.h. */
export function packBytes(cases: readonly PackCase[]): Uint8Array {
  return concatBytes(
    u32Bytes(MAGIC),
    u32Bytes(VERSION),
    u32Bytes(cases.length),
    ...cases.flatMap(caseParts),
  )
}

function caseParts({ name, program, given, digests }: PackCase): Uint8Array[] {
  const [label, table] = [utf8(name), encodeOpTable(program)]
  return [
    ...[label, table].flatMap((bytes) => [u32Bytes(bytes.length), bytes]),
    u32Bytes(given.length),
    ...given.flatMap((bytes) => [u32Bytes(bytes.length), u32Bytes(0), bytes]),
    u32Bytes(digests.length),
    ...digests,
  ]
}

/** Every golden vector of the repository. */
export function goldenCases(): PackCase[] {
  return readGoldenSuites().flatMap(({ op, vectors }) =>
    vectors.map(({ program, given, expected }, index) => ({
      name: `${op} ${index}`,
      program,
      given,
      digests: [blake3(expected)],
    })),
  )
}

/** `count` random programs of this seed, judged by the TypeScript evaluator. */
export function randomCases(seed: number, count: number): PackCase[] {
  return Array.from({ length: count }, (_, index) => {
    const { program, inputs } = randomCase(new SeededRng(seed).fork(`program ${index}`))
    const digests = evaluate(program, inputs, []).map((bytes) => blake3(bytes))
    return { name: `seed ${seed} program ${index}`, program, given: inputs, digests }
  })
}
