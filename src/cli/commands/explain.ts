/** `tb-cli explain ID`: why a job, program, ask, receipt or proposal is in the state it is in. */

import type { Explanation } from '../answers.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import { printable, text } from '../render.ts'

export const run: Command = async (context, input) => {
  const id = idArgument(input)
  const client = await context.client()
  const answer = await client.get<Explanation>(`/blocktorch/explain/${id}`)
  report(context, { ok: true, ...answer }, () => words(answer))
}

function words({ summary, steps, facts, hint }: Explanation): string {
  const known = Object.entries(facts).map(([name, value]) => `  ${name}: ${text(value)}`)
  const story = steps.map(({ height, kind, reason }) => {
    const why = reason === '' ? '' : ` (${reason})`
    return `  #${height} ${kind}${why}`
  })
  const advice = hint === '' ? [] : [`What you can do: ${hint}`]
  return [summary, ...story, ...known, ...advice].map(printable).join('\n')
}
