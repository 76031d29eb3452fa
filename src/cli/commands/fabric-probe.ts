/** `tb-cli fabric probe`: opens each fabric in its own process and tells what its device says. */

import { toHex } from '../../base/bytes.ts'
import type { DeviceFacts } from '../../compute/child-messages.ts'
import { type Command, report } from '../context.ts'
import { openTarget, type Target, targetsOf, whyNot } from '../fabrics.ts'
import { type Row, text, toPairs } from '../render.ts'

/** FABRIC_CAP_* of native/plugin/fabric.h, by bit. */
const CAPS: readonly string[] = ['host-pointers', 'hardware-fma', 'int8-dot', 'subnormals']

export const run: Command = async (context, input) => {
  const rows: Row[] = []
  // One after another, so that none is told to be slow or out of memory because of its neighbours.
  for (const target of targetsOf(context, input)) rows.push(await probe(target))
  report(context, { ok: true, fabrics: rows }, () => rows.map(blockOf).join('\n\n'))
}

async function probe(target: Target): Promise<Row> {
  const { entry, isa } = target
  const startMs = performance.now()
  const { device, refused } = await openTarget(target, 0)
  const names = { fabric: entry.name, kind: entry.kind, file: entry.path }
  if (refused !== undefined) {
    return { ...names, isa, available: false, state: whyNot(refused), code: refused.code }
  }
  const openMs = Math.round(performance.now() - startMs)
  await device.close()
  return { ...names, available: true, state: 'available', ...factsOf(device.facts), openMs }
}

function factsOf(facts: DeviceFacts): Row {
  return {
    isa: facts.isa,
    name: facts.fabric,
    version: facts.version,
    device: facts.device,
    vendor: facts.vendor,
    driver: facts.driver,
    computeUnits: facts.computeUnits,
    memoryTotalBytes: facts.memoryTotalBytes,
    memoryFreeBytes: facts.memoryFreeBytes,
    caps: CAPS.filter((_, bit) => (facts.caps & (1 << bit)) !== 0),
    kernelDigest: toHex(facts.kernelDigest),
  }
}

function blockOf(row: Row): string {
  const title = [row['fabric'], row['isa']].map(text).join(' ').trimEnd()
  const shown = Object.entries(row).filter(([name]) => !['fabric', 'isa', 'code'].includes(name))
  return `${title}\n${toPairs(shown.map(([name, value]) => [`  ${name}`, value]))}`
}
