/** `tb-cli fabric list`: every fabric, and at every instruction set: available, or why not. */

import type { FabricEntry } from '../../compute/io/fabric-catalogue.ts'
import { type Command, reportList } from '../context.ts'
import { entriesOf, openTarget, whyNot } from '../fabrics.ts'
import type { Row } from '../render.ts'

export const run: Command = async (context, input) => {
  const rows = await Promise.all(entriesOf(context, input).map(rowsOf))
  const columns = ['fabric', 'isa', 'state', 'device']
  const beside = { ok: true }
  reportList(context, { name: 'fabrics', columns, rows: rows.flat(), beside })
}

/** Each fabric is opened once; the widest instruction set that it finds tells of the others. */
async function rowsOf(entry: FabricEntry): Promise<Row[]> {
  const { device, refused } = await openTarget({ entry, isa: undefined }, 1)
  const names = { fabric: entry.name, kind: entry.kind }
  const isas = entry.isas.length === 0 ? [undefined] : entry.isas
  if (refused !== undefined) {
    const state = whyNot(refused)
    return isas.map((isa) => ({ ...names, isa, available: false, state, code: refused.code }))
  }
  const { facts } = device
  await device.close()
  const widest = (entry.isas as readonly string[]).indexOf(facts.isa)
  return isas.map((isa, place) => {
    const available = place <= Math.max(0, widest)
    const state = available ? 'available' : `this processor goes as far as ${facts.isa}`
    return { ...names, isa: isa ?? facts.isa, available, state, device: facts.device }
  })
}
