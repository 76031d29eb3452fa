/** `tb-cli fabric selftest`: self-test and all golden vectors, on every fabric that is here. */

import { type GoldenSuite, judgeGolden, readGoldenSuites } from '../../compute/io/golden-vectors.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, failAfter, reportList } from '../context.ts'
import { openTarget, type Target, targetsOf, whyNot } from '../fabrics.ts'
import { EXIT } from '../failure.ts'
import { type Row, text } from '../render.ts'

export const run: Command = async (context, input) => {
  installNativeHash()
  const suites = readGoldenSuites()
  const rows: Row[] = []
  for (const target of targetsOf(context, input)) rows.push(await judge(target, suites))
  const wrong = rows.filter(({ passed }) => passed === false)
  // A fabric that is not here proves nothing; one that was asked for by name must be.
  const missing =
    input.options['fabric'] === undefined ? [] : rows.filter(({ available }) => !available)
  const columns = ['fabric', 'isa', 'state', 'vectors', 'equal', 'unsupported', 'wrong']
  const ok = wrong.length + missing.length === 0
  reportList(context, { name: 'fabrics', columns, rows, beside: { ok } })
  if (wrong[0] !== undefined) {
    const { fabric, isa } = wrong[0]
    failAfter(context, EXIT.failed, 'fabric_bits_differ', { fabric: text(fabric), isa: text(isa) })
  }
  if (missing[0] !== undefined) {
    const { fabric, state } = missing[0]
    failAfter(context, EXIT.failed, 'fabric_unusable', {
      fabric: text(fabric),
      reason: text(state),
    })
  }
}

async function judge(target: Target, suites: readonly GoldenSuite[]): Promise<Row> {
  const { entry, isa } = target
  const { device, refused } = await openTarget(target, 0)
  const names = { fabric: entry.name, isa }
  if (refused !== undefined) {
    return { ...names, available: false, state: whyNot(refused), code: refused.code }
  }
  try {
    const startMs = performance.now()
    const { equal, unsupported, wrong } = await judgeGolden(device, suites)
    const passed = wrong.length === 0
    const state = passed ? 'passed' : `${wrong[0]?.op} ${wrong[0]?.vector}: ${wrong[0]?.reason}`
    return {
      ...names,
      isa: isa ?? device.facts.isa,
      available: true,
      passed,
      state,
      vectors: suites.reduce((sum, { vectors }) => sum + vectors.length, 0),
      equal,
      unsupported,
      wrong: wrong.length,
      differences: wrong,
      ms: Math.round(performance.now() - startMs),
    }
  } finally {
    await device.close()
  }
}
