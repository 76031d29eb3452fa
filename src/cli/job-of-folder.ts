/**
 * The job that a program folder stands for: its program, on the files named by `--input NAME=FILE`.
 *
 * Checked by `fold` when it has integer products, by `replay` otherwise, unless told how.
 */

import { resolve } from 'node:path'

import { LANES, type Lane, VERIFICATIONS, type Verification } from '../ledger/types/market.ts'
import { definitionOf } from '../program/ir.ts'
import type { Program } from '../program/types.ts'
import { wholeOption } from './arguments.ts'
import type { Context, Input } from './context.ts'
import { EXIT, fail } from './failure.ts'
import { DEADLINE_BLOCKS, EXPIRY_BLOCKS, type JobFile } from './job-file.ts'
import { readProgramFolder } from './program-folder.ts'

const BLOCKS_MAX = 0xffff_ffff

/** @throws CliFailure input_count | tensor_unnamed | usage, and those of the folder */
export function jobOfFolder({ cwd }: Context, input: Input, folder: string): JobFile {
  const { program, description } = readProgramFolder(folder)
  const { options } = input
  const ceiling = options['priceCeiling']
  const blocks = { fallback: DEADLINE_BLOCKS, least: 1, most: BLOCKS_MAX }
  return {
    program: description.program,
    inputs: inputsOf(
      input,
      description.inputs.map(({ name }) => name),
    ).map((path) => resolve(cwd, path)),
    verification: word(options['verification'], VERIFICATIONS) ?? usualVerification(program),
    lane: word(options['lane'], LANES) ?? ('consumer' satisfies Lane),
    ...(typeof ceiling === 'string' ? { priceCeiling: ceiling } : {}),
    tip: '0',
    deadlineBlocks: wholeOption(input, 'deadlineBlocks', blocks),
    expiryBlocks: EXPIRY_BLOCKS,
    capabilities: [],
  }
}

function usualVerification(program: Program): Verification {
  const isFolded = program.ops.some((node) => definitionOf(node).provable === 'freivalds')
  return isFolded ? 'fold' : 'replay'
}

function word<Word extends string>(
  given: Input['options'][string],
  known: readonly Word[],
): Word | undefined {
  if (given === undefined) return undefined
  const found = known.find((each) => each === given)
  return found ?? fail(EXIT.usage, 'usage', { given: String(given), known: known.join(', ') })
}

/** A path for each name; a program with one input takes a path alone. */
function inputsOf({ options }: Input, names: readonly string[]): string[] {
  const given = Array.isArray(options['input']) ? (options['input'] as readonly string[]) : []
  const byName = new Map(given.map((each) => namedPath(each, names)))
  return names.map((name) => {
    const path = byName.get(name)
    return path ?? fail(EXIT.usage, 'input_count', { missing: name, inputs: given.length })
  })
}

function namedPath(given: string, names: readonly string[]): readonly [string, string] {
  const name = names.find((each) => given.startsWith(`${each}=`))
  if (name !== undefined) return [name, given.slice(name.length + 1)]
  const [only] = names
  if (names.length === 1 && only !== undefined) return [only, given]
  return fail(EXIT.usage, 'tensor_unnamed', { input: given })
}
