/**
 * Every command of `tb-cli`: its words, options, and the file that runs it.
 *
 * Help and usage come from this table alone; a command's file is loaded only when it runs, so that
 * starting costs the same however many commands there are. docs/reference/cli.md is generated here.
 */

import type { Command } from './context.ts'

export interface CommandEntry {
  /** `keys new`: groups, then the verb. */
  readonly path: string
  readonly summary: string
  /** `<name>` is required, `[name]` is not, `<name...>` takes many. */
  readonly args?: readonly string[]
  /** Flags as commander writes them, each with its meaning. */
  readonly options?: readonly (readonly [flags: string, meaning: string])[]
  /** Talks to a node: takes --node and --timeout. */
  readonly online: boolean
  /** Prints a list: takes --csv. */
  readonly list: boolean
  readonly load: () => Promise<{ readonly run: Command }>
}

const HOME: readonly [string, string] = [
  '--home <folder>',
  'data folder (default: TB_HOME, or blocktorch in the XDG data folder)',
]

export const GROUPS: Readonly<Record<string, string>> = {
  keys: 'keys and where they lie',
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    path: 'keys new',
    summary: 'make an Ed25519 key; says where it lies and how to back it up',
    args: ['<name>'],
    options: [HOME],
    online: false,
    list: false,
    load: () => import('./commands/keys-new.ts'),
  },
  {
    path: 'keys show',
    summary: 'the public key and the file of a key; never the secret',
    args: ['<name>'],
    options: [HOME],
    online: false,
    list: false,
    load: () => import('./commands/keys-show.ts'),
  },
  {
    path: 'keys list',
    summary: 'all keys of the data folder',
    options: [HOME],
    online: false,
    list: true,
    load: () => import('./commands/keys-list.ts'),
  },
]
