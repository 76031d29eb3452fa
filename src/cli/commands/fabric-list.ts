/** `tb-cli fabric list`: every fabric, the CPU at each instruction set: available, or why not. */

import { type Command, reportList } from '../context.ts'
import { openTarget, type Target, targetsOf, whyNot } from '../fabrics.ts'
import type { Row } from '../render.ts'

export const run: Command = async (context, input) => {
  const rows = await Promise.all(targetsOf(context, input).map(rowOf))
  const columns = ['fabric', 'isa', 'state', 'device']
  reportList(context, { name: 'fabrics', columns, rows, beside: { ok: true } })
}

async function rowOf(target: Target): Promise<Row> {
  const { entry, isa } = target
  const { device, refused } = await openTarget(target, 1)
  const names = { fabric: entry.name, kind: entry.kind }
  if (refused !== undefined) {
    return { ...names, isa, available: false, state: whyNot(refused), code: refused.code }
  }
  const { facts } = device
  await device.close()
  const state = 'available'
  return { ...names, isa: isa ?? facts.isa, available: true, state, device: facts.device }
}
