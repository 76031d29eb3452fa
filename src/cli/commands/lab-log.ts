/** `tb-cli lab log`: runs the lab's subjects on every fabric that is here, and appends what came out. */

import { existsSync } from 'node:fs'

import { toHex } from '../../base/bytes.ts'
import { RefusalError } from '../../base/refusal.ts'
import type { LabSubject } from '../../compute/io/lab-run.ts'
import { type LabEntry, textOf } from '../../compute/lab-entry.ts'
import { disagreements, ENTRIES_MAX, writeLabLog } from '../../compute/lab-log.ts'
import { signerOf } from '../../runtime/io/key-file.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, type Context, failAfter, type Input, reportList } from '../context.ts'
import { type Target, targetsOf, whyNot } from '../fabrics.ts'
import { EXIT, fail } from '../failure.ts'
import { signingKey } from '../keys.ts'
import {
  labEntry,
  labPath,
  labPlace,
  labSubjects,
  openComputer,
  REFERENCE,
  readLog,
  writeLog,
} from '../lab.ts'
import type { Row } from '../render.ts'

export const run: Command = async (context, input) => {
  installNativeHash()
  const path = labPath(context, input)
  const before = existsSync(path) ? readLog(path).entries : []
  const sign = signerFor(context, input)
  const subjects = labSubjects(context, input)
  const made: LabEntry[] = []
  const skipped: Row[] = []
  for (const target of computersAsked(context, input)) {
    context.stderr(`${nameOf(target)}: ${await computeAll(target, subjects, made, skipped)}\n`)
  }
  const entries = [...before, ...made]
  if (entries.length > ENTRIES_MAX) {
    fail(EXIT.failed, 'lab_log_oversized', { entries: entries.length, most: ENTRIES_MAX })
  }
  writeLog(path, writeLabLog(entries, sign))
  const differ = disagreements(entries)
  const rows = made.map((entry, at) => rowOf(entry, before.length + at))
  const beside = { ok: differ.length === 0, path, entries: entries.length, skipped, differ }
  const columns = ['entry', 'name', 'fabric', 'isa', 'outputDigest']
  reportList(context, { name: 'made', columns, rows, beside })
  const [first] = differ
  if (first !== undefined) failAfter(context, EXIT.failed, 'lab_bits_differ', { ...first })
}

/** Undefined stands for the loops of the specification. */
function computersAsked(context: Context, input: Input): (Target | undefined)[] {
  const asked = input.options['fabric']
  if (!Array.isArray(asked)) {
    const loops = input.options['isa'] === undefined ? [undefined] : []
    return [...loops, ...targetsOf(context, input)]
  }
  const others = asked.filter((name) => name !== REFERENCE)
  const loops = others.length < asked.length ? [undefined] : []
  if (others.length === 0) return loops
  return [
    ...loops,
    ...targetsOf(context, { ...input, options: { ...input.options, fabric: others } }),
  ]
}

/** @returns what has become of it, for people */
async function computeAll(
  target: Target | undefined,
  subjects: readonly LabSubject[],
  made: LabEntry[],
  skipped: Row[],
): Promise<string> {
  const computer = await openComputer(target)
  if (typeof computer === 'string') {
    skipped.push({ fabric: nameOf(target), reason: computer })
    return computer
  }
  const before = made.length
  try {
    const place = labPlace()
    for (const subject of subjects) {
      try {
        const bits = await subject.run(computer.compute)
        made.push(labEntry(subject, bits, computer.facts, place))
      } catch (error) {
        if (!(error instanceof RefusalError)) throw error
        const reason = whyNot(error.refusal)
        skipped.push({ fabric: nameOf(target), subject: subject.name, reason })
      }
    }
    return `${made.length - before} of ${subjects.length} subjects`
  } finally {
    await computer.close()
  }
}

function nameOf(target: Target | undefined): string {
  if (target === undefined) return REFERENCE
  return [target.entry.name, target.isa ?? ''].join(' ').trimEnd()
}

function rowOf({ name, fabric, outputDigest }: LabEntry, entry: number): Row {
  return {
    entry,
    name: textOf(name),
    fabric: textOf(fabric.name),
    isa: textOf(fabric.isa),
    outputDigest: toHex(outputDigest),
  }
}

/** With `--key` the seal is signed. */
function signerFor(context: Context, input: Input) {
  if (input.options['key'] === undefined) return undefined
  const pair = signingKey(context, input)
  const signer = signerOf(pair)
  return (digest: Uint8Array) => ({ key: pair.publicKey, signature: signer.sign(digest) })
}
