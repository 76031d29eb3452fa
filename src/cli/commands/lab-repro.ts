/** `tb-cli lab repro [ENTRY]`: runs entries of a lab log again and compares bit for bit. */

import { toHex } from '../../base/bytes.ts'
import { RefusalError } from '../../base/refusal.ts'
import { fabricEntry } from '../../compute/io/fabric-catalogue.ts'
import type { LabSubject } from '../../compute/io/lab-run.ts'
import { isIsa } from '../../compute/isa.ts'
import { type LabEntry, textOf } from '../../compute/lab-entry.ts'
import { firstDifference, subjectOf } from '../../compute/lab-log.ts'
import { installNativeHash } from '../../runtime/io/native-hash.ts'
import { type Command, type Context, failAfter, type Input, reportList } from '../context.ts'
import { entryOf, isaOption, type Target, whyNot } from '../fabrics.ts'
import { EXIT, fail } from '../failure.ts'
import {
  type Computer,
  isAsked,
  labPath,
  labSubjects,
  openComputer,
  REFERENCE,
  readLog,
} from '../lab.ts'
import type { Row } from '../render.ts'

interface Chosen {
  readonly index: number
  readonly entry: LabEntry
}

/** Entries that one computer repeats; a string says why there is no such computer here. */
interface Group {
  readonly target: Target | undefined | string
  readonly chosen: Chosen[]
}

export const run: Command = async (context, input) => {
  installNativeHash()
  const path = labPath(context, input)
  const { entries, chain } = readLog(path)
  const chosen = chosenOf(entries, chain, input)
  const subjects = new Map(labSubjects(context, input).map((each) => [subjectOf(each), each]))
  const rows: Row[] = []
  for (const group of groupsOf(context, input, chosen))
    rows.push(...(await repeat(group, subjects)))
  rows.sort((left, right) => Number(left['entry']) - Number(right['entry']))
  const other = rows.find(({ same }) => same === false)
  const repeated = rows.filter(({ same }) => same !== null).length
  const commands = commandsOf(chosen, path)
  const beside = { ok: other === undefined && repeated > 0, repeated, commands }
  const columns = ['entry', 'name', 'fabric', 'isa', 'on', 'state']
  reportList(context, { name: 'rows', columns, rows, beside })
  if (context.format === 'text') context.stderr(`${commands.join('\n')}\n`)
  if (other !== undefined) {
    failAfter(context, EXIT.failed, 'lab_bits_differ', { entry: Number(other['entry']) })
  }
  if (repeated === 0) {
    failAfter(context, EXIT.failed, 'lab_nothing_repeated', { entries: rows.length })
  }
}

/**
 * The one that is named by its number or by the beginning of its chain value, or all of them whose
 * name begins as `--only` says.
 */
function chosenOf(
  entries: readonly LabEntry[],
  chain: readonly Uint8Array[],
  input: Input,
): Chosen[] {
  const [wanted] = input.args
  const all = entries.map((entry, index) => ({ index, entry }))
  if (wanted === undefined) return all.filter(({ entry }) => isAsked(input, textOf(entry.name)))
  const isNumber = /^\d{1,5}$/.test(wanted)
  const found = all.filter(({ index }) =>
    isNumber ? index === Number(wanted) : toHex(chain[index] as Uint8Array).startsWith(wanted),
  )
  if (found.length === 1 && wanted !== '') return found
  return fail(EXIT.notFound, 'lab_entry_unknown', {
    entry: wanted.slice(0, 80),
    found: found.length,
  })
}

/** One for each fabric and instruction set, so that each is opened once. */
function groupsOf(context: Context, input: Input, chosen: readonly Chosen[]): Group[] {
  const groups = new Map<string, Group>()
  for (const each of chosen) {
    const target = targetOf(context, input, each.entry)
    const key =
      typeof target === 'string' ? target : `${target?.entry.path ?? ''} ${target?.isa ?? ''}`
    const group = groups.get(key) ?? { target, chosen: [] }
    group.chosen.push(each)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** The fabric of the entry, or the one that was asked for in its place; bits must not differ. */
function targetOf(
  context: Context,
  input: Input,
  { fabric }: LabEntry,
): Target | undefined | string {
  const asked = input.options['fabric']
  const name = typeof asked === 'string' ? asked : textOf(fabric.name)
  if (name === REFERENCE) return undefined
  if (typeof asked === 'string') return { entry: entryOf(context, name), isa: isaOption(input) }
  const entry = fabricEntry(name)
  const isa = textOf(fabric.isa)
  if (entry === undefined) return `no fabric ${name} here: name another one with --fabric`
  return { entry, isa: isIsa(isa) && entry.isas.length > 0 ? isa : undefined }
}

async function repeat(
  { target, chosen }: Group,
  subjects: ReadonlyMap<string, LabSubject>,
): Promise<Row[]> {
  const computer = typeof target === 'string' ? target : await openComputer(target)
  if (typeof computer === 'string') return chosen.map((each) => rowOf(each, computer, null))
  try {
    const rows: Row[] = []
    for (const each of chosen) {
      const subject = subjects.get(subjectOf(each.entry))
      if (subject === undefined) {
        rows.push(rowOf(each, 'no such program in the set: give it with --set', null))
        continue
      }
      rows.push(await compare(each, subject, computer.compute))
    }
    return rows.map((row) => ({ ...row, on: nameOf(computer) }))
  } finally {
    await computer.close()
  }
}

async function compare(
  each: Chosen,
  subject: LabSubject,
  compute: Parameters<LabSubject['run']>[0],
): Promise<Row> {
  try {
    const op = firstDifference(each.entry, await subject.run(compute))
    if (op === undefined) return rowOf(each, 'same', true)
    return rowOf(each, op < 0 ? 'other output' : `op ${op} gives other bits`, false)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return rowOf(each, whyNot(error.refusal), null)
  }
}

function nameOf({ facts }: Computer): string {
  return `${textOf(facts.name)} ${textOf(facts.isa)}`
}

function rowOf({ index, entry }: Chosen, state: string, same: boolean | null): Row {
  const { name, fabric } = entry
  const computer = { fabric: textOf(fabric.name), isa: textOf(fabric.isa) }
  return { entry: index, name: textOf(name), ...computer, same, state }
}

/** How anybody repeats this from nothing. */
function commandsOf(chosen: readonly Chosen[], path: string): string[] {
  const commits = [...new Set(chosen.map(({ entry }) => textOf(entry.commit)))]
  const which = chosen.length === 1 ? `${chosen[0]?.index} ` : ''
  return [
    ...commits.filter((commit) => commit !== '').map((commit) => `git checkout ${commit}`),
    'npm run setup',
    './tb-cli fabric selftest',
    `./tb-cli lab verify ${path}`,
    `./tb-cli lab repro ${which}--log ${path}`,
  ]
}
