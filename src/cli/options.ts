/** The options that commands share, beside their own. */

import type { CommandEntry } from './catalogue.ts'

export const TIMEOUT_S_DEFAULT = 20
export const TIMEOUT_S_MAX = 3600

export type OptionWords = readonly [flags: string, meaning: string]

export function commonOptions(entry: CommandEntry): readonly OptionWords[] {
  const online: readonly OptionWords[] = [
    ['--node <url>', 'URL, devnet file or its folder (default: TB_NODE, ./devnet.json)'],
    ['--timeout <seconds>', `give up after so long (default: ${TIMEOUT_S_DEFAULT})`],
  ]
  return [
    ['--json', 'one JSON object on one line, alone on stdout'],
    ...(entry.list ? ([['--csv', 'as CSV']] as const) : []),
    ...(entry.online ? online : []),
  ]
}
