/** What `npm run devnet` was asked for. */

import { resolve } from 'node:path'

export interface Arguments {
  /** Stop everything once the demonstration is over, with its result as exit code. */
  readonly exit: boolean
  /** One JSON object on one line, alone on stdout. */
  readonly json: boolean
  /** Folder whose data is kept, and goes on if it is there. */
  readonly keep: string | undefined
  readonly seed: string
}

export const USAGE = `npm run devnet [-- OPTIONS]

  --exit       stop everything after the demonstration; the exit code is its result
  --json       print one JSON object, alone on stdout; progress goes to stderr
  --keep DIR   keep the data in DIR; a devnet that is there goes on
  --seed TEXT  keys follow from it; the same seed gives the same outputs and payments
`

/** @returns the arguments, or what is wrong with them. */
export function readArguments(argv: readonly string[]): Arguments | { readonly fault: string } {
  let [exit, json] = [false, false]
  let keep: string | undefined
  let seed = 'blocktorch'
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]
    const value = argv[at + 1]
    if (word === '--exit') exit = true
    else if (word === '--json') json = true
    else if ((word === '--keep' || word === '--seed') && value !== undefined) {
      if (word === '--keep') keep = resolve(value)
      else seed = value
      at++
    } else return { fault: `not understood: ${word}` }
  }
  return { exit, json, keep, seed }
}
