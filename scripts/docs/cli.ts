/** docs/reference/cli.md: every command of tb-cli, from the table that parses them. */

import { COMMANDS, type CommandEntry } from '../../src/cli/catalogue.ts'
import { commonOptions } from '../../src/cli/options.ts'

function section(entry: CommandEntry): string {
  const usage = ['tb-cli', entry.path, ...(entry.args ?? []), '[options]'].join(' ')
  const options = [...(entry.options ?? []), ...commonOptions(entry)]
  return [
    `## tb-cli ${entry.path}`,
    '',
    `${entry.summary[0]?.toUpperCase()}${entry.summary.slice(1)}.`,
    '',
    '```',
    usage,
    '```',
    '',
    '| option | meaning |',
    '|---|---|',
    ...options.map(([flags, meaning]) => `| \`${flags}\` | ${meaning} |`),
    '',
  ].join('\n')
}

export function cliPage(): string {
  const head = [
    '# Command line',
    '',
    'stdout carries the result, stderr everything else. With `--json` the result is one object on one',
    'line; a failure is `{"ok":false,"error":{code,message,hint,docs,facts}}`.',
    '',
    'Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 rejected (with its reason code), 5 no node,',
    '6 time-out, 130 interrupted.',
    '',
    'This page is generated from `src/cli/catalogue.ts` by `npm run docs`.',
    '',
    '',
  ].join('\n')
  return head + COMMANDS.map(section).join('\n')
}
