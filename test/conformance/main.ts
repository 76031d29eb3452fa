/**
 * `conformance <core|vote-keeper|misbehavior|driver> <file.json.gz>`: replays traces of the
 * specification and says how many steps agree.
 *
 * Exit 0 only when at least one step was replayed and all agree; 1 when not, or when the file
 * cannot be understood (a coded line says why); 2 when the command line is wrong.
 */

import { pathToFileURL } from 'node:url'

import { describeRefusal, RefusalError } from '../../src/base/refusal.ts'
import { readTraces } from './itf.ts'
import { KINDS, type Kind, replayAll } from './replay.ts'

/** @returns the exit code. */
export function main(args: readonly string[], write: (line: string) => void): number {
  const [kind, path] = args
  if (args.length !== 2 || path === undefined || !KINDS.includes(kind as Kind)) {
    write(`usage_wrong usage: conformance <${KINDS.join('|')}> <file.json.gz>`)
    return 2
  }
  try {
    const tally = replayAll(kind as Kind, readTraces(path))
    for (const note of tally.notes) write(note.slice(0, 400))
    const { agree, disagree, empty } = tally
    write(`${agree} steps agree, ${disagree} disagree, ${empty} traces empty`)
    return disagree === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    write(describeRefusal(error.refusal))
    return 1
  }
}

const [, entry] = process.argv
if (entry !== undefined && import.meta.url === pathToFileURL(entry).href) {
  process.exitCode = main(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`))
}
