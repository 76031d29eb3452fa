/**
 * Seeds the corpus of a libFuzzer target with sound inputs, so that it starts beyond the parser.
 *
 * Usage: node dist/scripts/fuzz-corpus.js TARGET FOLDER
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { concatBytes } from '../src/base/bytes.ts'
import { encodeOpTable } from '../src/program/op-table.ts'
import { OPS } from '../src/program/ops.ts'
import { SeededRng } from '../src/runtime/seeded-rng.ts'
import { randomCase } from '../test/bits/random-program.ts'

const SEED = 7

/** u16 length of the table, the table, bytes for the tensors: native/fuzz/*-fuzz.cpp. */
function programInputs(): Uint8Array[] {
  return OPS.map((op) => {
    const { program, inputs } = randomCase(new SeededRng(SEED).fork(op.name), [op])
    const table = encodeOpTable(program)
    const length = new Uint8Array([table.length & 0xff, table.length >> 8])
    return concatBytes(length, table, ...inputs.map((bytes) => bytes.subarray(0, 1024)))
  })
}

function seedsOf(target: string): Uint8Array[] {
  if (target === 'blake3') return [0, 1, 64, 1024, 1025, 5000].map((size) => new Uint8Array(size))
  const programs = programInputs()
  if (target !== 'fabric') return programs
  return programs.map((bytes, index) => concatBytes(new Uint8Array([index % 8]), bytes))
}

const [target, folder] = process.argv.slice(2) as [string, string]
for (const [index, seed] of seedsOf(target).entries()) {
  writeFileSync(join(folder, `seed-${index}`), seed)
}
