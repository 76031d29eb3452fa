/** `tb-cli program show ID|NAME`: what a program takes, holds and costs. */

import { fromHex } from '../../base/bytes.ts'
import { programCost } from '../../program/cost.ts'
import { decodeProgram } from '../../program/ir.ts'
import type { ProgramDetail } from '../answers.ts'
import { type Command, report } from '../context.ts'
import { findProgram } from '../programs.ts'
import { toPairs } from '../render.ts'

const DTYPES: Readonly<Record<number, string>> = { 1: 'f32', 2: 's8', 3: 's32' }

export const run: Command = async (context, input) => {
  const client = await context.client()
  const program = await findProgram(client, input.args[0] ?? '')
  const { units, macs, verify } = programCost(decodeProgram(fromHex(program.ir)))
  const cost = { units, macs, foldUnits: verify.fold.units, replayUnits: verify.replay.units }
  report(context, { ok: true, ...program, cost }, () => words(program, cost))
}

function words(program: ProgramDetail, cost: Readonly<Record<string, number>>): string {
  const inputs = program.inputs.map(
    ({ dtype, dims, bytes }, index) =>
      [`input ${index}`, `${DTYPES[dtype] ?? dtype}[${dims.join(', ')}], ${bytes} bytes`] as const,
  )
  return toPairs([
    ['program', program.id],
    ['name', program.name],
    ['state', program.reason === '' ? program.state : `${program.state} (${program.reason})`],
    ['owner', program.owner],
    ['ops', program.opCount],
    ...inputs,
    ['weights', `${program.weights.length}, ${weightBytes(program)} bytes`],
    ['run', `${cost['units']} units, ${cost['macs']} multiply-accumulates`],
    ['verify', `fold ${cost['foldUnits']} units, replay ${cost['replayUnits']} units`],
  ])
}

function weightBytes({ weights }: ProgramDetail): number {
  return weights.reduce((sum, { bytes }) => sum + bytes, 0)
}
