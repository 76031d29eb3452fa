/** `tb-cli governor status`: gates, proposals in flight, and the timeline lines. */

import type { Governor } from '../answers.ts'
import { type Command, report } from '../context.ts'
import { printable, toPairs } from '../render.ts'

export const run: Command = async (context) => {
  const client = await context.client()
  const governor = await client.get<Governor>('/blocktorch/governor/status')
  report(context, { ok: true, ...governor }, () => words(governor))
}

function words({ height, epoch, paramsVersion, gates, proposals, timeline }: Governor): string {
  const table = toPairs([
    ['height', height],
    ['epoch', epoch],
    ['parameters', `version ${paramsVersion}`],
    ...gates.map(({ name, mode }) => [`gate ${name}`, mode] as const),
  ])
  const open = proposals.map(
    ({ id, title, phase, phaseEnds }) => `proposal ${id}: ${phase} until #${phaseEnds}: ${title}`,
  )
  return [table, ...open.map(printable), ...timeline.map(printable)].join('\n')
}
