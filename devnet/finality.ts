/** Finality as the nodes logged it: from a proposal sent or heard to its block on disk. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds of every block with objects in it, over the logs of the named nodes. */
export function finalityMs(root: string, names: readonly string[]): number[] {
  return names.flatMap((name) =>
    readFileSync(join(root, name, 'node.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"block-committed"'))
      .map((line) => JSON.parse(line) as { readonly objects: number; readonly finalityMs: number })
      .filter(({ objects, finalityMs: ms }) => objects > 0 && ms >= 0)
      .map(({ finalityMs: ms }) => ms),
  )
}

/** The value below which `share` of the values lie; 0 without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  return Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
}
