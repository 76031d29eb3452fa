/**
 * `tb-cli program show FOLDER|FILE|ID|NAME`: what a program takes, holds, does and costs, and how it
 * may be verified. A path that exists is read here; everything else is asked of the node.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

import { fromHex, toHex } from '../../base/bytes.ts'
import type { Refusal } from '../../base/refusal.ts'
import { describeRefusal } from '../../base/refusal.ts'
import { admits, opCosts, programCost } from '../../program/cost.ts'
import {
  decodeProgram,
  definitionOf,
  outputValue,
  PROGRAM_BYTES_MAX,
  programDigest,
  valueTypes,
} from '../../program/ir.ts'
import { describeType, tensorBytes } from '../../program/shape.ts'
import type { Program, TensorType } from '../../program/types.ts'
import { type Command, report } from '../context.ts'
import { readBytes } from '../files.ts'
import { isFolder, readProgramFolder } from '../program-folder.ts'
import { findProgram } from '../programs.ts'
import { type Row, toPairs, toTable } from '../render.ts'
import { noteLines } from './program-import.ts'

const VERIFICATIONS = ['fold', 'replay', 'succinct'] as const

/** A program, and what is known of it beside its bytes. */
interface Shown {
  readonly program: Program
  readonly id: string
  /** Fields of the JSON answer. */
  readonly fields: Row
  readonly pairs: readonly (readonly [string, unknown])[]
  readonly inputNames?: readonly string[]
  readonly outputNames?: readonly string[]
  readonly lines: readonly string[]
}

export const run: Command = async (context, input) => {
  const wanted = input.args[0] ?? ''
  const path = resolve(context.cwd, wanted)
  const shown = existsSync(path)
    ? shownOf(path)
    : await registered(async () => findProgram(await context.client(), wanted))
  const { program, id, fields } = shown
  const costs = costsOf(program)
  const ops = opRows(program)
  const verifications = VERIFICATIONS.map((name) => verificationRow(program, name))
  const isWhole = input.options['ops'] === true
  const result = {
    ok: true,
    id,
    ...fields,
    cost: costs,
    verifications,
    ops: isWhole ? ops : counts(ops),
  }
  report(context, result, () => words(shown, verifications, isWhole ? ops : counts(ops)))
}

function shownOf(path: string): Shown {
  if (!isFolder(path)) {
    const bytes = readBytes(path, 'program_file_unreadable', PROGRAM_BYTES_MAX)
    const program = decodeProgram(bytes)
    const id = toHex(programDigest(bytes))
    return { program, id, fields: {}, pairs: [], lines: [] }
  }
  const { program, description } = readProgramFolder(path)
  const { name, origin, inputs, outputs, weights, notes } = description
  return {
    program,
    id: description.program,
    fields: { name, origin, inputs, outputs, weights, notes },
    pairs: [
      ['name', name],
      ['made from', `${origin.file} (${origin.format}) ${origin.digest}`],
    ],
    inputNames: inputs.map((value) => value.name),
    outputNames: outputs.map((value) => value.name),
    lines: noteLines(notes),
  }
}

async function registered(find: () => ReturnType<typeof findProgram>): Promise<Shown> {
  const detail = await find()
  const { reason, state, name, owner, ir } = detail
  return {
    program: decodeProgram(fromHex(ir)),
    id: detail.id,
    fields: detail,
    pairs: [
      ['name', name],
      ['state', reason === '' ? state : `${state} (${reason})`],
      ['owner', owner],
    ],
    lines: [],
  }
}

function costsOf(program: Program): Row {
  const { units, macs, bytes, openingBytesMax, openingOpMax, verify } = programCost(program)
  return {
    units,
    macs,
    bytes,
    openingBytesMax,
    openingOpMax,
    foldUnits: verify.fold.units,
    replayUnits: verify.replay.units,
  }
}

function opRows(program: Program): Row[] {
  const types = valueTypes(program)
  const costs = opCosts(program)
  return program.ops.map((node, index) => {
    const cost = costs[index] as (typeof costs)[number]
    const operands = node.args.map((value) => describeType(types[value] as TensorType))
    return {
      op: index,
      name: definitionOf(node).name,
      takes: operands.join(' '),
      gives: describeType(types[outputValue(program, index)] as TensorType),
      macs: cost.macs,
      units: cost.runUnits,
      openingBytes: cost.openingBytes,
    }
  })
}

/** How often each op stands in the program, and what all of them cost. */
function counts(rows: readonly Row[]): Row[] {
  const byName = new Map<unknown, { count: number; macs: number; units: number; opening: number }>()
  for (const { name, macs, units, openingBytes } of rows) {
    const sum = byName.get(name) ?? { count: 0, macs: 0, units: 0, opening: 0 }
    sum.count++
    sum.macs += Number(macs)
    sum.units += Number(units)
    sum.opening = Math.max(sum.opening, Number(openingBytes))
    byName.set(name, sum)
  }
  return [...byName]
    .map(([name, { count, macs, units, opening }]) => ({
      name,
      count,
      macs,
      units,
      openingBytes: opening,
    }))
    .sort((a, b) => b.units - a.units)
}

function verificationRow(program: Program, verification: (typeof VERIFICATIONS)[number]): Row {
  const { verify } = programCost(program)
  const refused = admits(program, verification)
  const { units, bytes } = verify[verification]
  const name = { verification, applies: refused === null }
  if (refused !== null)
    return { ...name, units: '', fetchedBytes: '', why: whyNot(program, refused) }
  return { ...name, units, fetchedBytes: bytes, why: whatFor(program, verification) }
}

function whyNot(program: Program, refused: Refusal): string {
  const at = refused.facts['op']
  const node = typeof at === 'number' ? program.ops[at] : undefined
  const name = node === undefined ? '' : ` name=${definitionOf(node).name}`
  return `${describeRefusal(refused)}${name}`
}

function whatFor(program: Program, verification: string): string {
  const folded = program.ops.filter((node) => definitionOf(node).provable === 'freivalds').length
  if (verification === 'replay') return 'recomputes sampled ops'
  return folded === 0
    ? 'has no integer product: recomputes every op'
    : `checks ${folded} integer products in quadratic time, recomputes the rest`
}

function words(shown: Shown, verifications: readonly Row[], ops: readonly Row[]): string {
  const { program, id, pairs, inputNames, outputNames, lines } = shown
  const types = valueTypes(program)
  const weightBytes = program.weights.reduce((sum, { type }) => sum + tensorBytes(type), 0)
  const { units, macs, bytes } = programCost(program)
  const inputs = program.inputs.map((type, index) => {
    const name = inputNames?.[index] ?? String(index)
    return [`input ${name}`, `${describeType(type)}, ${tensorBytes(type)} bytes`] as const
  })
  const outputs = program.outputs.map((value, index) => {
    const name = outputNames?.[index] ?? String(index)
    return [`output ${name}`, describeType(types[value] as TensorType)] as const
  })
  return [
    toPairs([
      ['program', id],
      ...pairs,
      ...inputs,
      ...outputs,
      ['ops', program.ops.length],
      ['weights', `${program.weights.length}, ${weightBytes} bytes`],
      ['run', `${units} units, ${macs} multiply-accumulates, ${bytes} bytes of tensors`],
    ]),
    '',
    toTable(['verification', 'applies', 'units', 'fetchedBytes', 'why'], verifications),
    '',
    toTable(Object.keys(ops[0] ?? {}), ops),
    ...lines,
  ].join('\n')
}
