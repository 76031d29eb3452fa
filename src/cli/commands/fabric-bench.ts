/** `tb-cli fabric bench`: a few ops on every fabric that is here, one row each. */

import { RefusalError } from '../../base/refusal.ts'
import { type BenchCase, benchCases, measure } from '../../compute/io/bench-cases.ts'
import type { FabricDevice } from '../../compute/io/fabric-device.ts'
import { THREADS_MAX, wholeOption } from '../arguments.ts'
import { type Command, type Input, reportList } from '../context.ts'
import { openTarget, type Target, targetsOf, whyNot } from '../fabrics.ts'
import { EXIT, fail } from '../failure.ts'
import { type Row, text } from '../render.ts'

export const run: Command = async (context, input) => {
  const threads = wholeOption(input, 'threads', { fallback: 0, least: 0, most: THREADS_MAX })
  const cases = casesOf(input)
  const rows: Row[] = []
  const absent: Row[] = []
  for (const target of targetsOf(context, input)) {
    const { device, refused } = await openTarget(target, threads)
    const { isa, entry } = target
    if (refused !== undefined) {
      absent.push({ fabric: entry.name, isa, state: whyNot(refused), code: refused.code })
      continue
    }
    try {
      for (const one of cases) rows.push(await rowOf(target, device, one))
    } finally {
      await device.close()
    }
  }
  const columns = ['fabric', 'isa', 'threads', 'op', 'shapes', 'micros', 'rate', 'unit']
  reportList(context, { name: 'rows', columns, rows, beside: { ok: true, absent } })
  if (context.format !== 'text') return
  for (const { fabric, isa, state } of absent) {
    const name = [fabric, isa].map(text).join(' ').trimEnd()
    context.stderr(`${name}: ${text(state)}\n`)
  }
}

/** @throws CliFailure op_not_benched */
function casesOf({ options }: Input): BenchCase[] {
  const all = benchCases()
  if (!Array.isArray(options['op'])) return all
  return (options['op'] as readonly string[]).map((name) => {
    const known = all.map(({ op }) => op).join(', ')
    const found = all.find(({ op }) => op === name)
    return found ?? fail(EXIT.usage, 'op_not_benched', { op: name.slice(0, 80), known })
  })
}

async function rowOf({ entry }: Target, device: FabricDevice, one: BenchCase): Promise<Row> {
  const { isa, computeUnits } = device.facts
  const names = { fabric: entry.name, isa, threads: computeUnits, op: one.op, shapes: one.shapes }
  try {
    const { micros, bestMicros } = await measure(device, one)
    const work = one.macs > 0 ? 2 * one.macs : one.bytes
    const unit = one.macs > 0 ? 'Gop/s' : 'GB/s'
    const rate = Number((work / Math.max(1, micros) / 1000).toFixed(2))
    return { ...names, micros, bestMicros, rate, unit, refused: null }
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return { ...names, unit: whyNot(error.refusal), refused: error.refusal.code }
  }
}
