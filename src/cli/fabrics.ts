/**
 * Which fabrics a command is about, and why one of them is not available.
 *
 *   --fabric NAME|PATH ... --isa ISA   ->  targets: a fabric, and an instruction set to force or none
 */

import { resolve } from 'node:path'

import { type Refusal, RefusalError } from '../base/refusal.ts'
import {
  FABRICS,
  type FabricEntry,
  fabricEntry,
  pluginEntry,
} from '../compute/io/fabric-catalogue.ts'
import { type FabricDevice, openFabricDevice } from '../compute/io/fabric-device.ts'
import { ISAS, type Isa, isIsa } from '../compute/isa.ts'
import type { Context, Input } from './context.ts'
import { EXIT, fail } from './failure.ts'
import { printable } from './render.ts'

export interface Target {
  readonly entry: FabricEntry
  /** Undefined: as the fabric chooses. */
  readonly isa: Isa | undefined
}

/** Fabrics that one command may be asked about. */
const TARGETS_MAX = 64

/**
 * Every built-in fabric at every instruction set, or what was asked for.
 * @throws CliFailure fabric_unknown | isa_unknown
 */
export function targetsOf(context: Context, input: Input): Target[] {
  const asked = isaOption(input)
  const isNamed = Array.isArray(input.options['fabric'])
  return entriesOf(context, input).flatMap((entry): Target[] => {
    if (asked === undefined)
      return (entry.isas.length === 0 ? [undefined] : entry.isas).map((isa) => ({ entry, isa }))
    // An instruction set is a question to those that have one, or to whom it is put by name.
    return isNamed || entry.isas.includes(asked) ? [{ entry, isa: asked }] : []
  })
}

/** @throws CliFailure fabric_unknown */
export function entriesOf(context: Context, { options }: Input): readonly FabricEntry[] {
  const asked = options['fabric']
  if (!Array.isArray(asked)) return FABRICS
  if (asked.length > TARGETS_MAX) fail(EXIT.usage, 'usage', { fabrics: asked.length, TARGETS_MAX })
  return asked.map((name) => entryOf(context, String(name)))
}

/** A fabric by its name, or a plugin by the path of its file. @throws CliFailure fabric_unknown */
export function entryOf({ cwd }: Context, name: string): FabricEntry {
  const known = fabricEntry(name)
  if (known !== undefined) return known
  if (/\.(so|dylib)$/.test(name)) return pluginEntry(resolve(cwd, name))
  const names = FABRICS.map((entry) => entry.name).join(', ')
  return fail(EXIT.usage, 'fabric_unknown', { fabric: name.slice(0, 80), known: names })
}

/** @throws CliFailure isa_unknown */
export function isaOption({ options }: Input): Isa | undefined {
  const asked = options['isa']
  if (asked === undefined) return undefined
  const word = String(asked)
  return isIsa(word)
    ? word
    : fail(EXIT.usage, 'isa_unknown', { isa: word.slice(0, 80), known: ISAS.join(', ') })
}

export type Opened =
  | { readonly device: FabricDevice; readonly refused?: undefined }
  | { readonly device?: undefined; readonly refused: Refusal }

/** Opens a target; what it is refused for is an answer, not a failure. */
export async function openTarget({ entry, isa }: Target, threads: number): Promise<Opened> {
  try {
    return { device: await openFabricDevice({ entry, isa, threads }) }
  } catch (error) {
    if (error instanceof RefusalError) return { refused: error.refusal }
    throw error
  }
}

/** Why a fabric is not available, in a few words. */
export function whyNot({ code, facts }: Refusal): string {
  if (code === 'fabric_not_built') return `not built: ${String(facts['remedy'])}`
  return printable(String(facts['reason'] ?? code))
}
